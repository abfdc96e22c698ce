//! Many tables change places in batches, and the operator is told beforehand for how long.
//!
//! Needs: mariadb, restic.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use holdfast_job::Outcome;
use holdfast_tests::{
    Action, DatabaseSite, Moment, StatementProxy, eventually, signal, sweep::Victim,
};

use super::{Session, fill, renames};

/// A site with so many tables behind a proxy, at most two of them in a statement, about.
fn site(tables: usize) -> (DatabaseSite, StatementProxy) {
    let site = DatabaseSite::new();
    fill(&site, tables);
    let proxy = StatementProxy::start(&site.node.root().join("proxy.sock"), &site.server.socket());
    site.configure_at(proxy.socket(), "", "[limits]\ntables_at_once = 2\n");
    (site, proxy)
}

#[test]
fn many_tables_change_places_in_several_statements_and_back() {
    let (site, proxy) = site(12);
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    site.server
        .query("USE customer_42; DROP TABLE t3; UPDATE t4 SET name = 'x'; CREATE TABLE u (id INT)");
    let bad = site.schema().expect("a schema");
    proxy.reset();
    site.restore(&snapshot).run().completed();
    assert_eq!(renames(&proxy).len(), 7, "13 names: {proxy:?}");
    assert_eq!(site.schema().expect("a schema"), good);
    site.node.undo().run().completed();
    assert_eq!(site.schema().expect("a schema"), bad);
    // A copy of many batches is taken back also where all tables go at once.
    site.configure_at(proxy.socket(), "", "");
    site.node.undo().run().completed();
    assert_eq!(site.schema().expect("a schema"), good);
    site.node.recover();
    assert_eq!(site.left_on_server(), "");
}

#[test]
fn sessions_move_batches_side_by_side() {
    let (site, proxy) = site(12);
    let snapshot = site.backed_up();
    site.server.query("USE customer_42; DROP TABLE t3");
    let bad = site.schema().expect("a schema");
    proxy.reset();
    site.restore(&snapshot).run().completed();
    let first = renames(&proxy)[0];
    site.node.undo().run().completed();
    assert_eq!(site.schema().expect("a schema"), bad);
    proxy.reset();
    // One session waits here until others have gone on.
    let proxy = Arc::new(proxy);
    let others = Arc::clone(&proxy);
    let wait = move || eventually("others", || (renames(&others).len() > 3).then_some(()));
    proxy.arm(first, Moment::Before, Action::Call(Box::new(wait)));
    site.restore(&snapshot).run().completed();
    assert!(proxy.happened(), "{proxy:?}");
    site.node.recover();
}

/// Somebody dies at the third RENAME of an undo; what is there then must become whole again.
fn dies_between_two_batches(victim: Victim, moment: Moment) {
    let (mut site, proxy) = site(8);
    let snapshot = site.backed_up();
    site.server.query("USE customer_42; DROP TABLE t3; UPDATE t4 SET name = 'x'");
    let bad = site.schema().expect("a schema");
    site.restore(&snapshot).run().completed();
    let good = site.schema().expect("a schema");
    proxy.reset();
    site.node.undo().run().completed();
    let third = renames(&proxy)[2];
    site.node.undo().run().completed();
    proxy.reset();
    let executor = Arc::new(AtomicU32::new(0));
    let pid = Arc::clone(&executor);
    let action = match victim {
        Victim::Server => Action::Kill(site.server.pid()),
        Victim::Client => Action::KillClient,
        Victim::Executor => Action::Call(Box::new(move || {
            let pid =
                eventually("its pid", || Some(pid.load(Ordering::SeqCst)).filter(|pid| *pid > 0));
            signal("KILL", &pid.to_string());
        })),
    };
    proxy.arm(third, moment, action);
    let running = site.node.undo().start();
    executor.store(running.pid(), Ordering::SeqCst);
    eventually("the kill", || proxy.happened().then_some(()));
    if victim == Victim::Server {
        site.server.start_again();
    }
    running.wait();
    site.node.recover();
    assert!(!site.node.flag().exists(), "it is open");
    let now = site.schema().expect("a schema");
    assert!(now == good || now == bad, "{}", now.differences(&good));
    site.node.undo().run().completed();
    let other = if now == good { &bad } else { &good };
    assert_eq!(&site.schema().expect("a schema"), other, "the copy is whole");
    site.node.recover();
    assert_eq!(site.left_on_server(), "");
}

#[test]
fn a_switch_whose_server_dies_between_two_batches_ends_whole() {
    dies_between_two_batches(Victim::Server, Moment::After);
}

#[test]
fn a_switch_whose_client_dies_between_two_batches_ends_whole() {
    dies_between_two_batches(Victim::Client, Moment::Before);
}

#[test]
fn a_switch_whose_executor_dies_between_two_batches_ends_whole() {
    dies_between_two_batches(Victim::Executor, Moment::After);
}

