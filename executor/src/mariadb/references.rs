//! Foreign keys as InnoDB's own dictionary has them.
//!
//! `information_schema.REFERENTIAL_CONSTRAINTS` opens the tables of every schema that it is not told to
//! leave out, and waits for the locks of all tenants. `INNODB_SYS_FOREIGN` opens no table. It has names
//! as they are on disk, in the character set `filename`.

use super::script::text;
use crate::config::OUR_PREFIX;

/// A question for the foreign keys of other schemas to the tables of this one: a row each, with the tag
/// `hanger-on`, schema and table of either side. Those of our own schemas are no obstacle.
pub(super) fn hangers_on(schema: &str) -> String {
    let s = text(schema);
    let ours = text(OUR_PREFIX);
    let [from, from_table] = halves("FOR_NAME");
    let [to, to_table] = halves("REF_NAME");
    format!(
        "SELECT 'hanger-on', {from}, {from_table}, {to}, {to_table} \
         FROM information_schema.INNODB_SYS_FOREIGN WHERE {to} = {s} AND {from} <> {s} \
         AND LEFT({from}, CHAR_LENGTH({ours})) <> {ours}"
    )
}

/// A question for the foreign keys between these schemas that name another one's table or one that InnoDB
/// does not have: a row each, with the tag `reference`, schema and table of either side, and 1 if that
/// table is missing. Without any foreign key the server's dictionary is not read; with many, each of its
/// tables is found by a hash, since those of all tenants are in it.
pub(super) fn of_schemas(schemas: &[&str]) -> String {
    let [from, from_table] = halves("f.FOR_NAME");
    let [to, to_table] = halves("f.REF_NAME");
    let list: Vec<String> = schemas.iter().map(|schema| text(schema)).collect();
    let list = list.join(", ");
    format!(
        "BEGIN NOT ATOMIC IF EXISTS (SELECT 1 FROM information_schema.INNODB_SYS_FOREIGN f \
         WHERE {from} IN ({list})) THEN \
         SET STATEMENT join_cache_level = 4 FOR \
         SELECT DISTINCT 'reference', {from}, {from_table}, {to}, {to_table}, t.NAME IS NULL \
         FROM information_schema.INNODB_SYS_FOREIGN f \
         LEFT JOIN information_schema.INNODB_SYS_TABLES t \
         ON t.NAME = f.REF_NAME AND BINARY t.NAME = BINARY f.REF_NAME \
         WHERE {from} IN ({list}) AND {to} IN ({list}) AND (t.NAME IS NULL OR {from} <> {to}); \
         END IF; END"
    )
}

/// Schema and table of a name such as `shop/customers`.
fn halves(column: &str) -> [String; 2] {
    let plain = |part: String| {
        format!(
            "CONVERT(CAST(CAST({part} AS BINARY) AS CHAR CHARACTER SET filename) USING utf8mb4)"
        )
    };
    [
        plain(format!("SUBSTRING_INDEX({column}, '/', 1)")),
        plain(format!("SUBSTRING_INDEX({column}, '/', -1)")),
    ]
}
