//! Settings of a server that reach a session: they neither change what is saved nor refuse what was.
//!
//! Needs: mariadb, restic.

use holdfast_job::Outcome;
use holdfast_tests::DatabaseSite;

use super::{assert_comes_back, assert_refused, assert_tidy, site_with_plugins};

#[test]
fn tables_and_rows_that_only_a_lenient_session_takes_come_back() {
    let site = DatabaseSite::new();
    let columns = |count: u32, what: &str| -> String {
        (1..=count).map(|number| format!(", c{number} {what}")).collect()
    };
    let flat = format!(
        "CREATE TABLE flat (id INT PRIMARY KEY{}) ROW_FORMAT=COMPACT CHARSET=latin1;
         CREATE TABLE texts (id INT PRIMARY KEY{}) ROW_FORMAT=COMPACT;
         INSERT INTO flat (id, c1) VALUES (1, 'short'); INSERT INTO texts (id, c9) VALUES (1, 'x')",
        columns(200, "VARCHAR(255)"),
        columns(300, "TEXT"),
    );
    for (what, make) in [
        (
            "a size of compressed blocks in a table that is not compressed",
            "SET innodb_strict_mode = 0;
             CREATE TABLE z (a INT) ENGINE=InnoDB ROW_FORMAT=DYNAMIC KEY_BLOCK_SIZE=8;
             INSERT INTO z VALUES (1)",
        ),
        ("rows that may be longer than a page", &format!("SET innodb_strict_mode = 0; {flat}")),
        (
            "dates that a month does not have, and none",
            "SET sql_mode = 'ALLOW_INVALID_DATES';
             CREATE TABLE dates (id INT PRIMARY KEY, d DATE, t DATETIME(6));
             INSERT INTO dates VALUES (1, '2024-02-31', '2023-02-30 01:02:03.000004'),
                 (2, '2024-00-00', '0000-00-00 00:00:00'), (3, '0000-00-00', NULL)",
        ),
        (
            "rows that break a CHECK",
            "CREATE TABLE wc (id INT PRIMARY KEY, meta JSON);
             CREATE TABLE p (id INT PRIMARY KEY, price DECIMAL(10,2) CHECK (price >= 0),
                             CONSTRAINT odd CHECK (id % 2 = 1));
             SET check_constraint_checks = 0;
             INSERT INTO wc VALUES (1, ''); INSERT INTO p VALUES (2, -1)",
        ),
        (
            "a table in memory that is larger than such tables may be",
            "SET max_heap_table_size = 1 << 26;
             CREATE TABLE heap (id INT PRIMARY KEY, filling CHAR(250)) ENGINE=MEMORY;
             INSERT INTO heap SELECT seq, seq FROM seq_1_to_25000",
        ),
    ] {
        site.filled(make);
        assert_comes_back(&site, what);
    }
}

/// Settings that a tenant's own sessions live with, all at once.
const GLOBALS: &str = "innodb_strict_mode = 1, GLOBAL tx_read_only = 1, GLOBAL sql_safe_updates = 1, \
    GLOBAL autocommit = 0, GLOBAL completion_type = 2, GLOBAL sql_if_exists = 1, \
    GLOBAL tx_isolation = 'SERIALIZABLE', GLOBAL max_heap_table_size = 16384, \
    GLOBAL innodb_compression_default = 1, GLOBAL alter_algorithm = 'INSTANT', \
    GLOBAL idle_transaction_timeout = 1, GLOBAL wait_timeout = 1, GLOBAL net_read_timeout = 1, \
    GLOBAL sql_quote_show_create = 0, GLOBAL group_concat_max_len = 4, \
    GLOBAL sql_mode = 'ORACLE,ANSI_QUOTES,NO_BACKSLASH_ESCAPES', GLOBAL sql_auto_is_null = 1, \
    GLOBAL default_storage_engine = MyISAM, GLOBAL character_set_server = latin1, \
    GLOBAL old_mode = 'NO_PROGRESS_INFO', GLOBAL time_zone = '+07:00', \
    GLOBAL auto_increment_increment = 7, GLOBAL lc_messages = 'de_DE', \
    GLOBAL default_password_lifetime = 1, GLOBAL default_week_format = 3, \
    GLOBAL div_precision_increment = 0, GLOBAL max_sort_length = 64, \
    GLOBAL explicit_defaults_for_timestamp = 0, \
    GLOBAL system_versioning_alter_history = KEEP, GLOBAL innodb_lock_wait_timeout = 1, \
    GLOBAL old_passwords = 1";

