//! Rows that are longer than a packet of the server.
//!
//! Needs: mariadb, restic.

use holdfast_job::Outcome;
use holdfast_tests::DatabaseSite;

use super::{assert_comes_back, assert_refused};

#[test]
fn a_row_that_the_server_would_not_take_back_is_refused_at_the_backup_by_table_and_length() {
    let site = DatabaseSite::new();
    // Hexadecimal doubles it.
    site.filled(
        "CREATE TABLE small (id INT PRIMARY KEY);
         CREATE TABLE media (id INT PRIMARY KEY, body LONGBLOB);
         INSERT INTO media VALUES (1, REPEAT(UNHEX('00FF'), 4700000))",
    );
    let result = assert_refused(&site, &["`media`", "18800033 bytes", "packets of 16777216"]);
    assert!(result.customer_message.contains("table `media`"), "{result:?}");
    // Each quote is doubled.
    site.filled(
        "CREATE TABLE txt (id INT PRIMARY KEY, body LONGTEXT);
         INSERT INTO txt VALUES (1, REPEAT(CHAR(39), 9000000))",
    );
    assert_refused(&site, &["`txt`", "packets of 16777216"]);
}

#[test]
fn rows_that_the_server_takes_come_back_however_long_they_are() {
    let site = DatabaseSite::with_options(&["--max-allowed-packet=64M"]);
    for bytes in [11_000_000, 30_000_000] {
        site.filled(&format!(
            "CREATE TABLE media (id INT PRIMARY KEY, body LONGBLOB);
             INSERT INTO media VALUES (1, REPEAT('x', {bytes}))"
        ));
        assert_comes_back(&site, &bytes.to_string());
    }
}

#[test]
fn a_server_of_small_packets_gets_small_statements() {
    let site = DatabaseSite::with_options(&["--max-allowed-packet=64K"]);
    site.filled(
        "CREATE TABLE many (id INT PRIMARY KEY, filling VARCHAR(2000));
         INSERT INTO many SELECT seq, REPEAT('x', 2000) FROM seq_1_to_500",
    );
    assert_comes_back(&site, "64 KiB");
}

#[test]
fn a_restore_that_meets_smaller_packets_than_the_backup_says_so_for_good() {
    let site = DatabaseSite::with_options(&["--max-allowed-packet=64M"]);
    site.filled(
        "CREATE TABLE media (id INT PRIMARY KEY, body LONGBLOB);
         INSERT INTO media VALUES (1, REPEAT('x', 11000000))",
    );
    let snapshot = site.backed_up();
    site.server.query("SET GLOBAL max_allowed_packet = 1 << 20");
    let ended = site.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    for words in ["`media`", "packets of 1048576", "max_allowed_packet"] {
        assert!(result.operator_message.contains(words), "not {words:?}: {ended:?}");
    }
    assert_eq!(result.closed_ms, None);
    site.server.query("SET GLOBAL max_allowed_packet = 64 << 20");
    site.restore(&snapshot).run().completed();
    site.node.recover();
}
