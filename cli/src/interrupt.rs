//! Ctrl-C while somebody waits: the waiting ends, and the job does not.

use std::sync::{Mutex, Once, PoisonError};

use serde_json::json;

use crate::{ending::Ending, voice::Voice};

static ADVICE: Mutex<String> = Mutex::new(String::new());
static LISTENING: Once = Once::new();

/// From now on Ctrl-C ends the program with this text, by the exit code that is its own.
pub fn says(voice: Voice, advice: &str) {
    let text = match voice.is_json() {
        true => json!({
            "type": "urn:holdfast:cli:interrupted",
            "status": null,
            "detail": advice,
            "exit": Ending::Interrupted.code(),
        })
        .to_string(),
        false => format!("\n{advice}"),
    };
    *ADVICE.lock().unwrap_or_else(PoisonError::into_inner) = text;
    LISTENING.call_once(|| {
        // Without it, Ctrl-C ends the program all the same, and says nothing.
        let _ = ctrlc::set_handler(|| {
            eprintln!("{}", ADVICE.lock().unwrap_or_else(PoisonError::into_inner));
            std::process::exit(Ending::Interrupted.code().into());
        });
    });
}
