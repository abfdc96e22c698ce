//! The configuration: the documented example is valid, and every mistake is refused with a sentence
//! that says where it is, before anything is done.
//!
//! Needs: restic.

mod mistakes;
mod overrides;
mod trust;

use std::fs;

use holdfast_job::{Order, Outcome};
use holdfast_tests::{Call, Node, Signer, output_of, place_program, restic};

const EXAMPLE: &str = include_str!("../../../docs/executor.example.toml");

/// A configuration with every key; `ROOT` and `RESTIC` stand for paths of the test.
const FULL: &str = r#"version = 1
[node]
name = "test-1"
state = "ROOT/state"
cache = "ROOT/cache"
customers = "ROOT/customers"
restic = "RESTIC"
master_secret_file = "ROOT/etc/master.secret"
worker_user = "nobody"
ticket_keys = "ROOT/etc/ticket-keys"
lock_wait_seconds = 0
[site]
base = "ROOT/customers/customer-{id}"
maintenance = "swap"
undo_hours = 24
undo_min_free = 1
reserve = 2
owners = { allowed = [33], otherwise = 34 }
quota = { project = "{id}" }
[[site.files]]
id = "web"
name = "Website"
path = "ROOT/customers/customer-{id}/public"
excludes = ["cache"]
[[site.files]]
id = "blog"
name = "Blog"
path = "ROOT/customers/customer-{id}/blog"
[limits]
max_source_bytes = 1000000
upload_kib_per_second = 3
download_kib_per_second = 4
nice = 10
ionice = "best_effort"
progress_timeout_seconds = 300
stage_timeout_seconds = { fetch = 600 }
[repositories.manual]
url = "ROOT/repositories/customer-{id}"
password_file = "ROOT/etc/password"
environment = { }
[repositories.derived]
url = "ROOT/repositories/derived-{id}"
[repositories.far]
url = "sftp:backup@backup.example.org:/srv/customer-{id}"
[repositories.far.ssh]
key = "ROOT/etc/id_ed25519"
known_hosts = "ROOT/etc/known_hosts"
port = 2222
"#;

/// A node with the full configuration and what it names.
fn configured() -> Node {
    let node = Node::new();
    node.secret("etc/id_ed25519", "key");
    node.secret("etc/known_hosts", "hosts");
    for source in ["public", "blog"] {
        fs::create_dir(node.base().join(source)).expect("a source");
    }
    write(&node, FULL);
    node
}

fn write(node: &Node, text: &str) {
    let root = node.root().display().to_string();
    let restic = format!("{:?}", restic().display().to_string());
    let text = text.replace("ROOT", &root).replace("\"RESTIC\"", &restic);
    node.secret("etc/executor.toml", &text);
}

fn override_with(node: &Node, text: &str) {
    node.secret("etc/customers/42.toml", &text.replace("ROOT", &node.root().display().to_string()));
}

/// An order that fails on a good configuration too, but only after all of it was read.
fn probe(node: &Node) -> Call {
    backup_into(node, "nowhere")
}

fn backup_into(node: &Node, repository: &str) -> Call {
    let mut call = node.backup();
    if let Order::Backup(backup) = &mut call.request.order {
        backup.repository = repository.parse().expect("a name");
    }
    call
}

/// What the operator reads when the order is refused for its configuration.
fn refusal(node: &Node) -> String {
    let ended = probe(node).run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.customer_message.contains("Contact support"), "{ended:?}");
    assert!(!result.customer_message.contains('/'), "a path in the customer's text: {ended:?}");
    result.operator_message
}

/// What the operator reads when the configuration was good.
fn accepted(node: &Node) -> String {
    let said = probe(node).run().ended_as(Outcome::Failed).operator_message;
    assert!(said.starts_with("no repository `nowhere` is configured; there are:"), "{said}");
    said
}

#[test]
fn the_documented_example_is_a_valid_configuration() {
    let node = Node::new();
    let root = node.root().display().to_string();
    fs::create_dir(node.root().join("etc/ssh")).expect("a folder");
    for file in ["etc/ssh/id_ed25519", "etc/ssh/known_hosts", "etc/s3-credentials"] {
        node.secret(file, "x");
    }
    node.secret("etc/probe.secret", "word");
    Signer::new(&node, "web-1");
    for hook in ["before", "after-swap", "after", "stuck"] {
        place_program(&node.root().join("etc").join(hook), "#!/bin/sh\n");
    }
    fs::create_dir(node.live()).expect("a source");
    let text = [
        ("/var/lib/holdfast", format!("{root}/state")),
        ("/var/cache/holdfast", format!("{root}/cache")),
        ("/var/customers", format!("{root}/customers")),
        ("/var/backups/holdfast", format!("{root}/repositories")),
        ("/opt/shophosting/.manual-restic-password", format!("{root}/etc/password")),
        ("/usr/bin/restic", restic().display().to_string()),
        ("/usr/local/lib/holdfast", format!("{root}/etc")),
        ("/etc/holdfast", format!("{root}/etc")),
    ]
    .iter()
    .fold(EXAMPLE.to_owned(), |text, (from, to)| text.replace(from, to));
    // As it is, and with every key in use that it only mentions.
    let with_all = text
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| is_key(rest)).unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    for key in ["owners", "quota", "password_file", "environment", "url", "before", "cpu_weight"] {
        assert!(with_all.contains(&format!("\n{key} = ")), "{key} is not in use:\n{with_all}");
    }
    for text in [&text, &with_all] {
        node.secret("etc/executor.toml", text);
        let said = output_of(&mut node.executor_with(&["doctor"]));
        assert!(said.contains("good  configuration"), "{said}");
        assert!(said.contains("good  ticket keys: web-1\n"), "{said}");
        override_with(&node, "");
        assert!(accepted(&node).ends_with("there are: daily, manual"));
        let own = "[site]\nundo_hours = 1\n[limits]\nnice = 19\n\
                   [repositories.own]\nurl = \"ROOT/repositories/own\"\n";
        override_with(&node, own);
        assert!(accepted(&node).ends_with("there are: daily, manual, own"));
        // For `doctor` there is then no customer whose repository it would call.
        fs::remove_file(node.root().join("etc/customers/42.toml")).expect("the override");
        fs::remove_dir_all(node.root().join("state")).expect("the state");
    }
}

/// Whether a line of the example would be a key if it were not commented out.
fn is_key(line: &str) -> bool {
    let name = line.split(" = ").next().unwrap_or_default();
    let is_table = line.starts_with("[site.") && line.ends_with(']');
    is_table || line.contains(" = ") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

#[test]
fn the_full_configuration_is_valid() {
    let node = configured();
    assert!(accepted(&node).ends_with("there are: derived, far, manual"));
}
