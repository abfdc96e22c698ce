//! What the program says: answers on stdout, everything beside them on stderr. What comes from others
//! and stands in a text never steers the terminal.

use std::{
    borrow::Cow,
    io::{self, BufRead, IsTerminal, Write},
};

use serde_json::Value;

use crate::failure::Failure;

/// How it speaks.
#[derive(Debug, Clone, Copy)]
pub struct Voice {
    form: Form,
    beside: Beside,
}

/// In what form answers are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What is said beside the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// How it goes, and what one may do next.
    Usual,
    /// Errors alone.
    Nothing,
}

impl Voice {
    /// One that speaks so.
    pub fn new(form: Form, beside: Beside) -> Self {
        Self { form, beside }
    }

    /// Whether answers are for programs.
    pub fn is_json(self) -> bool {
        self.form == Form::Json
    }

    /// Whether it keeps to answers and errors.
    pub fn is_quiet(self) -> bool {
        self.beside == Beside::Nothing
    }

    /// Whether somebody sits before it who sees a bar move.
    pub fn shows_bar(self) -> bool {
        self.form == Form::Text && !self.is_quiet() && io::stderr().is_terminal()
    }

    /// An answer, for people.
    ///
    /// # Errors
    /// If nobody reads it.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        writeln!(io::stdout().lock(), "{}", plain(text)).map_err(Failure::Output)
    }

    /// An answer, for programs, on one line.
    ///
    /// # Errors
    /// If nobody reads it.
    pub fn json(self, value: &Value) -> Result<(), Failure> {
        writeln!(io::stdout().lock(), "{value}").map_err(Failure::Output)
    }

    /// What stands beside the answers.
    pub fn note(self, text: &str) {
        if !self.is_quiet() && !self.is_json() {
            // Whoever closes stderr wants no notes.
            let _ = writeln!(io::stderr().lock(), "{}", plain(text));
        }
    }

    /// What went wrong.
    pub fn failure(self, failure: &Failure, holdfast: &str) {
        let text = match self.form {
            Form::Json => failure.json().to_string(),
            Form::Text => format!("holdfast: {}", failure.text(holdfast)),
        };
        let _ = writeln!(io::stderr().lock(), "{}", plain(&text));
    }

    /// What somebody must hear who wants to hear nothing else.
    pub fn complain(self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", plain(text));
    }

    /// Whether somebody can be asked.
    pub fn can_ask(self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks for a word, and says whether it was typed.
    pub fn typed(self, question: &str, word: &str) -> bool {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{}\nType {word} to go on: ", plain(question));
        let _ = stderr.flush();
        let mut typed = String::new();
        io::stdin().lock().read_line(&mut typed).is_ok() && typed.trim() == word
    }
}

/// A text without control characters, line feeds apart: names of files are anybody's.
pub fn plain(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n';
    match text.contains(steers) {
        true => text.replace(steers, "\u{fffd}").into(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_the_terminal_is_made_plain() {
        assert_eq!(plain("two\nlines, Zoë"), "two\nlines, Zoë");
        assert_eq!(plain("\u{1b}[2Jgone\r"), "\u{fffd}[2Jgone\u{fffd}");
        assert_eq!(plain("\u{9b}2J"), "\u{fffd}2J");
    }
}
