//! Foreign keys that name a schema of ours, as earlier versions left them in live tables: a dump names
//! the table of the same name beside them, as they once did.

use std::io;

use super::{SchemaFacts, script::name};

/// The beginning of each line with a foreign key. No line of rows begins so: a text has no line ends in
/// a dump.
const FOREIGN_KEY: &[u8] = b"  CONSTRAINT `";

/// A dump on its way, line by line as far as needed.
#[derive(Debug, Default)]
pub(super) struct Redirect {
    /// The words before the name of a table in a schema of ours.
    astray: Vec<Vec<u8>>,
    line: Vec<u8>,
    /// True in a line that has no foreign key.
    passes: bool,
}

impl Redirect {
    /// For a schema.
    pub(super) fn of(facts: &SchemaFacts) -> Self {
        let words =
            |astray: &super::Astray| format!(" REFERENCES {}.", name(&astray.schema)).into_bytes();
        let mut astray: Vec<Vec<u8>> = facts.astray.iter().map(words).collect();
        astray.dedup();
        Self { astray, ..Self::default() }
    }

    /// Takes the next bytes, and gives on what is known.
    pub(super) fn take(
        &mut self,
        said: &[u8],
        mut give: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.astray.is_empty() {
            return give(said);
        }
        for piece in said.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.ends_with(b"\n");
            if self.passes {
                give(piece)?;
                self.passes = !ends;
                continue;
            }
            self.line.extend_from_slice(piece);
            let may_be = self.line.starts_with(FOREIGN_KEY) || FOREIGN_KEY.starts_with(&self.line);
            if may_be && !ends {
                continue;
            }
            give(&self.redirected())?;
            self.line.clear();
            self.passes = !ends;
        }
        Ok(())
    }

    fn redirected(&self) -> Vec<u8> {
        if !self.line.starts_with(FOREIGN_KEY) {
            return self.line.clone();
        }
        let places = self.astray.iter().filter_map(|words| {
            let place =
                self.line.windows(words.len()).position(|window| window == words.as_slice())?;
            Some((place, words.len()))
        });
        match places.min() {
            Some((place, length)) => {
                [&self.line[..place], b" REFERENCES ", &self.line[place + length..]].concat()
            }
            None => self.line.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_key_astray_is_redirected_however_the_dump_is_cut() {
        let mut facts = SchemaFacts::default();
        let astray = |schema: &str| super::super::Astray {
            table: "child".into(),
            schema: schema.into(),
            parent: "parent".into(),
        };
        facts.astray = vec![astray("holdfast_stage_42_x"), astray("holdfast_undo_42_y")];
        let dump = "CREATE TABLE `child` (\n  `a` int,\n\
            \x20 CONSTRAINT `a` FOREIGN KEY (`a`) REFERENCES `holdfast_stage_42_x`.`parent` (`id`),\n\
            \x20 CONSTRAINT `b` FOREIGN KEY (`a`) REFERENCES `other` (`id`)\n);\n\
            INSERT INTO `t` VALUES\n('  CONSTRAINT ` REFERENCES `holdfast_undo_42_y`.');\n";
        let expected = dump.replace("`holdfast_stage_42_x`.", "");
        for size in [1, 2, 5, 17, dump.len()] {
            let (mut redirect, mut out) = (Redirect::of(&facts), Vec::new());
            for chunk in dump.as_bytes().chunks(size) {
                redirect
                    .take(chunk, |bytes| {
                        out.extend_from_slice(bytes);
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(String::from_utf8(out).unwrap(), expected, "by {size}");
        }
    }
}
