//! A node burns down: a new one of the same name, with what was kept elsewhere, brings every site back.
//! What docs/OPERATIONS.md has for that is done here as it stands there.
//!
//! Needs: mariadb, redis, restic.

use std::fs;

use holdfast_tests::{
    Fleet, MariaDb, Node, Schema, Tree, built, fill_site, fill_small_shop, output_of, program,
};

const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");

/// The commands of a chapter.
fn commands(chapter: &str) -> String {
    let text = OPERATIONS.split(&format!("\n## {chapter}\n")).nth(1).expect("a chapter");
    let text = text.split("\n## ").next().expect("its end");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.collect::<Vec<_>>().join("\n")
}

/// The bases of the sites, as root makes them; whose the trees in them will be, the snapshots know.
fn make_bases(node: &Node) {
    for customer in ["customer-42", "customer-43"] {
        let base = node.root().join("customers").join(customer);
        output_of(program("/usr/bin/install").args(["-d", "-m", "755"]).arg(base));
    }
}

/// Both sites: their trees and schemas.
fn sites(node: &Node, server: &MariaDb) -> (Tree, Tree, Option<Schema>, Option<Schema>) {
    let schema = |name| Schema::read(server, name);
    let of_43 = Tree::read(&node.root().join("customers/customer-43/public"));
    (node.tree(), of_43, schema(MariaDb::SCHEMA), schema(MariaDb::CANARY))
}

#[test]
fn what_was_kept_elsewhere_makes_a_new_node_of_the_same_sites() {
    let node = Node::with_site();
    make_bases(&node);
    let of_43 = node.root().join("customers/customer-43/public");
    fill_site(&of_43);
    fs::write(of_43.join("only-43"), "another site").expect("a file");
    let server = MariaDb::with_tenants(&node.root().join("db"));
    fill_small_shop(&server, MariaDb::SCHEMA);
    let root = node.root().display().to_string();
    // Each customer's password is derived from the master secret.
    let repositories =
        format!("[repositories.manual]\nurl = \"{root}/repositories/customer-{{id}}\"\n");
    node.configure_database(&server.socket(), &repositories);
    let fleet = Fleet::new(node);
    let mut worker = fleet.worker("one", "");
    for customer in [42, 43] {
        let job = fleet.web.order_backup(customer, "both");
        fleet.web.until(customer, job, "completed");
    }
    worker.tell();
    worker.ended();
    let before = sites(&fleet.node, &server);

    // What was on the node is gone; what was in the safe, in the storage and on the web side is not.
    let kept = ["etc/executor.toml", "etc/master.secret", "etc/mariadb.toml"]
        .map(|name| (name, fs::read_to_string(fleet.node.root().join(name)).expect(name)));
    drop(server);
    for folder in ["etc", "state", "cache", "customers"] {
        fs::remove_dir_all(fleet.node.root().join(folder)).expect(folder);
    }
    for folder in ["etc/customers", "etc/ticket-keys", "customers"] {
        fs::create_dir_all(fleet.node.root().join(folder)).expect(folder);
    }
    let server = MariaDb::with_tenants(&fleet.node.root().join("db"));
    server.query("DROP DATABASE customer_42; DROP DATABASE customer_43");
    for (name, text) in kept {
        fleet.node.secret(name, text.trim_end());
    }
    let key = fleet.web_folder().join("web-1.pub");
    fs::copy(key, fleet.node.root().join("etc/ticket-keys/web-1.pub")).expect("the public key");
    make_bases(&fleet.node);

    let _worker = fleet.worker("one", "");
    let folder = built("holdfast").parent().expect("a folder").display().to_string();
    let mut shell = program("/bin/bash");
    let script = commands("When a node burns");
    let script = script.replace(
        "/opt/holdfast/bin/holdfast-executor",
        &format!("{folder}/holdfast-executor --config {root}/etc"),
    );
    assert!(script.contains("holdfast restore"), "{script}");
    shell.args(["-euo", "pipefail", "-c", &script]);
    shell.env("PATH", format!("{folder}:/usr/sbin:/usr/bin:/bin"));
    shell.env("HOME", fleet.node.root()).env("HOLDFAST_URL", fleet.web.url(""));
    shell.env("HOLDFAST_TOKEN", fleet.web.token());
    let said = output_of(&mut shell);
    assert_eq!(said.matches("Your site is restored.").count(), 2, "{said}");
    assert_eq!(sites(&fleet.node, &server), before);
    drop(server);
}
