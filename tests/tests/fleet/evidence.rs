//! There is no success without evidence: what only seems done does not end as completed.
//!
//! Needs: mariadb, nginx, redis, restic.

use std::{fs, path::Path};

use holdfast_tests::{Fleet, MariaDb, Nginx, Node, fill_small_shop, output_of, restic};
use serde_json::json;

#[test]
fn a_snapshot_that_was_removed_behind_our_back_is_not_restored() {
    let fleet = Fleet::new(Node::with_site());
    let _worker = fleet.worker("one", "");
    let backup = fleet.web.order_backup(42, "files");
    let shown = fleet.web.until(42, backup, "completed");
    let snapshot = shown["snapshot_id"].as_str().expect("a snapshot");
    output_of(&mut fleet.node.restic(&["forget", snapshot]));
    let before = fleet.node.tree();
    let path = format!("/api/v1/customers/42/backups/{backup}/restore");
    let job = fleet.web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    let shown = fleet.web.until(42, job, "failed");
    let message = shown["message"].as_str().expect("a text");
    assert!(message.contains("This backup does not exist any more"), "{message}");
    assert_eq!(fleet.node.tree(), before);
    // To delete it is what is left to do, and that it is gone is seen.
    let job = fleet.web.delete(&format!("/api/v1/customers/42/backups/{backup}")).job();
    fleet.web.until(42, job, "completed");
    let shown = fleet.web.get(&format!("/api/v1/customers/42/backups/{backup}")).with(200).body;
    assert_eq!(shown["state"], "deleted");
}

#[test]
fn a_dump_without_its_mark_is_no_backup() {
    let node = Node::with_site();
    let server = MariaDb::with_tenants(&node.root().join("db"));
    node.configure_database(&server.socket(), "");
    fill_small_shop(&server, MariaDb::SCHEMA);
    let dump = Path::new("/usr/bin/mariadb-dump");
    let double = node.double_of(dump, "\"$real\" \"$@\" | head -c 1500\nexit 0");
    node.secret("etc/mariadb.toml", "user = \"root\"");
    let (root, socket) = (node.root().display().to_string(), server.socket());
    node.configure_all(
        &restic(),
        &format!("mariadb_dump = {double:?}"),
        "",
        &format!(
            "[[site.databases]]\nid = \"shop\"\nname = \"Shop\"\nsocket = {socket:?}\n\
             credentials_file = \"{root}/etc/mariadb.toml\"\n"
        ),
    );
    let fleet = Fleet::new(node);
    let server = server;
    let _worker = fleet.worker("one", "");
    let job = fleet.web.order_backup(42, "db");
    let shown = fleet.web.until(42, job, "failed");
    let operator = shown["operator"]["message"].as_str().expect("a text");
    assert!(operator.contains("completion mark"), "{operator}");
    assert_eq!(shown["operator"]["attempt"], 3);
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backups"), "0");
    drop(server);
}

#[test]
fn a_restore_whose_site_does_not_answer_well_is_taken_back() {
    let node = Node::with_site();
    let secret = "0123456789abcdef";
    let nginx = Nginx::start(&node.root().join("nginx"), (&node.base(), &node.live()), secret);
    node.secret("etc/probe", secret);
    let (root, url) = (node.root().display().to_string(), nginx.url("page"));
    node.configure_all(
        &restic(),
        &format!("probe_secret_file = \"{root}/etc/probe\""),
        "",
        &format!(
            "[site.services]\nstart_seconds = 1\n[site.probe]\nurl = \"{url}\"\n\
             timeout_seconds = 2\nstatus = 200\n"
        ),
    );
    let page = node.live().join("page");
    let fleet = Fleet::new(node);
    let nginx = nginx;
    let _worker = fleet.worker("one", "");
    // What is saved answers 404.
    let backup = fleet.web.order_backup(42, "files");
    fleet.web.until(42, backup, "completed");
    fs::write(&page, "a shop").expect("a page");
    let path = format!("/api/v1/customers/42/backups/{backup}/restore");
    let job = fleet.web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    let shown = fleet.web.until(42, job, "failed");
    assert!(shown["message"].as_str().expect("a text").contains("put back as it was"), "{shown:#}");
    assert_eq!(fs::read_to_string(&page).expect("a page"), "a shop");
    assert_eq!(nginx.status("page"), "200");
    // Unless that is what is wanted.
    let body = json!({ "confirm": "RESTORE", "keep_unhealthy": true });
    let job = fleet.web.post(&path, &body).job();
    let shown = fleet.web.until(42, job, "completed");
    assert_eq!(shown["healthy"], false);
    assert!(!page.exists());
    fleet.node.recover();
}
