//! A sentence that whoever reads a result should know although the order was carried out.

use serde::{Deserialize, Serialize};

/// A note, in two texts as a failure has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// For the customer: no path, no secret. Absent if it is the host's business alone.
    pub customer: Option<String>,
    /// For the operator, with what to do.
    pub operator: String,
}

impl Note {
    /// What was done, and what is to be known of it: for the customer and for the operator.
    pub fn behind(done: &str, notes: &[Self]) -> (String, String) {
        let with = |texts: &mut dyn Iterator<Item = &String>| {
            texts.fold(done.to_owned(), |told, text| format!("{told} {text}"))
        };
        (
            with(&mut notes.iter().filter_map(|note| note.customer.as_ref())),
            with(&mut notes.iter().map(|note| &note.operator)),
        )
    }
}
