//! Values that a dump cannot bring back, found in the live rows.

use super::{
    MariadbError, SchemaFacts, Script, Server, TableKind,
    script::{name, name_in},
};
use crate::stop::Stop;

impl Server<'_> {
    /// The columns with a value that no dump can bring back, a sentence each.
    ///
    /// # Errors
    /// [`MariadbError`].
    pub async fn unloadable_values(
        &self,
        schema: &str,
        facts: &SchemaFacts,
        stop: &Stop,
    ) -> Result<Vec<String>, MariadbError> {
        let mut found = self.colliding_floats(schema, facts, stop).await?;
        found.extend(self.empty_geometries(schema, facts, stop).await?);
        Ok(found)
    }

    /// The columns of geometry with an empty value. The server gives one to each row that is there when
    /// such a column is added, and takes none from a dump (error 1416).
    async fn empty_geometries(
        &self,
        schema: &str,
        facts: &SchemaFacts,
        stop: &Stop,
    ) -> Result<Vec<String>, MariadbError> {
        if facts.geometries.is_empty() {
            return Ok(Vec::new());
        }
        let mut script = Script::reading();
        for (number, (table, column)) in facts.geometries.iter().enumerate() {
            let versioned = facts
                .tables
                .iter()
                .any(|fact| fact.name == *table && fact.kind == TableKind::Versioned);
            script.push(
                "look at the values of geometry",
                format!(
                    "SELECT 'empty', {number} FROM {}{} WHERE LENGTH({}) = 0 LIMIT 1",
                    name_in(schema, table),
                    if versioned { " FOR SYSTEM_TIME ALL" } else { "" },
                    name(column)
                ),
            );
        }
        let rows = self.run(&script, stop).await?;
        let mut sentences = Vec::new();
        for row in rows {
            let Some((table, column)) = facts.geometries.get(row.number(1)? as usize) else {
                continue;
            };
            sentences.push(format!(
                "column {} of table {} has an empty value, which no dump can bring back: give these \
                 rows a geometry, as `WHERE LENGTH({0}) = 0` finds them",
                name(column),
                name(table)
            ));
        }
        Ok(sentences)
    }
}
