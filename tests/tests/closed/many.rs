//! Many tables change places in batches, and the operator is told beforehand for how long.
//!
//! Needs: mariadb, restic.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use holdfast_job::Outcome;
use holdfast_tests::{
    Action, DatabaseSite, Moment, StatementProxy, eventually, signal, sweep::Victim,
};

use super::{fill, renames};

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

#[test]
fn a_switch_that_would_take_too_long_is_refused_before_the_door_closes() {
    let site = DatabaseSite::new();
    fill(&site, 190);
    let limit = |seconds: u32| {
        let limits = format!("[limits]\nclosed_seconds = {seconds}\n");
        site.configure("", &limits);
    };
    let snapshot = site.backed_up();
    limit(1);
    let ended = site.restore(&snapshot).run();
    let said = &ended.ended_as(Outcome::Failed).operator_message;
    assert!(
        said.contains("190 tables and 0 programs") && said.contains("closed_seconds"),
        "{said}"
    );
    assert!(!format!("{ended:?}").contains("\"stage\":\"close\""), "{ended:?}");
    limit(60);
    let ended = site.restore(&snapshot).run();
    ended.completed();
    assert!(format!("{ended:?}").contains("closes the site for about 1.1 s"), "{ended:?}");
    limit(1);
    let ended = site.node.undo().run();
    let said = &ended.ended_as(Outcome::Failed).operator_message;
    assert!(said.contains("closed_seconds"), "{said}");
    limit(60);
    site.node.undo().run().completed();
    site.node.recover();
}
