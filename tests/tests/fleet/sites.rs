//! Real sites: their databases, two customers at once, the sixth backup.
//!
//! Needs: mariadb, redis, restic.

use std::path::PathBuf;

use holdfast_job::JobId;
use holdfast_tests::{
    Fleet, MariaDb, Node, Schema, Tree, damage, damage_small_shop, eventually, fill_site,
    fill_small_shop, output_of,
};
use serde_json::{Value, json};

/// The site of customer 43.
fn site_of_43(fleet: &Fleet) -> PathBuf {
    fleet.node.root().join("customers/customer-43/public")
}

fn restore(fleet: &Fleet, customer: u32, backup: JobId, body: &Value) -> JobId {
    let path = format!("/api/v1/customers/{customer}/backups/{backup}/restore");
    fleet.web.post(&path, body).job()
}

#[test]
fn each_scope_is_saved_and_brought_back_and_nothing_else_of_the_site_is_touched() {
    let node = Node::with_site();
    let server = MariaDb::with_tenants(&node.root().join("db"));
    node.configure_database(&server.socket(), "");
    fill_small_shop(&server, MariaDb::SCHEMA);
    let fleet = Fleet::new(node);
    // Ended before the node is looked through.
    let server = server;
    let _worker = fleet.worker("one", "");
    let schema = || Schema::read(&server, MariaDb::SCHEMA).expect("a schema");
    let good = (fleet.node.tree(), schema());
    let backups = ["db", "files", "both", "shop"].map(|scope| {
        let job = fleet.web.order_backup(42, scope);
        fleet.web.until(42, job, "completed");
        (scope, job)
    });
    damage(&fleet.node.live());
    damage_small_shop(&server, MariaDb::SCHEMA);
    let bad = (fleet.node.tree(), schema());
    for (of, backup, scope, tree, rows) in [
        ("db", backups[0].1, json!(null), &bad.0, &good.1),
        ("files", backups[1].1, json!(null), &good.0, &bad.1),
        ("both", backups[2].1, json!(null), &good.0, &good.1),
        ("both", backups[2].1, json!("db"), &bad.0, &good.1),
        ("both", backups[2].1, json!("files"), &good.0, &bad.1),
        ("both", backups[2].1, json!("web"), &good.0, &bad.1),
        ("shop", backups[3].1, json!("shop"), &bad.0, &good.1),
    ] {
        let body = json!({ "confirm": "RESTORE", "scope": scope });
        let job = restore(&fleet, 42, backup, &body);
        fleet.web.until(42, job, "completed");
        assert_eq!((&fleet.node.tree(), &schema()), (tree, rows), "{scope} of {of}");
        let path = format!("/api/v1/customers/42/jobs/{job}/undo");
        let undo = fleet.web.post(&path, &json!({ "confirm": "UNDO" })).job();
        fleet.web.until(42, undo, "completed");
        assert_eq!((&fleet.node.tree(), &schema()), (&bad.0, &bad.1), "undo of {scope} of {of}");
    }
}

#[test]
fn two_customers_are_saved_and_restored_at_once() {
    let fleet = Fleet::new(Node::with_site());
    fill_site(&site_of_43(&fleet));
    let _worker = fleet.worker("one", "");
    let good = (fleet.node.tree(), Tree::read(&site_of_43(&fleet)));
    let backups = [42, 43].map(|customer| (customer, fleet.web.order_backup(customer, "files")));
    for (customer, job) in backups {
        fleet.web.until(customer, job, "completed");
    }
    damage(&fleet.node.live());
    damage(&site_of_43(&fleet));
    let restores = backups.map(|(customer, backup)| {
        (customer, restore(&fleet, customer, backup, &json!({ "confirm": "RESTORE" })))
    });
    for (customer, job) in restores {
        fleet.web.until(customer, job, "completed");
    }
    assert_eq!((fleet.node.tree(), Tree::read(&site_of_43(&fleet))), good);
}

#[test]
fn the_sixth_backup_of_one_customer_changes_nothing_of_anothers() {
    sixth_backup(Fleet::new(Node::with_site()), &["customer-42", "customer-43"]);
}

#[test]
fn the_sixth_backup_in_a_shared_repository_changes_nothing_of_anothers() {
    let node = Node::with_site();
    let root = node.root().display().to_string();
    node.configure(
        "",
        &format!(
            "[repositories.manual]\nurl = \"{root}/repositories/shared\"\n\
             password_file = \"{root}/etc/password\"\n"
        ),
    );
    sixth_backup(Fleet::new(node), &["shared", "shared"]);
}

/// The snapshots of this host in this repository, as plain restic finds them.
fn snapshots(fleet: &Fleet, repository: &str, customer: u32) -> Vec<String> {
    let url = fleet.node.root().join("repositories").join(repository);
    let host = format!("customer-{customer}");
    let args = ["snapshots", "--json", "--no-lock", "--host", &host];
    let said = output_of(fleet.node.restic(&args).env("RESTIC_REPOSITORY", url));
    let listed: Vec<Value> = serde_json::from_str(&said).expect("a list");
    listed.iter().map(|snapshot| snapshot["id"].as_str().expect("an id").to_owned()).collect()
}

fn sixth_backup(fleet: Fleet, repositories: &[&str; 2]) {
    fill_site(&site_of_43(&fleet));
    let _worker = fleet.worker("one", "");
    let save = |customer| {
        let job = fleet.web.order_backup(customer, "files");
        let shown = fleet.web.until(customer, job, "completed");
        shown["snapshot_id"].as_str().expect("a snapshot").to_owned()
    };
    let of_43 = [save(43)];
    let mut of_42: Vec<_> = (0..6).map(|_| save(42)).collect();
    let oldest = of_42.remove(0);
    let shown = eventually("the end of the oldest backup", || {
        let path = format!("/api/v1/customers/42/backups/{oldest}");
        let shown = fleet.web.get(&path).with(200).body;
        (shown["state"] == "deleted").then_some(shown)
    });
    assert_eq!(shown["snapshot_id"], oldest);
    let mut left = snapshots(&fleet, repositories[0], 42);
    left.sort();
    of_42.sort();
    assert_eq!(left, of_42);
    assert_eq!(snapshots(&fleet, repositories[1], 43), of_43);
    let audited = fleet.query("SELECT actor, customer_id FROM audit WHERE action = 'delete'");
    assert_eq!(audited, "planner\t42");
}
