//! `both` never means less than the host thinks: databases that are there and that nothing saves.
//!
//! Needs: mariadb, restic.

use std::fs;

use holdfast_job::Outcome;
use holdfast_tests::{MariaDb, Node, restic};

use super::{World, bad, walk};

/// A node with a server on its machine, of which the configuration of sites says nothing, or this.
fn beside_a_server(rest: &str) -> (Node, MariaDb) {
    let node = Node::with_site();
    let server = MariaDb::with_tenants(&node.root().join("db"));
    node.secret("etc/mariadb.toml", "user = \"root\"");
    configure(&node, &server, rest);
    (node, server)
}

fn configure(node: &Node, server: &MariaDb, rest: &str) {
    let local = format!(
        "mariadb_socket = \"{}\"\nmariadb_credentials_file = \"{}/etc/mariadb.toml\"",
        server.socket().display(),
        node.root().display()
    );
    let (site, rest) = match rest.starts_with("databases") {
        true => (rest, ""),
        false => ("", rest),
    };
    node.configure_all(&restic(), &local, site, rest);
}

fn shop(node: &Node, server: &MariaDb, schema: &str) -> String {
    format!(
        "[[site.databases]]\nid = \"shop\"\nname = \"Shop\"\nschema = \"{schema}\"\n\
         socket = \"{}\"\ncredentials_file = \"{}/etc/mariadb.toml\"\n",
        server.socket().display(),
        node.root().display()
    )
}

pub(super) fn unsaved() -> World {
    let (node, server) = beside_a_server("");
    let snapshot = node.backup_of("files").run().completed().snapshot.expect("a snapshot");
    World::new(node, snapshot).with(server)
}

#[test]
fn a_database_that_nothing_saves_is_named_by_doctor_and_by_each_backup_of_both() {
    walk("database that nothing saves");
}

#[test]
fn the_customer_reads_that_a_database_is_missing_in_the_backup() {
    let (node, _server) = beside_a_server("");
    let result = node.backup().run().ended_as(Outcome::Incomplete);
    let said = "Your database customer_42 is not in it";
    assert!(result.customer_message.contains(said), "{result:?}");
    assert_eq!(result.unreadable, ["database customer_42 (not configured)"]);
    // Another's schema is that one's.
    assert!(!result.operator_message.contains("customer_43"), "{result:?}");
    // Who asks for files alone means files alone.
    let result = node.backup_of("files").run().completed();
    assert_eq!(result.operator_message, "The backup is made.");
}

#[test]
fn a_second_database_beside_one_that_is_saved_is_named_too() {
    let (node, server) = beside_a_server("");
    server.query("CREATE DATABASE customer_42_blog; CREATE DATABASE customer_421");
    configure(&node, &server, &shop(&node, &server, "customer_{id}"));
    let result = node.backup().run().ended_as(Outcome::Incomplete);
    assert_eq!(result.unreadable, ["database customer_42_blog (not configured)"]);
    fs::write(node.root().join("etc/customers/42.toml"), "").expect("a customer");
    let found = bad(&node).concat();
    assert!(found.contains("nothing saves customer_42_blog on "), "{found}");
    server.query("DROP DATABASE customer_42_blog");
    node.backup().run().completed();
}

#[test]
fn a_site_without_a_database_says_so_unless_it_was_said_that_there_is_none() {
    let node = Node::with_site();
    let result = node.backup().run().completed();
    let said = "It holds files alone: no database is set up to be saved.";
    assert!(result.customer_message.ends_with(said), "{result:?}");
    assert!(result.operator_message.contains("No database is configured"), "{result:?}");
    node.configure("databases = []", "");
    let result = node.backup().run().completed();
    assert_eq!(result.operator_message, "The backup is made.");
    assert_eq!(result.customer_message, "The backup is made.");
}

#[test]
fn doctor_names_what_nothing_saves_before_there_is_any_site() {
    let (node, server) = beside_a_server("");
    let found = bad(&node).concat();
    assert!(found.contains("databases on this machine: nothing saves customer_42 on "), "{found}");
    assert!(found.contains("customer_43"), "{found}");
    configure(&node, &server, &shop(&node, &server, "customer_{id}"));
    assert!(!bad(&node).concat().contains("databases on this machine"), "{:?}", bad(&node));
    configure(&node, &server, "databases = []");
    assert!(!bad(&node).concat().contains("nothing saves"), "{:?}", bad(&node));
}

#[test]
fn a_server_that_does_not_answer_keeps_no_files_from_being_saved() {
    let (node, server) = beside_a_server("");
    node.secret("etc/mariadb.toml", "user = \"nobody-known\"");
    let result = node.backup().run().completed();
    let said = "could not be asked for databases that nothing saves";
    assert!(result.operator_message.contains(said), "{result:?}");
    assert!(bad(&node).concat().contains(said), "{:?}", bad(&node));
    drop(server);
}
