//! Odd names, none of them twice.

use crate::Seed;

/// The names, of things and of columns.
const ODD: [&str; 24] = [
    "plain",
    "with space",
    "it's",
    "back`tick",
    "\"double\"",
    "semi;colon",
    "per%cent",
    "under_score",
    "slash/es\\",
    "dot.dot",
    "#hash",
    "@at",
    "-- dash",
    "/* x */",
    "ünï→",
    "кириллица",
    "表",
    "select",
    "123",
    "1e5",
    "$dollar$",
    "two\nlines",
    "tab\tbed",
    "UPPER",
];

/// The names that are taken.
#[derive(Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// A new one.
    pub(super) fn another(&mut self, seed: &mut Seed) -> String {
        let name = free(seed, &self.0);
        self.0.push(name.clone());
        name
    }

    /// A new one for a column beside these.
    pub(super) fn column(&self, seed: &mut Seed, beside: &[String]) -> String {
        free(seed, beside)
    }
}

fn free(seed: &mut Seed, taken: &[String]) -> String {
    let mut name = (*seed.pick(&ODD)).to_owned();
    if seed.below(20) == 0 {
        name = "ö".repeat(60);
    }
    while taken.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
        name.push_str(&seed.below(10).to_string());
    }
    name
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as SQL has it in whatever mode.
pub(super) fn text(text: &str) -> String {
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    match text.is_empty() {
        true => "''".into(),
        false => format!("_utf8mb4 X'{hex}'"),
    }
}
