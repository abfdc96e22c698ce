//! Random tables with rows: every type, key, engine and option, under odd names.
//!
//! A statement that the server does not take is left out by it, so nothing here need be right.

use super::names::{Names, quoted, text};
use crate::Seed;

/// A type and values of it, as SQL. A value may be one that only a lenient session takes.
const TYPES: [(&str, &[&str]); 47] = [
    ("TINYINT", &["-128", "127", "0"]),
    ("SMALLINT UNSIGNED", &["65535", "0"]),
    ("MEDIUMINT", &["-8388608", "1"]),
    ("INT", &["-2147483648", "2147483647", "0"]),
    ("INT(9) ZEROFILL", &["7", "4294967295"]),
    ("BIGINT", &["-9223372036854775808", "9223372036854775807"]),
    ("BIGINT UNSIGNED", &["18446744073709551615", "0"]),
    (
        "DECIMAL(65,30)",
        &["99999999999999999999999999999999999.999999999999999999999999999999", "-1e-30"],
    ),
    ("DECIMAL(10,2) UNSIGNED", &["0.01", "99999999.99"]),
    ("FLOAT", &["1.5", "-0.25", "1e10"]),
    ("FLOAT(12,3)", &["1.125", "16777.215"]),
    ("DOUBLE", &["1.7976931348623157e308", "4.9e-324", "0.1", "-1.10000000000000002"]),
    ("DOUBLE(20,5)", &["1.00001", "-3"]),
    ("BIT(1)", &["b'1'", "b'0'"]),
    ("BIT(64)", &["b'1010101'", "18446744073709551615"]),
    ("BOOLEAN", &["TRUE", "FALSE"]),
    ("CHAR(10)", &["'a '", "''", "'ä\\0b'"]),
    ("CHAR(0)", &["''"]),
    ("VARCHAR(40)", &["'it''s \\\\ \"q\"'", "' x '", "'\\n\\r\\t\\0'", "'ö🐦'", "'NULL'"]),
    ("VARCHAR(300)", &["REPEAT('\\'', 300)", "''", "'-- x'", "'/*! x */'"]),
    ("BINARY(5)", &["X'00ff27'", "''"]),
    ("VARBINARY(300)", &["X'00ff275c0a'", "''", "REPEAT(X'5c', 300)"]),
    ("TINYTEXT", &["'x'", "''"]),
    ("TEXT", &["REPEAT('a;\\n', 2000)", "'INSERT INTO `a` VALUES (1);'", "''"]),
    ("MEDIUMTEXT", &["REPEAT('🐦', 9000)", "'b'"]),
    ("LONGTEXT", &["'\\\\! x'", "'DELIMITER $$'"]),
    ("TINYBLOB", &["X'00'", "''"]),
    ("BLOB", &["REPEAT(X'00ff', 30000)", "X'27'"]),
    ("LONGBLOB", &["REPEAT(X'0a', 200000)", "''"]),
    ("DATE", &["'0000-00-00'", "'9999-12-31'", "'2024-00-00'", "'2024-02-31'"]),
    ("TIME(6)", &["'-838:59:59.999999'", "'00:00:00'"]),
    ("TIME", &["'838:59:59'"]),
    (
        "DATETIME(6)",
        &["'0000-00-00 00:00:00'", "'9999-12-31 23:59:59.999999'", "'2024-02-30 01:02:03'"],
    ),
    ("DATETIME", &["'1000-01-01 00:00:00'"]),
    (
        "TIMESTAMP NULL",
        &["'2001-09-09 01:46:40'", "'0000-00-00 00:00:00'", "'2038-01-18 03:14:07'"],
    ),
    ("TIMESTAMP(6)", &["'2026-10-25 02:30:00.000001'", "'1971-01-01 00:00:01'"]),
    ("YEAR", &["1901", "2155", "0"]),
    ("ENUM('a','it''s','','ö;')", &["'a'", "2", "''", "0"]),
    ("SET('x','y','\\\\z')", &["'x,y'", "''", "7"]),
    ("JSON", &["'{\"a\": [1, \"ö\"]}'", "'null'", "'no'"]),
    ("INET4", &["'127.0.0.1'"]),
    ("INET6", &["'::1'", "'fe80::1'"]),
    ("UUID", &["'123e4567-e89b-12d3-a456-426655440000'", "UUID()"]),
    ("POINT", &["POINT(1, 2)"]),
    ("GEOMETRY", &["ST_GeomFromText('LINESTRING(0 0, 1 1.5)')", "POINT(-1, 0.1)"]),
    ("POLYGON", &["ST_GeomFromText('POLYGON((0 0, 0 1, 1 1, 0 0))')"]),
    ("VARCHAR(90) COMPRESSED", &["REPEAT('a', 90)", "''"]),
];

