//! Tables whose columns stand one below the other.

use crate::voice::plain;

/// A table: its head, and rows of as many cells.
#[derive(Debug)]
pub struct Table<const N: usize> {
    head: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// An empty one.
    pub fn new(head: [&'static str; N]) -> Self {
        Self { head, rows: Vec::new() }
    }

    /// One more row.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| plain(&cell).replace('\n', " ")));
    }

    /// Its lines: two spaces between columns, none at the end of a line.
    pub fn text(&self) -> String {
        let head = self.head.map(str::to_owned);
        let all = || std::iter::once(&head).chain(&self.rows);
        let mut widths = [0; N];
        for cells in all() {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(console::measure_text_width(cell));
            }
        }
        let line = |cells: &[String; N]| {
            let padded = cells.iter().zip(widths).map(|(cell, width)| {
                let missing = width - console::measure_text_width(cell);
                format!("{cell}{}", " ".repeat(missing))
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        all().map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_one_below_the_other_whatever_is_in_them() {
        let mut table = Table::new(["a", "second", "c"]);
        table.row(["Zoë".into(), "1".into(), "tail".into()]);
        table.row(["x".into(), "two\nlines".into(), String::new()]);
        assert_eq!(table.text(), "a    second     c\nZoë  1          tail\nx    two lines");
    }
}
