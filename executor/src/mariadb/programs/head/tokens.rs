//! The pieces of a SQL statement, told apart as the server does it.

use super::Word;

/// How the server reads the texts in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::mariadb::programs) struct Dialect {
    /// A backslash in a text is one, and escapes nothing.
    pub plain_backslash: bool,
    /// The second byte of a character may be that of a backslash.
    pub wide: bool,
}

/// Client character sets in which a character may end with the byte of a backslash.
const WIDE: [&str; 5] = ["big5", "cp932", "gb18030", "gbk", "sjis"];

impl Dialect {
    /// That of a program made under these.
    pub(in crate::mariadb::programs) fn of(sql_mode: &str, character_set_client: &str) -> Self {
        Self {
            plain_backslash: sql_mode.to_ascii_uppercase().contains("NO_BACKSLASH_ESCAPES"),
            wide: WIDE.contains(&character_set_client.to_ascii_lowercase().as_str()),
        }
    }
}

/// Reads a statement piece by piece.
pub(super) struct Reader<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) dialect: Dialect,
    /// Whether a text was read whose end the server may see elsewhere.
    pub(super) ambiguous: bool,
}

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    Name(Vec<u8>),
    Text,
    Sign(u8),
    End,
}

impl Reader<'_> {
    pub(super) fn peek(&mut self) -> Token {
        let before = self.at;
        let token = self.token();
        self.at = before;
        token
    }

    /// Passes over blanks and comments; where the next token begins. What stands in a comment that
    /// the server executes is none, and no text that the server tells has one outside a body.
    pub(super) fn skip(&mut self) -> usize {
        loop {
            let rest = &self.text[self.at..];
            let length = if rest.first().is_some_and(u8::is_ascii_whitespace) {
                1
            } else if rest.starts_with(b"/*")
                && !rest.starts_with(b"/*!")
                && !rest.starts_with(b"/*M!")
            {
                find(rest, b"*/").map_or(rest.len(), |at| at + 2)
            } else if rest.starts_with(b"#")
                || (rest.starts_with(b"--") && rest.get(2).is_none_or(u8::is_ascii_whitespace))
            {
                find(rest, b"\n").map_or(rest.len(), |at| at + 1)
            } else {
                return self.at;
            };
            self.at += length;
        }
    }

    pub(super) fn token(&mut self) -> Token {
        let begin = self.skip();
        let Some(first) = self.text.get(begin).copied() else { return Token::End };
        match first {
            b'`' | b'"' | b'\'' => {
                let inside = self.quoted(first);
                if first == b'\'' { Token::Text } else { Token::Name(inside) }
            }
            _ if is_word(first) => {
                let rest = &self.text[begin..];
                let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
                self.at = begin + length;
                let word = String::from_utf8_lossy(&rest[..length]);
                Token::Word(word.to_ascii_uppercase())
            }
            sign => {
                self.at = begin + 1;
                Token::Sign(sign)
            }
        }
    }

    /// Reads to the closing quote; a doubled one is one of the text.
    fn quoted(&mut self, quote: u8) -> Vec<u8> {
        let mut inside = Vec::new();
        let mut last = quote;
        self.at += 1;
        while let Some(byte) = self.text.get(self.at).copied() {
            self.at += 1;
            let next = self.text.get(self.at).copied();
            self.ambiguous |= self.dialect.wide && byte == b'\\' && last >= 0x80;
            last = byte;
            match byte {
                b'\\' if quote == b'\'' && !self.dialect.plain_backslash => self.at += 1,
                byte if byte == quote && next == Some(quote) => {
                    inside.push(quote);
                    self.at += 1;
                }
                byte if byte == quote => return inside,
                byte => inside.push(byte),
            }
        }
        self.at = self.at.min(self.text.len());
        inside
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
