//! Clients and servers of other series of MariaDB than the machine's, from `scripts/mariadb-releases`.
//!
//! Needs: mariadb.

use holdfast_job::Outcome;
use holdfast_tests::{
    MariaDb, Release,
    versions::{Way, goes_round, history, moves_to, second_server, site_of},
};

const OLD: &str = "10.11";
const NEW: &str = "11.8";

fn old() -> Release {
    Release::needed(OLD)
}

fn new() -> Release {
    Release::needed(NEW)
}

#[test]
fn newer_clients_use_an_older_server_without_encryption_by_socket() {
    goes_round(&site_of(old(), &new(), Way::Socket));
}

#[test]
fn newer_clients_use_an_older_server_without_encryption_by_network() {
    goes_round(&site_of(old(), &new(), Way::Network));
}

#[test]
fn older_clients_use_a_newer_server() {
    goes_round(&site_of(new(), &old(), Way::Socket));
}

#[test]
fn a_newer_server_with_its_own_clients_is_saved_and_brought_back() {
    goes_round(&site_of(new(), &new(), Way::Network));
}

#[test]
fn versioned_tables_keep_their_current_rows_on_a_newer_server() {
    let site = site_of(old(), &old(), Way::Socket);
    moves_to(&site, new(), &new());
}

#[test]
fn versioned_tables_keep_their_current_rows_on_an_older_server() {
    let site = site_of(new(), &new(), Way::Socket);
    moves_to(&site, old(), &old());
}

#[test]
fn a_moment_that_an_older_server_does_not_have_is_refused_by_its_table() {
    let site = site_of(new(), &new(), Way::Socket);
    site.server.query(&format!(
        "INSERT INTO {}.moments VALUES (3, '2050-01-01 00:00:00')",
        MariaDb::SCHEMA
    ));
    let snapshot = site.backed_up();
    let second = second_server(&site, old(), &old());
    second.load(MariaDb::SCHEMA, b"CREATE TABLE left_alone (id INT PRIMARY KEY)");
    let ended = site.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    for words in ["column `at` of table `moments`", "11.5"] {
        assert!(result.operator_message.contains(words), "not {words:?}: {ended:?}");
    }
    site.node.recover();
    assert_eq!(second.query(&format!("SHOW TABLES FROM {}", MariaDb::SCHEMA)), "left_alone\n");
    assert!(history(&site.server).contains("moments\t3"), "the first server has all");
}
