//! Obstacles to an exchange are found before the door closes, or go out of the way.
//!
//! Needs: mariadb, restic.

use holdfast_job::Outcome;
use holdfast_tests::{Action, DatabaseSite, MariaDb, Moment, StatementProxy, eventually};

use super::fill;

/// Asserts that a restore is refused with this in the operator's text, and that the site never closed.
fn is_refused(site: &DatabaseSite, snapshot: &holdfast_job::SnapshotId, words: &[&str]) {
    let ended = site.restore(snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    for word in words {
        assert!(result.operator_message.contains(word), "{word}: {result:?}");
    }
    assert_eq!(result.closed_ms, None, "{result:?}");
    assert!(!format!("{ended:?}").contains("\"stage\":\"close\""), "{ended:?}");
}

#[test]
fn a_prepared_transaction_of_a_session_that_is_gone_is_named_before_the_door_closes() {
    let site = DatabaseSite::new();
    fill(&site, 3);
    let snapshot = site.backed_up();
    site.server.query(
        "USE customer_42; XA START 'left', 'over', 7; INSERT INTO t1 VALUES (99, 'x'); \
         XA END 'left', 'over', 7; XA PREPARE 'left', 'over', 7",
    );
    let words = [
        "prepared transaction holds the table t1",
        "XA ROLLBACK one of: X'6c656674', X'6f766572', 7",
    ];
    is_refused(&site, &snapshot, &words);
    site.server.query("XA ROLLBACK 'left', 'over', 7");
    site.restore(&snapshot).run().completed();
    site.server.query(
        "USE customer_42; XA START 'undo'; DELETE FROM t2; XA END 'undo'; XA PREPARE 'undo'",
    );
    let ended = site.node.undo().run();
    let said = &ended.ended_as(Outcome::Failed).operator_message;
    assert!(said.contains("holds the table t2"), "{said}");
    site.server.query("XA ROLLBACK 'undo'");
    site.node.undo().run().completed();
    site.node.recover();
}

#[test]
fn a_prepared_transaction_that_outlived_its_server_is_named_before_the_door_closes() {
    let mut site = DatabaseSite::new();
    fill(&site, 3);
    let snapshot = site.backed_up();
    site.server.query(
        "USE customer_42; XA START 'old'; UPDATE t0 SET name = 'x'; XA END 'old'; XA PREPARE 'old'",
    );
    site.server.kill();
    site.server.start_again();
    is_refused(&site, &snapshot, &["holds the table t0"]);
    site.server.query("XA ROLLBACK 'old'");
}

#[test]
fn a_prepared_transaction_in_a_neighbours_schema_is_no_matter_of_this_sites() {
    let site = DatabaseSite::new();
    fill(&site, 3);
    let snapshot = site.backed_up();
    site.server.query(
        "XA START 'other'; DELETE FROM customer_43.birds; XA END 'other'; XA PREPARE 'other'",
    );
    site.restore(&snapshot).run().completed();
    site.server.query("XA ROLLBACK 'other'");
    site.node.recover();
}

#[test]
fn events_that_begin_each_second_and_sleep_keep_no_restore_from_its_end() {
    let site = DatabaseSite::new();
    fill(&site, 3);
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    let events: Vec<String> = (0..20)
        .map(|n| {
            format!(
                "CREATE DEFINER = 'customer_42'@'localhost' EVENT e{n} ON SCHEDULE EVERY 1 SECOND DO \
                 SELECT COUNT(*), SLEEP(20) FROM t1;"
            )
        })
        .collect();
    site.server.load(MariaDb::SCHEMA, events.concat().as_bytes());
    let bad = site.schema().expect("a schema");
    eventually("events that run", || {
        let ask = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'";
        (site.server.query(ask).trim() != "0").then_some(())
    });
    site.restore(&snapshot).run().completed();
    assert_eq!(site.schema().expect("a schema"), good);
    site.node.undo().run().completed();
    let undone = site.schema().expect("a schema");
    assert!(undone == bad, "{}", undone.differences(&bad));
    site.node.undo().run().completed();
    assert_eq!(site.schema().expect("a schema"), good);
    site.node.recover();
}

#[test]
fn a_routine_of_five_megabytes_goes_and_comes_back() {
    let site = DatabaseSite::new();
    fill(&site, 2);
    let snapshot = site.backed_up();
    let body = "x".repeat(5 << 20);
    let make = format!("CREATE PROCEDURE large() SELECT '{body}';");
    site.server.load(MariaDb::SCHEMA, make.as_bytes());
    let bad = site.schema().expect("a schema");
    site.restore(&snapshot).run().completed();
    let is_there = "SELECT COUNT(*) FROM mysql.proc WHERE name = 'large'";
    assert_eq!(site.server.query(is_there).trim(), "0");
    site.node.undo().run().completed();
    assert!(site.schema().expect("a schema") == bad);
    site.node.recover();
}

#[test]
fn a_routine_that_no_statement_could_make_again_is_named_before_the_door_closes() {
    let site = DatabaseSite::new();
    fill(&site, 2);
    let snapshot = site.backed_up();
    let body = "x".repeat(9 << 20);
    let make = format!("CREATE PROCEDURE large() SELECT '{body}';");
    site.server.load(MariaDb::SCHEMA, make.as_bytes());
    is_refused(
        &site,
        &snapshot,
        &["the text of large is too long for the server's max_allowed_packet"],
    );
}

#[test]
fn tables_that_come_and_go_between_the_list_and_the_rename_are_listed_again() {
    let site = DatabaseSite::new();
    fill(&site, 4);
    let good = site.schema().expect("a schema");
    let proxy = StatementProxy::start(&site.node.root().join("proxy.sock"), &site.server.socket());
    site.configure_at(proxy.socket(), "", "");
    let snapshot = site.backed_up();
    site.server.query("USE customer_42; DROP TABLE t1");
    let bad = site.schema().expect("a schema");
    site.restore(&snapshot).run().completed();
    site.node.undo().run().completed();
    proxy.reset();
    site.node.undo().run().completed();
    let rename = super::renames(&proxy)[0];
    site.node.undo().run().completed();
    assert_eq!(site.schema().expect("a schema"), bad);
    proxy.reset();
    let client = site.server.socket();
    // A table of a name that comes is there, and one that was listed is not.
    let other_tables = move || {
        let mut root = holdfast_tests::program("/usr/bin/mariadb");
        root.args(["--no-defaults", "--socket"]).arg(&client).arg("customer_42");
        root.args(["-e", "CREATE TABLE t1 (booty INT); DROP TABLE t2; CREATE TABLE t9 (id INT)"]);
        assert!(root.status().expect("mariadb").success());
    };
    proxy.arm(rename, Moment::Before, Action::Call(Box::new(other_tables)));
    site.node.undo().run().completed();
    assert!(proxy.happened(), "{proxy:?}");
    assert!(super::renames(&proxy).len() > 1, "{proxy:?}");
    assert_eq!(site.schema().expect("a schema"), good);
    site.node.undo().run().completed();
    let tables = site.server.query("SHOW TABLES FROM customer_42");
    assert_eq!(tables, "t0\nt1\nt3\nt9\n", "as they were when the door had closed");
    site.node.recover();
}
