//! What a person should know before they let a site be switched, and the word by which they say that
//! they do.

use holdfast_job::Moment;

use super::time;
use crate::problem::Problem;

/// What a switch sets aside.
#[derive(Debug)]
pub struct SetsAside {
    /// Everything since this, up to the switch.
    pub since: Moment,
    /// For how long it can be brought back; not at all without.
    pub undo_hours: Option<u64>,
}

impl SetsAside {
    /// Refuses unless the word was given.
    ///
    /// # Errors
    /// 422, which says what would be set aside and until when it can be brought back.
    pub fn confirmed_by(&self, word: &str, given: Option<&str>) -> Result<(), Problem> {
        if given == Some(word) {
            return Ok(());
        }
        let since = time(self.since);
        let back = match self.undo_hours {
            Some(hours) => format!("It can be brought back for {hours} hours."),
            None => "It cannot be brought back, as no undo copy was asked for.".into(),
        };
        let detail = format!(
            "Everything that has changed on the site since {since}, up to the moment of the switch, is \
             set aside. {back} Send `\"confirm\": \"{word}\"` to go on."
        );
        let aside = serde_json::json!({
            "since": since,
            "until": "the switch",
            "undo_hours": self.undo_hours,
        });
        Err(Problem::unprocessable("not-confirmed", detail).with("sets_aside", aside))
    }
}