const COLLATIONS: [&str; 22] = [
    "utf8mb4_bin",
    "utf8mb4_general_ci",
    "utf8mb4_unicode_520_nopad_ci",
    "utf8mb4_uca1400_ai_ci",
    "utf8mb4_vietnamese_ci",
    "utf8mb3_general_ci",
    "utf8mb3_bin",
    "latin1_swedish_ci",
    "latin1_german2_ci",
    "latin1_nopad_bin",
    "ascii_bin",
    "binary",
    "ucs2_general_ci",
    "utf16_unicode_ci",
    "utf32_general_ci",
    "big5_chinese_ci",
    "sjis_japanese_ci",
    "gbk_chinese_ci",
    "koi8r_general_ci",
    "hebrew_bin",
    "cp1250_czech_cs",
    "ujis_japanese_ci",
];

const ENGINES: [&str; 9] =
    ["InnoDB", "InnoDB", "InnoDB", "InnoDB", "InnoDB", "MyISAM", "Aria", "MEMORY", "CSV"];

const OPTIONS: [&str; 20] = [
    "",
    "",
    "",
    "ROW_FORMAT=COMPACT",
    "ROW_FORMAT=REDUNDANT",
    "ROW_FORMAT=DYNAMIC",
    "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=4",
    "KEY_BLOCK_SIZE=8",
    "PAGE_COMPRESSED=1",
    "PAGE_COMPRESSED=1 PAGE_COMPRESSION_LEVEL=9",
    "AUTO_INCREMENT=1000",
    "CHECKSUM=1",
    "STATS_PERSISTENT=0 STATS_AUTO_RECALC=1 STATS_SAMPLE_PAGES=5",
    "MIN_ROWS=5 MAX_ROWS=100000 AVG_ROW_LENGTH=90",
    "PACK_KEYS=1 DELAY_KEY_WRITE=1",
    "PAGE_CHECKSUM=1",
    "ENCRYPTED=NO",
    "ROW_FORMAT=FIXED",
    "INSERT_METHOD=LAST",
    "ROW_FORMAT=PAGE",
];

/// Modes of the session that makes tables and rows.
const MODES: [&str; 8] = [
    "",
    "",
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE",
    "ALLOW_INVALID_DATES",
    "ANSI_QUOTES,PIPES_AS_CONCAT",
    "NO_BACKSLASH_ESCAPES",
    "NO_AUTO_VALUE_ON_ZERO",
    "PAD_CHAR_TO_FULL_LENGTH",
];

/// Partitions of versioned tables, and of others.
const BY_TIME: [&str; 3] = [
    "PARTITION BY SYSTEM_TIME INTERVAL 1 MONTH (PARTITION p0 HISTORY, PARTITION pn CURRENT)",
    "PARTITION BY SYSTEM_TIME LIMIT 2 (PARTITION p0 HISTORY, PARTITION p1 HISTORY, PARTITION pn CURRENT)",
    "PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION pn CURRENT)",
];
const BY_ROW: [&str; 6] = [
    "PARTITION BY HASH (id) PARTITIONS 3",
    "PARTITION BY KEY (id) PARTITIONS 2",
    "PARTITION BY RANGE (id) (PARTITION `p 0` VALUES LESS THAN (3) COMMENT 'it''s', PARTITION rest VALUES LESS THAN MAXVALUE)",
    "PARTITION BY LIST (id) (PARTITION p0 VALUES IN (1, 2), PARTITION rest DEFAULT)",
    "PARTITION BY RANGE (id) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (9), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "PARTITION BY LINEAR HASH (id) PARTITIONS 5",
];

/// Comments of tables.
const COMMENTS: [&str; 3] = ["", "it's `odd`; \\ -- \n/* x */", "ö DATA DIRECTORY=/x"];

/// A table that was made, if the server took it.
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
}

/// The statements that make some tables and fill them.
pub(super) fn tables(seed: &mut Seed, names: &mut Names, out: &mut Vec<String>) -> Vec<Table> {
    let mode = *seed.pick(&MODES);
    let lenient = seed.below(3) == 0;
    out.push(format!("SET sql_mode = '{mode}'"));
    out.push(format!(
        "SET innodb_strict_mode = {0}, check_constraint_checks = {0}, foreign_key_checks = {1}",
        u8::from(!lenient),
        seed.below(2)
    ));
    for _ in 0..seed.below(2) {
        sequence(seed, names, out);
    }
    let mut made: Vec<Table> = Vec::new();
    for _ in 0..1 + seed.below(5) {
        let table = table(seed, names, &made, out);
        made.push(table);
    }
    out.push("SET sql_mode = '', foreign_key_checks = 1, check_constraint_checks = 1".into());
    made
}