#[test]
fn a_small_packet_is_no_obstacle_to_many_tables() {
    let site = DatabaseSite::new();
    fill(&site, 60);
    site.server.query("SET GLOBAL max_allowed_packet = 16 * 1024");
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    site.server.query("DROP TABLE customer_42.t7");
    site.restore(&snapshot).run().completed();
    assert_eq!(site.schema().expect("a schema"), good);
    site.node.undo().run().completed();
    site.node.recover();
}

/// The one file in which the node keeps how long an exchange took.
fn rates(site: &DatabaseSite) -> PathBuf {
    let folder = site.node.root().join("state/closing");
    let files: Vec<_> = fs::read_dir(folder).expect("rates").flatten().collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].path()
}

#[test]
fn a_switch_that_would_take_too_long_is_refused_before_the_door_closes() {
    let site = DatabaseSite::new();
    fill(&site, 30);
    let limit = |seconds: u32| {
        let limits = format!("[limits]\nclosed_seconds = {seconds}\n");
        site.configure("", &limits);
    };
    let snapshot = site.backed_up();
    let ended = site.restore(&snapshot).run();
    ended.completed();
    assert!(format!("{ended:?}").contains("closes the site for about 0.2 s"), "{ended:?}");
    let shown = fs::read_to_string(rates(&site)).expect("rates");
    assert!(!shown.contains("\"table_us\":2000,"), "as this server is: {shown}");
    let slow_server = || {
        let rates = rates(&site);
        fs::write(rates, "{\"table_us\":50000,\"program_us\":1}").expect("rates");
    };
    slow_server();
    limit(1);
    let ended = site.restore(&snapshot).run();
    let said = &ended.ended_as(Outcome::Failed).operator_message;
    assert!(said.contains("30 tables and 0 programs") && said.contains("closed_seconds"), "{said}");
    assert!(!format!("{ended:?}").contains("\"stage\":\"close\""), "{ended:?}");
    let ended = site.node.undo().run();
    let said = &ended.ended_as(Outcome::Failed).operator_message;
    assert!(said.contains("closed_seconds"), "{said}");
    limit(60);
    let ended = site.restore(&snapshot).run();
    ended.completed();
    assert!(format!("{ended:?}").contains("closes the site for about 1.6 s"), "{ended:?}");
    limit(1);
    site.node.undo().run().completed();
    site.node.recover();
}

#[test]
fn a_switch_that_takes_too_long_is_taken_back_whatever_has_moved() {
    let (site, proxy) = site(12);
    let snapshot = site.backed_up();
    site.server.query("USE customer_42; DROP TABLE t3; UPDATE t4 SET name = 'x'");
    let bad = site.schema().expect("a schema");
    let limits = "[limits]\ntables_at_once = 2\nclosed_seconds = 1\n";
    site.configure_at(proxy.socket(), "", limits);
    // A reader whom nobody may end, as an operator's own: its table cannot move.
    let reader = Session::begin(&site.server, "SELECT SLEEP(3600) FROM customer_42.t5");
    let ended = site.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("limits.closed_seconds, which is 1"), "{result:?}");
    assert!(renames(&proxy).len() > 7, "some moved, and moved back: {proxy:?}");
    assert!(!site.node.flag().exists(), "it is open");
    let is = site.schema().expect("a schema");
    assert!(is == bad, "{}", is.differences(&bad));
    drop(reader);
    let sleeping = "SELECT CONCAT('KILL ', ID) FROM information_schema.PROCESSLIST \
                    WHERE STATE = 'User sleep'";
    site.server.query(&site.server.query(sleeping));
    site.restore(&snapshot).run().completed();
    site.node.recover();
    assert_eq!(site.left_on_server(), "");
}

#[test]
fn an_undo_that_dies_while_it_makes_its_markers_can_be_ordered_again() {
    let (site, proxy) = site(8);
    let snapshot = site.backed_up();
    site.server.query("USE customer_42; DROP TABLE t3");
    let bad = site.schema().expect("a schema");
    site.restore(&snapshot).run().completed();
    let good = site.schema().expect("a schema");
    proxy.reset();
    site.node.undo().run().completed();
    let make = hexadecimal("CREATE TABLE IF NOT EXISTS `holdfast_");
    let is_make = |text: &[u8]| String::from_utf8_lossy(text).contains(&make);
    let first = 1 + proxy.statements().iter().position(|text| is_make(text)).expect("markers");
    // More batches need more markers than the copy has.
    site.configure_at(proxy.socket(), "", "[limits]\ntables_at_once = 1\n");
    for of_eight in [2, 5] {
        proxy.reset();
        proxy.arm(first + of_eight, Moment::After, Action::KillClient);
        let ended = site.node.undo().run();
        assert!(proxy.happened(), "{proxy:?}");
        assert_ne!(ended.result().outcome, Outcome::Completed, "{ended:?}");
        site.node.recover();
        assert_eq!(site.schema().expect("a schema"), bad);
    }
    site.node.undo().run().completed();
    assert_eq!(site.schema().expect("a schema"), good);
    site.node.undo().run().completed();
    assert_eq!(site.schema().expect("a schema"), bad);
    site.node.recover();
}

/// A text as the executor writes it in its statements.
fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
