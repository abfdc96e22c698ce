//! What cannot be saved, or not wholly, is named.
//!
//! Needs: mariadb, restic.

use holdfast_job::Outcome;
use holdfast_tests::{MariaDb, output_of};

use super::small_site;

#[test]
fn what_could_not_be_brought_back_is_refused_by_name_before_it_is_saved() {
    let site = small_site();
    site.node.remove_repository();
    for (make, unmake, sentence) in [
        (
            "CREATE TABLE nest (bird INT, FOREIGN KEY (bird) REFERENCES customer_43.birds (id))",
            "DROP TABLE nest",
            "`customer_42`.`nest` has a foreign key to `customer_43`.`birds` in another schema",
        ),
        (
            "CREATE TABLE customer_43.nest (page INT, FOREIGN KEY (page) REFERENCES customer_42.pages (id))",
            "DROP TABLE customer_43.nest",
            "`customer_43`.`nest` has a foreign key to `customer_42`.`pages` in another schema",
        ),
        (
            "CREATE SEQUENCE s; CREATE TABLE n (id INT DEFAULT (NEXT VALUE FOR s))",
            "DROP TABLE n; DROP SEQUENCE s",
            "column `id` of table `n` takes its default from a sequence by the schema's name",
        ),
        (
            "SET sql_mode = ORACLE;\nDELIMITER $$\nCREATE PACKAGE p AS PROCEDURE q(); END $$\n",
            "SET sql_mode = ORACLE; DROP PACKAGE p",
            "`p` is a package",
        ),
        (
            "CREATE TABLE holdfast_marker (id INT)",
            "DROP TABLE holdfast_marker",
            "`holdfast_marker` has a name that is kept for Holdfast",
        ),
    ] {
        site.server.load(MariaDb::SCHEMA, make.as_bytes());
        let ended = site.node.backup_of("db").run();
        let result = ended.ended_as(Outcome::Failed);
        for text in [&result.operator_message, &result.customer_message] {
            assert!(text.contains(sentence), "not {sentence:?}: {ended:?}");
        }
        site.server.load(MariaDb::SCHEMA, unmake.as_bytes());
    }
    site.server.query("DROP DATABASE customer_42");
    let ended = site.node.backup().run();
    let result = ended.ended_as(Outcome::Failed);
    assert_eq!(
        result.customer_message,
        "The database \"The shop\" is missing, so nothing was saved."
    );
    assert!(result.operator_message.contains("there is no schema customer_42"), "{ended:?}");
    assert!(!site.node.repository().exists(), "{ended:?}");
    site.node.recover();
}

#[test]
fn texts_that_read_like_a_sequence_or_a_directory_come_back() {
    let site = small_site();
    site.filled(
        "CREATE TABLE calls (id INT PRIMARY KEY, help VARCHAR(90) DEFAULT 'call nextval(x), it''s now',
                             more VARCHAR(90) DEFAULT (CONCAT('setval(', 'lastval(')));
         SET sql_mode = 'IGNORE_BAD_TABLE_OPTIONS';
         CREATE TABLE options (id INT PRIMARY KEY) other = 'x DATA DIRECTORY=y'
             COMMENT = 'z DATA DIRECTORY=q'",
    );
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    site.server.query("DROP TABLE customer_42.calls, customer_42.options");
    site.restore(&snapshot).run().completed();
    let restored = site.schema().expect("a schema");
    // An option that no engine knows is a comment in a dump.
    let (good, restored) = (good.without(&["table options"]), restored.without(&["table options"]));
    assert!(good == restored, "{}", good.differences(&restored));
    // Beside a text, a call is still found.
    site.server.load(
        MariaDb::SCHEMA,
        b"CREATE SEQUENCE s;
          CREATE TABLE n (id VARCHAR(90) DEFAULT (CONCAT('it''s ', NEXT VALUE FOR s)))",
    );
    let ended = site.node.backup_of("db").run();
    let result = ended.ended_as(Outcome::Failed);
    let sentence = "column `id` of table `n` takes its default from a sequence";
    assert!(result.operator_message.contains(sentence), "{ended:?}");
    site.node.recover();
}

#[test]
fn a_broken_view_is_left_out_and_a_table_without_transactions_is_named() {
    let site = small_site();
    site.server.load(
        MariaDb::SCHEMA,
        b"CREATE TABLE gone (id INT); CREATE VIEW `bro``ken` AS SELECT * FROM gone; DROP TABLE gone;
          CREATE DEFINER = nobody@nowhere VIEW orphaned AS SELECT * FROM pages;
          CREATE DEFINER = 'customer_42'@'localhost' VIEW whole AS SELECT * FROM pages;
          CREATE TABLE words (word TEXT, FULLTEXT KEY (word)) ENGINE = MyISAM;
          INSERT INTO words VALUES ('kelp')",
    );
    let good = site.schema().expect("a schema");
    let ended = site.node.backup_of("db").run();
    let snapshot = ended.completed().snapshot.expect("a snapshot");
    let warned = |line: &&String| line.contains("\"warn\"") && line.contains("words");
    assert!(ended.said().iter().any(|line| warned(&line)), "{ended:?}");
    let manifest = site.node.root().join("state/spool/customer-42/manifest.json");
    let dump = output_of(site.node.restic(&["dump", snapshot.as_str()]).arg(manifest));
    let manifest: serde_json::Value = serde_json::from_str(&dump).expect("JSON");
    let notes = manifest["databases"][0]["notes"].to_string();
    for words in
        ["view bro`ken cannot be read", "view orphaned cannot be read", "table words is MyISAM"]
    {
        assert!(notes.contains(words), "not {words:?}: {notes}");
    }
    site.server.load(MariaDb::SCHEMA, b"DROP VIEW whole; DELETE FROM words; DROP TABLE pages");
    site.restore(&snapshot).run().completed();
    let restored = site.schema().expect("a schema");
    assert!(good == restored, "{}", good.differences(&restored));
    site.node.recover();
}
