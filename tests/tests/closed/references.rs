//! A foreign key whose parent is not there stays what it was: on the live side, and in the undo copy.
//!
//! Needs: mariadb, restic.

use holdfast_tests::{DatabaseSite, MariaDb, Schema};

const FAMILY: &str = "
CREATE TABLE parent (id INT PRIMARY KEY);
CREATE TABLE child (p INT, FOREIGN KEY (p) REFERENCES parent (id));
CREATE TABLE casc (p INT, CONSTRAINT `it's ✓` FOREIGN KEY (p) REFERENCES parent (id)
  ON DELETE CASCADE ON UPDATE NO ACTION);
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (1);
INSERT INTO casc VALUES (2);
";

fn site(tables: &str) -> DatabaseSite {
    let site = DatabaseSite::new();
    site.server.load(MariaDb::SCHEMA, tables.as_bytes());
    site
}

fn schema(site: &DatabaseSite) -> Schema {
    site.schema().expect("a schema")
}

fn assert_same(is: &Schema, should_be: &Schema) {
    assert!(is == should_be, "{}", should_be.differences(is));
}

/// Foreign keys from one schema into another, as InnoDB has them.
fn crossing(site: &DatabaseSite) -> String {
    site.server.query(
        "SELECT FOR_NAME, REF_NAME FROM information_schema.INNODB_SYS_FOREIGN \
         WHERE SUBSTRING_INDEX(FOR_NAME, '/', 1) <> SUBSTRING_INDEX(REF_NAME, '/', 1)",
    )
}

/// The whole way: `change` comes after the backup; then restore, backup, undo, restore and backup again,
/// each with its right value.
fn goes_round(site: &DatabaseSite, change: &str) {
    let good = schema(site);
    let snapshot = site.backed_up();
    site.server.load(MariaDb::SCHEMA, change.as_bytes());
    let bad = schema(site);
    site.restore(&snapshot).run().completed();
    assert_same(&schema(site), &good);
    assert_eq!(crossing(site), "", "after the restore");
    let again = site.backed_up();
    site.node.undo().run().completed();
    assert_same(&schema(site), &bad);
    assert_eq!(crossing(site), "", "after the undo");
    site.backed_up();
    site.restore(&again).run().completed();
    assert_same(&schema(site), &good);
    assert_eq!(crossing(site), "", "after the second restore");
    site.node.undo().run().completed();
    assert_same(&schema(site), &bad);
    site.node.undo().run().completed();
    assert_same(&schema(site), &good);
    site.node.recover();
    assert_eq!(site.left_on_server(), "");
}

#[test]
fn a_parent_that_was_dropped_after_the_backup_comes_back_and_the_copy_stays_apart() {
    let site = site(FAMILY);
    let snapshot = site.backed_up();
    site.server.query("USE customer_42; SET foreign_key_checks = 0; DROP TABLE parent");
    let bad = schema(&site);
    site.restore(&snapshot).run().completed();
    assert_eq!(crossing(&site), "");
    // The live site may delete what is its own, and the copy keeps what is the copy's.
    site.server.query(
        "USE customer_42; DELETE FROM child; DELETE FROM parent WHERE id = 1; \
         DELETE FROM casc; DELETE FROM parent WHERE id = 2",
    );
    site.node.undo().run().completed();
    assert_same(&schema(&site), &bad);
    assert_eq!(site.server.query("SELECT p FROM customer_42.casc"), "2\n");
    goes_round_again(&site);
}

fn goes_round_again(site: &DatabaseSite) {
    goes_round(site, "CREATE TABLE more (id INT PRIMARY KEY);");
}

#[test]
fn every_table_goes_round_whose_parent_is_dropped_later() {
    goes_round(&site(FAMILY), "SET foreign_key_checks = 0; DROP TABLE parent;");
}

#[test]
fn every_table_goes_round_whose_parent_was_dropped_before_the_backup() {
    let site = site(FAMILY);
    site.server.query("USE customer_42; SET foreign_key_checks = 0; DROP TABLE parent");
    goes_round(&site, "DELETE FROM child; CREATE TABLE more (id INT PRIMARY KEY);");
}

#[test]
fn a_parent_that_was_missing_in_the_backup_and_is_there_now_goes_round() {
    let site = site(FAMILY);
    site.server.query("USE customer_42; SET foreign_key_checks = 0; DROP TABLE parent");
    goes_round(
        &site,
        "CREATE TABLE parent (id INT PRIMARY KEY, other VARCHAR(9)); INSERT INTO parent VALUES (1, 'x');",
    );
}

#[test]
fn a_parent_that_never_was_goes_round() {
    let site = site(
        "SET foreign_key_checks = 0;
         CREATE TABLE c (a INT, FOREIGN KEY (a) REFERENCES nope (a));
         CREATE TABLE `od'd ``✓` (a INT, b INT, FOREIGN KEY (a) REFERENCES `n o.p-e ✓` (a),
           FOREIGN KEY (b) REFERENCES `od'd ``✓` (a), FOREIGN KEY (a, b) REFERENCES nope (a, b));",
    );
    goes_round(
        &site,
        "SET foreign_key_checks = 0; CREATE TABLE d (a INT, FOREIGN KEY (a) REFERENCES nix (a));",
    );
}

#[test]
fn a_clean_backup_over_a_table_whose_parent_never_was_goes_round() {
    goes_round(
        &site("CREATE TABLE plain (id INT PRIMARY KEY);"),
        "SET foreign_key_checks = 0; CREATE TABLE c (a INT, FOREIGN KEY (a) REFERENCES nope (a));",
    );
}

#[test]
fn a_parent_in_whose_place_a_table_of_another_engine_stands_goes_round() {
    goes_round(
        &site(FAMILY),
        "SET foreign_key_checks = 0; DROP TABLE parent;
         CREATE TABLE parent (id INT PRIMARY KEY, text VARCHAR(40)) ENGINE=MyISAM;
         INSERT INTO parent VALUES (7, 'a row of MyISAM');",
    );
}

#[test]
fn a_parent_in_whose_place_a_partitioned_table_stands_goes_round() {
    let site = site(FAMILY);
    site.server.query(
        "USE customer_42; SET foreign_key_checks = 0; DROP TABLE parent;
         CREATE TABLE parent (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3;
         INSERT INTO parent VALUES (1), (2), (3)",
    );
    goes_round(&site, "DELETE FROM parent WHERE id = 3;");
}

#[test]
fn a_parent_in_whose_place_a_view_stands_goes_round() {
    goes_round(
        &site(FAMILY),
        "SET foreign_key_checks = 0; DROP TABLE parent; CREATE VIEW parent AS SELECT 1 AS id;",
    );
}
