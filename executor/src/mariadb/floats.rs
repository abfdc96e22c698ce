//! Keys that hold single-precision numbers. A dump has six digits of such a number, so two rows with
//! different keys may get the same one.

use std::collections::BTreeMap;

use super::{
    MariadbError, SchemaFacts, Script, Server,
    script::{name, name_in, text},
};
use crate::stop::Stop;

impl Server<'_> {
    /// The columns in whose unique keys two rows would collide when they are loaded, a sentence each.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub(super) async fn colliding_floats(
        &self,
        schema: &str,
        facts: &SchemaFacts,
        stop: &Stop,
    ) -> Result<Vec<String>, MariadbError> {
        if facts.floats.is_empty() {
            return Ok(Vec::new());
        }
        let tables: Vec<String> = facts.floats.iter().map(|(table, _)| text(table)).collect();
        let ask = format!(
            "SELECT 'key', TABLE_NAME, INDEX_NAME, COLUMN_NAME, IFNULL(SUB_PART, 0) \
             FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND NON_UNIQUE = 0 \
             AND TABLE_NAME IN ({}) ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
            text(schema),
            tables.join(", ")
        );
        let script = Script::reading().then("look at the keys", ask);
        let mut keys: BTreeMap<(String, String), Vec<(String, u64)>> = BTreeMap::new();
        for row in self.run(&script, stop).await? {
            let columns = keys.entry((row.text(1)?, row.text(2)?)).or_default();
            columns.push((row.text(3)?, row.number(4)?));
        }
        let float = |table: &str, column: &str| {
            facts.floats.iter().any(|(t, c)| (t.as_str(), c.as_str()) == (table, column))
        };
        let (mut script, mut sentences) = (Script::reading(), Vec::new());
        for ((table, _), columns) in &keys {
            let Some((first, _)) = columns.iter().find(|(column, _)| float(table, column)) else {
                continue;
            };
            let as_dumped =
                columns.iter().map(|(column, part)| match (float(table, column), part) {
                    (true, _) => format!("CONCAT({})", name(column)),
                    (false, 0) => name(column),
                    (false, part) => format!("LEFT({}, {part})", name(column)),
                });
            let there = columns.iter().map(|(column, _)| format!("{} IS NOT NULL", name(column)));
            script.push(
                "look at the keys",
                format!(
                    "SELECT 'collision', {} FROM {} WHERE {} GROUP BY {} HAVING COUNT(*) > 1 LIMIT 1",
                    sentences.len(),
                    name_in(schema, table),
                    there.collect::<Vec<_>>().join(" AND "),
                    as_dumped.collect::<Vec<_>>().join(", ")
                ),
            );
            sentences.push(format!(
                "column {} of table {} is a FLOAT in a unique key, and two rows would have the same \
                 key in a dump, which has six digits: make it a DOUBLE",
                name(first),
                name(table)
            ));
        }
        let mut colliding = Vec::new();
        for row in self.run(&script, stop).await? {
            colliding.extend(sentences.get(row.number(1)? as usize).cloned());
        }
        Ok(colliding)
    }
}
