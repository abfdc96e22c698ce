//! The word by which a person says that a site may be switched, after they have read what that sets
//! aside. The server knows what that is, and asks for the word itself.

use serde_json::{Map, Value};
use ureq::http::Method;

use crate::{failure::Failure, problem::Problem, session::Session, when};

/// Whether somebody has said yes beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yes {
    /// `--yes`.
    Said,
    /// Not yet.
    Ask,
}

impl From<bool> for Yes {
    fn from(said: bool) -> Self {
        if said { Self::Said } else { Self::Ask }
    }
}

/// An order that must be confirmed.
#[derive(Debug)]
pub struct Confirmed<'a> {
    /// What it does, as a sentence.
    pub what: String,
    /// The word.
    pub word: &'static str,
    /// Where it is given.
    pub path: &'a str,
    /// The order itself.
    pub body: Map<String, Value>,
}

impl Confirmed<'_> {
    /// Gives the order, once somebody has confirmed it.
    ///
    /// # Errors
    /// If nobody did, or the server refuses or does not answer.
    pub fn give(mut self, session: &Session, yes: Yes) -> Result<Value, Failure> {
        if yes == Yes::Ask {
            must_ask(session)?;
            let body = Value::Object(self.body.clone());
            match session.client.propose(self.path, &body) {
                Err(Failure::Refused(problem)) if problem.kind == "not-confirmed" => {
                    let question = format!("{}\n{}", self.what, stake(&problem));
                    if !session.voice.typed(&question, self.word) {
                        return Err(Failure::Declined);
                    }
                }
                other => return other,
            }
        }
        self.body.insert("confirm".into(), self.word.into());
        session.client.order(Method::POST, self.path, Some(&Value::Object(self.body)))
    }
}

/// Refuses where nobody can be asked.
///
/// # Errors
/// If this is no terminal.
pub fn must_ask(session: &Session) -> Result<(), Failure> {
    match session.voice.can_ask() {
        true => Ok(()),
        false => Err(Failure::Misuse(
            "this must be confirmed, and nobody can be asked here: add --yes".into(),
        )),
    }
}

/// What is at stake, as the server says it.
fn stake(problem: &Problem) -> String {
    let aside = &problem.body["sets_aside"];
    let Some(since) = aside["since"].as_str() else { return problem.detail.clone() };
    let back = match aside["undo_hours"].as_u64() {
        Some(hours) => format!("It can be brought back for {hours} hours, by an undo."),
        None => "It can NOT be brought back, as no undo copy is kept.".into(),
    };
    format!(
        "All that has changed on the site since {} UTC, up to the moment of the switch, is set aside. {back}",
        when::shown(since)
    )
}
