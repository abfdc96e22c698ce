//! What people wrote in the document: paragraphs, with words of programs in backticks.

use maud::{Markup, html};

use super::tree::Tree;

/// A text with an empty line between its paragraphs.
pub fn paragraphs(text: &Tree) -> Markup {
    html! {
        @for paragraph in text.text().split("\n\n") {
            p { (line(paragraph)) }
        }
    }
}

/// A text of one paragraph.
pub fn line(text: &str) -> Markup {
    html! {
        @for (number, piece) in text.split('`').enumerate() {
            @if number % 2 == 1 { code { (piece) } } @else { (piece) }
        }
    }
}

/// A description, in one paragraph.
pub fn description(value: &Tree) -> Markup {
    line(value["description"].text())
}
