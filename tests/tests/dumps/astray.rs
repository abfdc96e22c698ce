//! Foreign keys that earlier versions left astray: they name a schema of ours that is gone.
//!
//! Needs: mariadb, restic.

use holdfast_tests::{DatabaseSite, MariaDb};

/// What a restore of an earlier version left: children whose parent is in a staging schema that was dropped.
const ASTRAY: &str = "
CREATE DATABASE holdfast_stage_42_old; CREATE DATABASE `holdfast_undo_42_old`;
CREATE TABLE holdfast_stage_42_old.parent (id INT PRIMARY KEY);
CREATE TABLE holdfast_undo_42_old.missing (id INT PRIMARY KEY);
USE customer_42;
CREATE TABLE parent (id INT PRIMARY KEY);
CREATE TABLE child (p INT, CONSTRAINT `it's` FOREIGN KEY (p) REFERENCES holdfast_stage_42_old.parent (id)
  ON DELETE CASCADE, t TEXT);
CREATE TABLE other (p INT, q INT, FOREIGN KEY (q) REFERENCES holdfast_undo_42_old.missing (id),
  FOREIGN KEY (p) REFERENCES parent (id));
SET foreign_key_checks = 0;
DROP DATABASE holdfast_stage_42_old; DROP DATABASE holdfast_undo_42_old;
INSERT INTO parent VALUES (1); INSERT INTO other VALUES (1, 7);
INSERT INTO child VALUES (1, '\n  CONSTRAINT `x` REFERENCES `holdfast_stage_42_old`.`parent` (`id`),\n');
";

#[test]
fn a_foreign_key_astray_is_saved_as_one_to_the_table_beside_it() {
    let site = DatabaseSite::new();
    site.filled("");
    site.server.query(ASTRAY);
    let rows =
        || site.server.query("SELECT * FROM customer_42.child; SELECT * FROM customer_42.other");
    let good = rows();
    let snapshot = site.backed_up();
    site.server
        .query("SET foreign_key_checks = 0; DROP TABLE customer_42.parent, customer_42.child");
    site.restore(&snapshot).run().completed();
    assert_eq!(rows(), good);
    let made =
        |table: &str| site.server.query(&format!("SHOW CREATE TABLE {}.{table}", MariaDb::SCHEMA));
    assert!(
        made("child").contains("REFERENCES `parent` (`id`) ON DELETE CASCADE"),
        "{}",
        made("child")
    );
    assert!(made("other").contains("REFERENCES `missing` (`id`)"), "{}", made("other"));
    site.server.query("DELETE FROM customer_42.parent WHERE id = 2");
    // From now on it is a site like any other.
    let healed = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    site.node.undo().run().completed();
    site.backed_up();
    site.restore(&snapshot).run().completed();
    let is = site.schema().expect("a schema");
    assert!(healed == is, "{}", healed.differences(&is));
    site.node.recover();
    assert_eq!(site.left_on_server(), "");
}

#[test]
fn history_by_numbers_of_transactions_is_refused_by_its_table() {
    let site = DatabaseSite::new();
    site.filled(
        "CREATE TABLE precise (id INT PRIMARY KEY, s BIGINT UNSIGNED GENERATED ALWAYS AS ROW START,
           e BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e))
           WITH SYSTEM VERSIONING",
    );
    let ended = site.node.backup_of("db").run();
    let result = ended.ended_as(holdfast_job::Outcome::Failed);
    for text in [&result.operator_message, &result.customer_message] {
        assert!(
            text.contains("table `precise` has its history by numbers of transactions"),
            "{ended:?}"
        );
    }
    site.node.recover();
}
