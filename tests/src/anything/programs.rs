//! Random programs over the tables: views, triggers, routines, events, under odd names and modes.

use super::{
    names::{Names, quoted},
    tables::Table,
};
use crate::{MariaDb, Seed};

const MODES: [&str; 6] = [
    "",
    "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
    "ANSI_QUOTES,PIPES_AS_CONCAT",
    "NO_BACKSLASH_ESCAPES",
    "ORACLE",
    "NO_ZERO_DATE,HIGH_NOT_PRECEDENCE,IGNORE_SPACE",
];

const CHARSETS: [&str; 5] = [
    "utf8mb4",
    "utf8mb4",
    "utf8mb4 COLLATE utf8mb4_unicode_520_ci",
    "utf8mb3",
    "utf8mb4 COLLATE utf8mb4_bin",
];

/// The statements that make some programs.
pub(super) fn programs(
    seed: &mut Seed,
    names: &mut Names,
    tables: &[Table],
    out: &mut Vec<String>,
) {
    let (user, _) = MariaDb::ACCOUNT;
    let definer = format!("DEFINER='{user}'@'localhost'");
    let mut views: Vec<String> = Vec::new();
    for _ in 0..seed.below(7) {
        out.push(format!("SET sql_mode = '{}'", seed.pick(&MODES)));
        out.push(format!("SET NAMES {}", seed.pick(&CHARSETS)));
        let name = quoted(&names.another(seed));
        let Some(table) = tables.get(seed.below(tables.len().max(1))) else { continue };
        let (of, column) = (quoted(&table.name), quoted(seed.pick::<String>(&table.columns)));
        let odd = "/* it's; `odd` \"x\" ö */ -- $ end\n";
        match seed.below(6) {
            0 => {
                let over = views.last().filter(|_| seed.below(3) == 0).unwrap_or(&of);
                let algorithm = *seed.pick(&["UNDEFINED", "MERGE", "TEMPTABLE"]);
                let security = *seed.pick(&["DEFINER", "INVOKER"]);
                let view = format!(
                    "CREATE ALGORITHM={algorithm} {definer} SQL SECURITY {security} VIEW {name} AS \
                     SELECT * FROM {over} WHERE 1 <> 'it''s'"
                );
                out.push(view);
                views.push(name);
            }
            1 => {
                let timing = *seed.pick(&["BEFORE", "AFTER"]);
                let event = *seed.pick(&["INSERT", "UPDATE", "DELETE"]);
                out.push(format!(
                    "CREATE {definer} TRIGGER {name} {timing} {event} ON {of} FOR EACH ROW \
                     BEGIN {odd} SET @x = '\\\\'; SET @y = CONCAT('ö', 1); END"
                ));
            }
            2 => {
                out.push(format!(
                    "CREATE {definer} FUNCTION {name}(`a b` VARCHAR(20)) RETURNS TEXT DETERMINISTIC \
                     COMMENT 'it''s' RETURN CONCAT(`a b`, 'x\\'y', {odd} 1)"
                ));
                grant(seed, "FUNCTION", &name, out);
            }
            3 => {
                out.push(format!(
                    "CREATE {definer} PROCEDURE {name}(IN a INT, OUT b TEXT) SQL SECURITY INVOKER \
                     BEGIN {odd} SELECT COUNT({column}) INTO b FROM {of}; END"
                ));
                grant(seed, "PROCEDURE", &name, out);
            }
            4 => {
                let when = *seed.pick(&[
                    "EVERY 1 YEAR STARTS '2031-01-01 00:00:00'",
                    "EVERY '1:30' HOUR_MINUTE STARTS '2031-05-05 05:05:05' ENDS '2035-01-01 00:00:00'",
                    "AT '2032-03-04 05:06:07' ON COMPLETION PRESERVE",
                ]);
                let state = *seed.pick(&["ENABLE", "DISABLE", "DISABLE ON SLAVE"]);
                out.push(format!(
                    "CREATE {definer} EVENT {name} ON SCHEDULE {when} {state} COMMENT 'it''s' \
                     DO BEGIN {odd} SET @z = 'a'; END"
                ));
            }
            _ => out.push(format!(
                "CREATE {definer} VIEW {name} AS SELECT {column} AS `a``b` FROM {of}"
            )),
        }
    }
    out.push("SET sql_mode = ''".into());
}

fn grant(seed: &mut Seed, kind: &str, name: &str, out: &mut Vec<String>) {
    if seed.below(2) == 0 {
        let right = *seed.pick(&["EXECUTE", "ALTER ROUTINE", "EXECUTE, ALTER ROUTINE"]);
        let to = MariaDb::SECOND_ACCOUNT;
        let option = *seed.pick(&["", " WITH GRANT OPTION"]);
        out.push("SET sql_mode = ''".into());
        out.push(format!("GRANT {right} ON {kind} {name} TO '{to}'@'localhost'{option}"));
    }
}