fn sequence(seed: &mut Seed, names: &mut Names, out: &mut Vec<String>) {
    let name = quoted(&names.another(seed));
    let options = [
        "",
        "START WITH 7 INCREMENT BY -3 MINVALUE -100 MAXVALUE 50",
        "CYCLE CACHE 0",
        "ENGINE=MyISAM",
    ];
    out.push(format!("CREATE SEQUENCE {name} {}", seed.pick(&options)));
    out.push(format!("DO NEXTVAL({name})"));
}

fn table(seed: &mut Seed, names: &mut Names, before: &[Table], out: &mut Vec<String>) -> Table {
    let name = names.another(seed);
    let engine = *seed.pick(&ENGINES);
    let versioned = engine != "CSV" && seed.below(5) == 0;
    let mut columns = vec!["id".to_owned()];
    let counter = if engine != "CSV" && seed.below(2) == 0 { " AUTO_INCREMENT" } else { "" };
    let mut lines = vec![format!("`id` INT NOT NULL{counter}")];
    let mut values: Vec<(String, &[&str])> = Vec::new();
    for _ in 0..1 + seed.below(7) {
        let column = names.column(seed, &columns);
        let (of, its) = *seed.pick(&TYPES);
        lines.push(column_line(seed, &column, of, its, engine, versioned));
        values.push((column.clone(), its));
        columns.push(column);
    }
    let stored = columns.clone();
    if engine != "CSV" && seed.below(3) == 0 {
        lines.push(generated(seed, names, &mut columns));
    }
    lines.extend(keys(seed, &stored, engine));
    if seed.below(4) == 0 {
        let odd = quoted(&names.column(seed, &columns));
        let of = quoted(seed.pick::<String>(&stored));
        let checks = [
            format!("CONSTRAINT {odd} CHECK ({of} IS NOT NULL OR `id` > 0)"),
            format!("CHECK (`id` % 2 = 1 AND 'it''s' <> {})", text("\\;`")),
            format!("CONSTRAINT {odd} CHECK (CHAR_LENGTH({of}) < 5)"),
        ];
        lines.push(seed.pick(&checks).clone());
    }
    if let Some(parent) = before.last().filter(|_| engine == "InnoDB" && seed.below(2) == 0) {
        let (named, actions) =
            (quoted(&names.another(seed)), ["", "ON DELETE CASCADE", "ON UPDATE SET NULL"]);
        lines.push(format!(
            "CONSTRAINT {named} FOREIGN KEY (`id`) REFERENCES {} (`id`) {}",
            quoted(&parent.name),
            seed.pick(&actions)
        ));
    }
    let period = versioned && seed.below(3) == 0;
    if period {
        lines.push("`from the` TIMESTAMP(6) GENERATED ALWAYS AS ROW START".into());
        lines.push("`to the` TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE".into());
        lines.push("PERIOD FOR SYSTEM_TIME (`from the`, `to the`)".into());
    }
    if engine != "CSV" && seed.below(8) == 0 {
        lines.push("`begins` DATE NOT NULL DEFAULT '2020-01-01'".into());
        lines.push("`ends` DATE NOT NULL DEFAULT '2021-01-01'".into());
        lines.push("PERIOD FOR `for` (`begins`, `ends`)".into());
    }
    let collation = match seed.below(3) {
        0 => String::new(),
        _ => {
            let collation = *seed.pick(&COLLATIONS);
            format!("CHARACTER SET {} COLLATE {collation}", charset_of(collation))
        }
    };
    let comment = text(seed.pick::<&str>(&COMMENTS));
    let versioning = if versioned { "WITH SYSTEM VERSIONING" } else { "" };
    let partitions = if seed.below(4) == 0 { partitioning(seed, versioned) } else { "" };
    let (of, option) = (quoted(&name), *seed.pick(&OPTIONS));
    out.push(format!(
        "CREATE TABLE {of} (\n{}\n) ENGINE={engine} {option} {collation} COMMENT={comment} {versioning} \
         {partitions}",
        lines.join(",\n"),
    ));
    // Where all of it together is not taken, as much as is taken by itself.
    out.push(format!("CREATE TABLE IF NOT EXISTS {of} ({}) ENGINE={engine} {collation}", lines[0]));
    for line in &lines[1..] {
        out.push(format!("ALTER TABLE {of} ADD {line}"));
    }
    for more in [option, &format!("COMMENT={comment}"), partitions] {
        if !more.is_empty() {
            out.push(format!("ALTER TABLE {of} {more}"));
        }
    }
    if versioned {
        out.push(format!("ALTER TABLE {of} ADD SYSTEM VERSIONING"));
    }
    rows(seed, &name, &values, versioned, out);
    Table { name, columns }
}

fn charset_of(collation: &str) -> &str {
    collation.split('_').next().unwrap_or(collation)
}

