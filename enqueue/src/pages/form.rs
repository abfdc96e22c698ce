//! What every form of the pages has in it, unseen.

use maud::{Markup, html};

use super::{standing::Standing, visit::Visit};

/// The unseen fields of a form for this address. `since` makes the same order of a form that is sent
/// twice, or from two tabs, until another order was given.
pub fn unseen(visit: &Visit, standing: &Standing, address: &str) -> Markup {
    html! {
        input type="hidden" name="proof" value=(visit.proof(address));
        @if let Some(last) = standing.last_order() {
            input type="hidden" name="since" value=(last);
        }
    }
}

/// The field of a note.
pub fn note(value: &str) -> Markup {
    html! {
        div.field {
            label for="note" { "Note " span.hint { "(optional)" } }
            input #note type="text" name="note" maxlength="255" autocomplete="off" value=(value);
        }
    }
}

/// The note of a form, or none; what cannot stand in one line is said.
///
/// # Errors
/// The sentence for whoever wrote it.
pub fn noted(text: Option<String>) -> Result<Option<String>, &'static str> {
    match text {
        Some(text) if text.chars().count() > 255 || text.chars().any(char::is_control) => {
            Err("The note must have 255 characters at most, all on one line.")
        }
        text => Ok(text),
    }
}

/// The field for a word that confirms.
pub fn word(word: &str, given: &str, is_wrong: bool) -> Markup {
    let described = if is_wrong { "word-hint word-error" } else { "word-hint" };
    html! {
        div.field.wrong[is_wrong] {
            label for="word" { "Type " strong { (word) } " to confirm" }
            p.hint #word-hint { "Capital or small letters." }
            @if is_wrong {
                p.error #word-error { span.unseen { "Error: " } "Type " (word) " to confirm" }
            }
            input #word type="text" name="word" value=(given) inputmode="text" maxlength="40"
                autocapitalize="characters" autocomplete="off" spellcheck="false"
                aria-describedby=(described) aria-invalid=[is_wrong.then_some("true")];
        }
    }
}

/// True if the word is there, whatever its case and the spaces in it and around it.
pub fn is_word(word: &str, given: &str) -> bool {
    let letters: String = given.chars().filter(|letter| !letter.is_whitespace()).collect();
    letters.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_in_any_case_and_with_spaces_and_no_other_is() {
        for good in ["RESTORE", "restore", " Restore ", "RE STORE", "restore\u{a0}"] {
            assert!(is_word("RESTORE", good), "{good:?}");
        }
        for bad in ["", "RESTOR", "RESTORED", "UNDO", "ＲＥＳＴＯＲＥ"] {
            assert!(!is_word("RESTORE", bad), "{bad:?}");
        }
    }
}
