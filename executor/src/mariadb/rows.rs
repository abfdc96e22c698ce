//! What the client answers in batch mode: a row a line, columns parted by tabs, escaped.

use super::MariadbError;

/// One row; each column the bytes that the server sent, `NULL` the word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub Vec<Vec<u8>>);

/// Reads one line.
pub(super) fn row_of(line: &[u8]) -> Row {
    Row(line.split(|byte| *byte == b'\t').map(unescape).collect())
}

fn unescape(column: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(column.len());
    let mut bytes = column.iter().copied();
    while let Some(byte) = bytes.next() {
        let meant = match (byte, byte == b'\\') {
            (byte, false) => byte,
            (_, true) => match bytes.next() {
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(other) => other,
                None => b'\\',
            },
        };
        plain.push(meant);
    }
    plain
}

impl Row {
    /// The first column, by which our own queries tell what a row is.
    pub fn tag(&self) -> &[u8] {
        self.0.first().map_or(b"", Vec::as_slice)
    }

    /// A column's bytes.
    ///
    /// # Errors
    /// [`MariadbError::Answer`] if there is none.
    pub fn bytes(&self, column: usize) -> Result<&[u8], MariadbError> {
        self.0.get(column).map(Vec::as_slice).ok_or_else(|| {
            MariadbError::Answer(format!("a row of {} columns where more belong", self.0.len()))
        })
    }

    /// A column as text.
    ///
    /// # Errors
    /// [`MariadbError::Answer`] if it is none.
    pub fn text(&self, column: usize) -> Result<String, MariadbError> {
        String::from_utf8(self.bytes(column)?.to_vec())
            .map_err(|_| MariadbError::Answer("a name that is no UTF-8".into()))
    }

    /// A column as a number.
    ///
    /// # Errors
    /// [`MariadbError::Answer`] if it is none.
    pub fn number(&self, column: usize) -> Result<u64, MariadbError> {
        let text = self.text(column)?;
        text.parse().map_err(|_| MariadbError::Answer(format!("{text:?} in place of a number")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_back_as_it_was_before_it_was_escaped() {
        let row = row_of(b"a\\tb\\nc\\\\d\\0\t\\\\n\t");
        assert_eq!(row.0, [b"a\tb\nc\\d\0".to_vec(), b"\\n".to_vec(), Vec::new()]);
    }
}
