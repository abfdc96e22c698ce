//! A neighbour's locks in its own schema are no matter of this site's.
//!
//! Needs: mariadb, restic.

use holdfast_tests::{DatabaseSite, MariaDb, fill_small_shop};

use super::Session;

#[test]
fn no_question_of_a_switch_waits_for_a_table_of_another_tenant() {
    let site = DatabaseSite::new();
    fill_small_shop(&site.server, MariaDb::SCHEMA);
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    site.server.query("USE customer_42; CREATE TABLE later (id INT PRIMARY KEY)");
    let bad = site.schema().expect("a schema");
    // Each holds the table that it makes for itself alone until its selection has ended.
    let holders: Vec<Session> = (0..3)
        .map(|n| {
            let make = format!("CREATE TABLE customer_43.slow_{n} AS SELECT SLEEP(3600) AS s");
            Session::begin(&site.server, &make)
        })
        .collect();
    site.server.query(
        "SET GLOBAL log_output = 'TABLE', long_query_time = 1.9, slow_query_log = ON, \
         log_queries_not_using_indexes = OFF",
    );
    site.backed_up();
    site.restore(&snapshot).run().completed();
    let later = || site.server.query("SHOW TABLES FROM customer_42 LIKE 'later'");
    assert_eq!(later(), "");
    site.node.undo().run().completed();
    assert_eq!(later(), "later\n");
    let waited = site.server.query(
        "SELECT query_time, LEFT(sql_text, 300) FROM mysql.slow_log \
         WHERE sql_text LIKE '%information_schema%' AND sql_text NOT LIKE '%SLEEP(%'",
    );
    assert_eq!(waited, "", "questions that waited");
    let at_work = site
        .server
        .query("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'");
    assert_eq!(at_work.trim(), "3", "the neighbour held its tables all the while");
    drop(holders);
    assert_eq!(site.schema().expect("a schema"), bad);
    site.node.undo().run().completed();
    assert_eq!(site.schema().expect("a schema"), good);
    site.node.recover();
}