fn column_line(
    seed: &mut Seed,
    column: &str,
    of: &str,
    values: &[&str],
    engine: &str,
    versioned: bool,
) -> String {
    let is_text = ["CHAR", "VARCHAR", "TEXT", "TINYTEXT", "MEDIUMTEXT", "LONGTEXT", "ENUM", "SET"]
        .iter()
        .any(|word| of.starts_with(word));
    let mut line = format!("{} {of}", quoted(column));
    if is_text && seed.below(3) == 0 {
        let collation = *seed.pick(&COLLATIONS);
        line.push_str(&format!(" CHARACTER SET {} COLLATE {collation}", charset_of(collation)));
    }
    let nullable = if engine == "CSV" || seed.below(4) == 0 { " NOT NULL" } else { "" };
    line.push_str(nullable);
    match seed.below(6) {
        0 => line.push_str(&format!(" DEFAULT {}", seed.pick(values))),
        1 if of.starts_with("VARCHAR") => {
            line.push_str(&format!(" DEFAULT (CONCAT({}, UUID()))", text("it's ö\\")));
        }
        2 if of.contains("(6)") && !of.starts_with("TIME(") => {
            line.push_str(" DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)");
        }
        3 => line.push_str(" DEFAULT (1 + 1)"),
        _ => {}
    }
    if engine != "CSV" && seed.below(8) == 0 {
        line.push_str(" INVISIBLE DEFAULT NULL");
    }
    if versioned && seed.below(4) == 0 {
        line.push_str(" WITHOUT SYSTEM VERSIONING");
    }
    if seed.below(8) == 0 {
        line.push_str(&format!(" COMMENT {}", text("c'; \n` \\")));
    }
    line
}

fn generated(seed: &mut Seed, names: &Names, columns: &mut Vec<String>) -> String {
    let (column, of) = (names.column(seed, columns), quoted(seed.pick::<String>(columns)));
    let expressions = [
        ("BIGINT", "`id` * 2 + 1".to_owned()),
        ("VARCHAR(900)", format!("CONCAT('it''s ', HEX({of}))")),
        ("INT", format!("IF({of} IS NULL, 1, CHAR_LENGTH({of}))")),
        ("CHAR(32)", format!("MD5({of})")),
    ];
    let (kind, expression) = seed.pick(&expressions);
    let how = *seed.pick(&["VIRTUAL", "PERSISTENT", "VIRTUAL INVISIBLE"]);
    let line = format!("{} {kind} GENERATED ALWAYS AS ({expression}) {how}", quoted(&column));
    columns.push(column);
    line
}

fn keys(seed: &mut Seed, columns: &[String], engine: &str) -> Vec<String> {
    if engine == "CSV" {
        return Vec::new();
    }
    let mut keys = vec![match seed.below(6) {
        0 => "UNIQUE KEY (`id`)".into(),
        1 => "KEY (`id`)".into(),
        2 => "PRIMARY KEY (`id` DESC)".into(),
        _ => "PRIMARY KEY (`id`)".into(),
    }];
    for number in 0..seed.below(3) {
        let of = quoted(seed.pick::<String>(columns));
        let name = quoted(&format!("key {number}'s `"));
        let kinds = [
            format!("KEY {name} ({of})"),
            format!("KEY {name} ({of}(5), `id`)"),
            format!("KEY {name} ({of}) IGNORED"),
            format!("FULLTEXT KEY {name} ({of})"),
            format!("SPATIAL KEY {name} ({of})"),
            format!("KEY {name} (`id` DESC, {of}) COMMENT 'k''s'"),
            format!("UNIQUE KEY {name} ({of}, `id`)"),
            format!("KEY {name} ({of}) USING HASH"),
        ];
        keys.push(seed.pick(&kinds).clone());
    }
    keys
}

fn partitioning(seed: &mut Seed, versioned: bool) -> &'static str {
    if versioned { seed.pick::<&str>(&BY_TIME) } else { seed.pick::<&str>(&BY_ROW) }
}

fn rows(
    seed: &mut Seed,
    name: &str,
    values: &[(String, &[&str])],
    versioned: bool,
    out: &mut Vec<String>,
) {
    let of = quoted(name);
    for number in 1..=seed.below(8) {
        out.push(format!("INSERT IGNORE INTO {of} (`id`) VALUES ({number})"));
        for (column, its) in values {
            let value = if seed.below(8) == 0 { "NULL" } else { *seed.pick(its) };
            if seed.below(6) > 0 {
                let set = format!("SET {} = {value}", quoted(column));
                out.push(format!("UPDATE IGNORE {of} {set} WHERE `id` = {number}"));
            }
        }
    }
    if versioned || seed.below(4) == 0 {
        if let Some((column, its)) = values.first() {
            out.push(format!(
                "UPDATE IGNORE {of} SET {} = {} WHERE id < 3",
                quoted(column),
                seed.pick(its)
            ));
        }
        out.push(format!("DELETE FROM {of} WHERE id = 2"));
    }
}
