//! A text that is not longer than somebody will read.

/// The longest text, in bytes, that is written into a log or a result: names and paths of a tenant's, and
/// what an order says, may be of any length.
pub const LONGEST_TEXT: usize = 16 << 10;

/// The text, or its beginning and how much is left out.
pub fn bounded(text: String) -> String {
    if text.len() <= LONGEST_TEXT {
        return text;
    }
    let end = text.floor_char_boundary(LONGEST_TEXT);
    format!("{} [… {} bytes left out …]", &text[..end], text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        assert_eq!(bounded("short".into()), "short");
        let long = bounded(format!("x{}", "ü".repeat(LONGEST_TEXT)));
        assert!(
            long.len() < LONGEST_TEXT + 50 && long.ends_with("bytes left out …]"),
            "{}",
            long.len()
        );
    }
}