#[test]
fn whatever_a_session_gets_from_the_server_everything_comes_back() {
    let mut site = DatabaseSite::new();
    site.filled(
        "CREATE TABLE many (id INT PRIMARY KEY AUTO_INCREMENT, t TIMESTAMP NULL, c TEXT);
         INSERT INTO many (t, c) SELECT FROM_UNIXTIME(seq), 'it\\\\''s' FROM seq_1_to_5000;
         CREATE SEQUENCE numbers; DO NEXTVAL(numbers);
         CREATE TABLE prices (id INT PRIMARY KEY, price INT) WITH SYSTEM VERSIONING;
         INSERT INTO prices SELECT seq, seq FROM seq_1_to_3000; UPDATE prices SET price = 0;
         CREATE DEFINER = 'customer_42'@'localhost' TRIGGER before_many BEFORE INSERT ON many FOR EACH ROW SET NEW.c = 'x';
         CREATE VIEW few AS SELECT id FROM many",
    );
    let good = site.schema().expect("a schema");
    for globals in [GLOBALS, "sql_select_limit = 1000"] {
        site.server.query(&format!("SET GLOBAL {globals}"));
        let snapshot = site.backed_up();
        site.server.query("SET SESSION TRANSACTION READ WRITE; DROP TABLE customer_42.many");
        site.restore(&snapshot).run().completed();
        site.node.recover();
        // Settings are gone with the server.
        site.server.stop();
        site.server.start_again();
        let is = site.schema().expect("a schema");
        assert!(good == is, "{globals}: {}", good.differences(&is));
        assert_tidy(&site);
    }
}

#[test]
fn a_server_that_cuts_off_what_the_dump_program_reads_is_refused_by_the_settings_name() {
    let site = DatabaseSite::new();
    site.filled("CREATE TABLE a (id INT PRIMARY KEY, b INT, c INT); CREATE TABLE b (id INT)");
    for limit in [0, 1, 2] {
        site.server.query(&format!("SET GLOBAL sql_select_limit = {limit}"));
        assert_refused(&site, &["sql_select_limit"]);
    }
    site.server.query("SET GLOBAL sql_select_limit = DEFAULT, GLOBAL tmp_disk_table_size = 16384");
    assert_refused(&site, &["tmp_disk_table_size"]);
    site.server.query("SET GLOBAL tmp_disk_table_size = DEFAULT, GLOBAL max_join_size = 10");
    let ended = site.node.backup_of("db").run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("max_join_size"), "{ended:?}");
    site.server.query("SET GLOBAL max_join_size = DEFAULT, GLOBAL max_session_mem_used = 8192");
    let ended = site.node.backup_of("db").run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("max_session_mem_used"), "{ended:?}");
    site.server.query("SET GLOBAL max_session_mem_used = DEFAULT, GLOBAL init_connect = 'no SQL'");
    assert_refused(&site, &["init_connect"]);
    site.server.query("SET GLOBAL init_connect = ''");
    assert_comes_back(&site, "after it");
}

#[test]
fn a_policy_for_passwords_is_kept() {
    let site = site_with_plugins();
    site.server.query(
        "INSTALL SONAME 'simple_password_check';
         SET GLOBAL simple_password_check_minimal_length = 30,
             GLOBAL simple_password_check_digits = 5,
             GLOBAL simple_password_check_letters_same_case = 5,
             GLOBAL simple_password_check_other_characters = 5",
    );
    site.filled("CREATE TABLE a (id INT PRIMARY KEY)");
    assert_comes_back(&site, "a policy");
}
