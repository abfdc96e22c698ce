//! Dumps that do not come to their end, or not to a good one: no snapshot is offered, nothing left.
//!
//! Needs: mariadb, restic.

use std::path::Path;

use holdfast_job::Outcome;
use holdfast_tests::{
    Action, DatabaseSite, Ended, MariaDb, Moment, Mount, Node, StatementProxy, output_of,
};

use super::{fill, small_site};

/// Asserts that a backup failed with these words, and that it left nothing and made no snapshot.
fn assert_nothing_came_of_it(site: &DatabaseSite, ended: &Ended, outcome: Outcome, words: &str) {
    let result = ended.ended_as(outcome);
    assert!(result.operator_message.contains(words), "not {words:?}: {ended:?}");
    assert_eq!(result.snapshot, None, "{ended:?}");
    let left = site.node.left_over();
    assert!(left.is_empty(), "{left:?}\n{ended:?}");
    if site.node.repository().exists() {
        let snapshots = output_of(&mut site.node.restic(&["snapshots", "--json"]));
        assert_eq!(snapshots.trim(), "[]", "{ended:?}");
    }
}

#[test]
fn a_dump_that_is_killed_or_cut_short_is_not_saved() {
    let site = small_site();
    let dump = Path::new("/usr/bin/mariadb-dump");
    let half = "\"$real\" \"$@\" | head -c 1500";
    for (script, words) in [
        (format!("{half}\nexit 0"), "the dump ended without its completion mark"),
        (format!("{half}\nkill -9 $$"), "ended with "),
        ("\"$real\" \"$@\"; exit 3".into(), "the database client ended with exit code 3"),
        ("exit 0".into(), "the dump ended without its completion mark"),
        (
            "\"$real\" \"$@\"; echo '-- Dump completed'; echo 'and more'; exit 0".into(),
            "the dump ended without its completion mark",
        ),
    ] {
        let double = site.node.double_of(dump, &script);
        site.configure(&format!("mariadb_dump = \"{}\"", double.display()), "");
        let ended = site.node.backup_of("db").run();
        assert_nothing_came_of_it(&site, &ended, Outcome::FailedForNow, words);
    }
    site.configure("", "");
    site.backed_up();
    site.node.recover();
}

/// The first statement with this in it.
fn number_of(proxy: &StatementProxy, what: &str) -> usize {
    let has = |statement: &Vec<u8>| String::from_utf8_lossy(statement).contains(what);
    1 + proxy.statements().iter().position(has).unwrap_or_else(|| panic!("no {what}: {proxy:?}"))
}

const ROWS_OF_PAGES: &str = "FROM `pages`";

#[test]
fn a_server_or_a_client_that_is_gone_in_mid_dump_leaves_nothing() {
    let mut site = small_site();
    let proxy = StatementProxy::start(&site.node.root().join("proxy"), &site.server.socket());
    site.configure_at(proxy.socket(), "", "");
    let backup = site.node.backup_of("db").run().completed().snapshot.expect("a snapshot");
    let number = number_of(&proxy, ROWS_OF_PAGES);
    site.node.delete(&backup).run().completed();
    proxy.reset();
    proxy.arm(number, Moment::Before, Action::KillClient);
    let ended = site.node.backup_of("db").run();
    assert!(proxy.happened());
    assert_nothing_came_of_it(&site, &ended, Outcome::FailedForNow, "ended with signal 9");
    proxy.reset();
    proxy.arm(number, Moment::Before, Action::Kill(site.server.pid()));
    let ended = site.node.backup_of("db").run();
    assert!(proxy.happened());
    assert_nothing_came_of_it(&site, &ended, Outcome::FailedForNow, "server is not there");
    // Away altogether, it is named, and nothing is begun.
    let ended = site.node.backup_of("db").run();
    assert_nothing_came_of_it(&site, &ended, Outcome::FailedForNow, "server is not there");
    site.server.start_again();
    site.backed_up();
    site.node.recover();
}

#[test]
fn a_schema_that_is_changed_during_its_dump_is_dumped_once_more() {
    let site = small_site();
    let proxy = StatementProxy::start(&site.node.root().join("proxy"), &site.server.socket());
    site.configure_at(proxy.socket(), "", "");
    let backup = site.node.backup_of("db").run().completed().snapshot.expect("a snapshot");
    let rows = number_of(&proxy, ROWS_OF_PAGES);
    let tables = number_of(&proxy, "show create table `pages`");
    site.node.delete(&backup).run().completed();
    let columns = tables + 2;
    for (number, change, back) in [
        // Its columns are listed after it was told how it is made.
        (columns, "ALTER TABLE pages DROP title", "ALTER TABLE pages ADD title VARCHAR(40)"),
        (rows, "ALTER TABLE pages ADD COLUMN more INT", "ALTER TABLE pages DROP COLUMN more"),
        (rows, "ALTER TABLE pages ENGINE = Aria", "ALTER TABLE pages ENGINE = InnoDB"),
        (tables, "RENAME TABLE pages TO leaves", "RENAME TABLE leaves TO pages"),
        (rows, "DROP TABLE links", "CREATE TABLE links (page INT)"),
        (rows, "CREATE TABLE more (id INT)", "DROP TABLE more"),
    ] {
        let mut client = site.server.client();
        client.arg(MariaDb::SCHEMA);
        proxy.reset();
        let change_it = move || {
            MariaDb::run(&mut client, change.as_bytes()).expect(change);
        };
        proxy.arm(number, Moment::Before, Action::Call(Box::new(change_it)));
        let ended = site.node.backup_of("db").run();
        assert!(proxy.happened(), "{change}");
        let snapshot = ended.completed().snapshot.expect("a snapshot");
        let warned = |line: &&String| line.contains("\"warn\"") && line.contains("once more");
        assert!(ended.said().iter().any(|line| warned(&line)), "{change}: {ended:?}");
        // What is saved is what the schema became.
        let good = site.schema().expect("a schema");
        site.server.query("DROP DATABASE customer_42; CREATE DATABASE customer_42");
        proxy.reset();
        site.restore(&snapshot).run().completed();
        let is = site.schema().expect("a schema");
        assert!(good == is, "{change}: {}", good.differences(&is));
        site.server.load(MariaDb::SCHEMA, back.as_bytes());
    }
    site.node.recover();
}

#[test]
fn a_dump_that_has_no_room_in_the_spool_leaves_nothing() {
    let node = Node::new();
    let state = node.root().join("state");
    std::fs::create_dir_all(&state).expect("a folder");
    let disk = Mount::over(&state, "size=4m");
    let site = DatabaseSite::on(node);
    fill(&site);
    // As large again in hexadecimal: more than the server's own estimate.
    site.server.load(
        MariaDb::SCHEMA,
        b"CREATE TABLE noise (id INT PRIMARY KEY, bytes LONGBLOB);
          INSERT INTO noise SELECT seq, REPEAT(UNHEX('ff00aa'), 170000) FROM seq_1_to_4",
    );
    let ended = site.node.backup_of("db").run();
    assert_nothing_came_of_it(&site, &ended, Outcome::FailedForNow, "No space left on device");
    site.server.load(
        MariaDb::SCHEMA,
        b"INSERT INTO noise SELECT id + 10, bytes FROM noise; ANALYZE TABLE noise",
    );
    let ended = site.node.backup_of("db").run();
    assert_nothing_came_of_it(
        &site,
        &ended,
        Outcome::FailedForNow,
        "bytes are free, a dump may need",
    );
    site.server.load(MariaDb::SCHEMA, b"DROP TABLE noise");
    site.backed_up();
    site.node.recover();
    drop(disk);
}
