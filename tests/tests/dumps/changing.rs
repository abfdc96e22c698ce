//! Tables that cannot be read as they are: broken ones, and ones that are changed all the time.
//!
//! Needs: mariadb, restic.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use holdfast_job::Outcome;
use holdfast_tests::{DatabaseSite, MariaDb};

/// Runs these statements again and again while `meanwhile` lasts, with so little between that no dump of
/// the large table beside it can miss them.
fn beside<T>(site: &DatabaseSite, sql: &str, meanwhile: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                // One client for many: to start one takes longer than a change.
                let again = format!("{sql}; DO SLEEP(0.02);").repeat(20);
                let mut client = site.server.client();
                client.arg(MariaDb::SCHEMA);
                let _ = MariaDb::run(&mut client, again.as_bytes());
            }
        });
        let came = meanwhile();
        ended.store(true, Ordering::Relaxed);
        came
    })
}

#[test]
fn a_table_that_is_made_anew_each_moment_is_saved_by_itself_and_named() {
    let site = DatabaseSite::new();
    site.filled(
        "CREATE TABLE aaa (id INT PRIMARY KEY, filling VARCHAR(500));
         INSERT INTO aaa SELECT seq, REPEAT('x', 500) FROM seq_1_to_40000;
         CREATE TABLE wp_cache (id INT PRIMARY KEY);
         INSERT INTO wp_cache SELECT seq FROM seq_1_to_10",
    );
    for change in [
        "TRUNCATE wp_cache; INSERT INTO wp_cache SELECT seq FROM seq_1_to_10",
        "CREATE OR REPLACE TABLE wp_cache (id INT PRIMARY KEY) SELECT seq AS id FROM seq_1_to_10",
        "OPTIMIZE TABLE wp_cache",
    ] {
        let ended = beside(&site, change, || site.node.backup_of("db").run());
        let snapshot = ended.completed().snapshot.expect("a snapshot");
        let named = ended.said().iter().any(|line| line.contains("`wp_cache`"));
        assert!(named, "{change}: {ended:?}");
        site.server.query("DROP TABLE customer_42.wp_cache");
        site.restore(&snapshot).run().completed();
        let rows = site.server.query("SELECT COUNT(*) FROM customer_42.aaa");
        assert_eq!(rows, "40000\n", "{change}");
    }
    site.node.recover();
}

#[test]
fn a_broken_live_table_is_found_before_the_dump_and_named() {
    let mut site = DatabaseSite::new();
    site.filled(
        "CREATE TABLE wp_posts (id INT PRIMARY KEY, t TEXT); INSERT INTO wp_posts VALUES (1, 'a');
         CREATE TABLE parts (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2;
         CREATE TABLE words (id INT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO words VALUES (1);
         CREATE SEQUENCE numbers; CREATE TABLE whole (id INT PRIMARY KEY)",
    );
    let data = site.server.data().join(MariaDb::SCHEMA);
    for (table, file) in [
        ("wp_posts", "wp_posts.ibd"),
        ("parts", "parts#P#p1.ibd"),
        ("numbers", "numbers.ibd"),
        ("words", "words.MYI"),
    ] {
        let away = data.join(format!("../away-{table}"));
        site.server.stop();
        fs::rename(data.join(file), &away).expect("moved away");
        site.server.start_again();
        let ended = site.node.backup_of("db").run();
        let result = ended.ended_as(Outcome::Failed);
        let sentence = format!("table `{table}` is broken, and cannot be read");
        for text in [&result.operator_message, &result.customer_message] {
            assert!(text.contains(&sentence), "{ended:?}");
        }
        assert!(!result.operator_message.contains("disk"), "{ended:?}");
        site.server.stop();
        fs::rename(&away, data.join(file)).expect("moved back");
        site.server.start_again();
    }
    site.backed_up();
    site.node.recover();
}
