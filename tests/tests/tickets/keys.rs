//! Whose signature a node believes: what root has put into one folder.
//!
//! Needs: restic.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};

use holdfast_job::Outcome;
use holdfast_tests::{Node, Signer};

use super::assert_refused;

#[test]
fn during_a_rotation_both_keys_are_good_and_afterwards_one() {
    let node = Node::with_site();
    let old = Signer::new(&node, "web-2026");
    node.backup().run_signed(&old).completed();
    let new = Signer::new(&node, "web-2027");
    for signer in [&old, &new] {
        node.backup().run_signed(signer).completed();
    }
    old.withdraw();
    let before = node.world();
    let ended = node.backup().run_signed(&old);
    let folder = node.root().join("etc/ticket-keys").display().to_string();
    assert_refused(&ended, &format!("the key `web-2026`, which is not in {folder}"));
    assert_refused(&ended, &old.file().display().to_string());
    before.assert_untouched(&node, "an old key");
    node.backup().run_signed(&new).completed();
}

#[test]
fn without_a_folder_of_keys_no_ticket_is_believed() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let file = node.root().join("etc/executor.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    let without = text.lines().filter(|line| !line.starts_with("ticket_keys"));
    node.secret("etc/executor.toml", &without.collect::<Vec<_>>().join("\n"));
    let before = node.world();
    assert_refused(&node.backup().run_signed(&signer), "name one in `node.ticket_keys`");
    node.secret("etc/executor.toml", &text);
    signer.withdraw();
    fs::remove_dir(signer.file().parent().expect("a folder")).expect("the folder");
    assert_refused(&node.backup().run_signed(&signer), &signer.file().display().to_string());
    before.assert_untouched(&node, "no keys");
}

#[test]
fn what_else_is_in_the_folder_is_not_read() {
    let node = Node::with_site();
    let signer = Signer::new(&node, "web-1");
    let before = node.world();
    let beside = |name: &str| signer.file().with_file_name(name);
    for name in ["web-2.pub~", "web-2.pub.old", "web-2", "WEB-2.PUB", ".web-2.pub.swp"] {
        fs::write(beside(name), format!("{}\n", signer.public())).expect("a file");
        fs::set_permissions(beside(name), Permissions::from_mode(0o666)).expect("a mode");
    }
    fs::create_dir(beside("folder")).expect("a folder");
    assert_eq!(bad_findings(&node), Vec::<String>::new());
    let unknown = Signer::new(&node, "web-2");
    unknown.withdraw();
    assert_refused(&node.backup().run_signed(&unknown), "which is not in");
    before.assert_untouched(&node, "other files");
    node.backup().run_signed(&signer).completed();
}

/// What `doctor` finds bad.
fn bad_findings(node: &Node) -> Vec<String> {
    let output = node.executor_with(&["doctor"]).output().expect("doctor");
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines().filter(|line| line.starts_with("BAD")).map(str::to_owned).collect()
}

/// A key is spoilt: that is said when it is needed, by an order and by `doctor`, and the other key
/// stays good.
fn spoilt(node: &Node, keys: &[Signer; 2], says: &str, spoil: impl FnOnce(&Path)) {
    let [needed, other] = keys;
    spoil(&needed.file());
    let before = node.world();
    let ended = node.backup().run_signed(needed);
    let result = ended.ended_as(Outcome::Failed);
    let path = needed.file().display().to_string();
    for part in ["`node.ticket_keys`", path.as_str(), says] {
        assert!(result.operator_message.contains(part), "{part:?} is not said: {ended:?}");
    }
    assert!(result.customer_message.contains("Contact support"), "{ended:?}");
    before.assert_untouched(node, says);
    let found = bad_findings(node);
    assert!(found.len() == 1 && found[0].contains(&path), "{found:?}");
    assert!(found[0].starts_with("BAD   ticket key: ") && found[0].contains(says), "{found:?}");
    node.backup_of("db").run_signed(other).ended_as(Outcome::Failed);
    fs::remove_file(needed.file()).expect("the key");
    needed.install();
}

#[test]
fn a_key_that_others_could_have_put_there_is_refused() {
    let node = Node::with_site();
    let keys = [Signer::new(&node, "web-1"), Signer::new(&node, "web-2")];
    for mode in [0o664, 0o646] {
        spoilt(&node, &keys, "may be written by others than root", |key| {
            fs::set_permissions(key, Permissions::from_mode(mode)).expect("a mode");
        });
    }
    spoilt(&node, &keys, "belongs to uid 1000", |key| {
        chown(key, Some(1000), None).expect("an owner");
    });
    spoilt(&node, &keys, "is a symbolic link", |key| {
        fs::rename(key, key.with_file_name("real")).expect("a rename");
        symlink("real", key).expect("a link");
    });
    // So is the folder, for every key in it.
    let folder = node.root().join("etc/ticket-keys");
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("a mode");
    let before = node.world();
    for signer in &keys {
        let said = node.backup().run_signed(signer).ended_as(Outcome::Failed).operator_message;
        let shown = folder.display();
        assert!(said.contains(&format!("{shown} may be written by others")), "{said}");
    }
    before.assert_untouched(&node, "a folder that others may write");
}

#[test]
fn a_key_that_is_none_is_refused_by_name() {
    let node = Node::with_site();
    let keys = [Signer::new(&node, "web-1"), Signer::new(&node, "web-2")];
    let good = keys[0].public().to_string();
    let no_digits = "is not a public key: it must be 64 lower-case hexadecimal digits";
    for (content, says) in [
        (String::new(), no_digits),
        ("\n".to_owned(), no_digits),
        (good[..62].to_owned(), no_digits),
        (format!("{good}00\n"), no_digits),
        (format!("{good}\n\n"), no_digits),
        (format!("{good}\r\n"), no_digits),
        (format!(" {good}\n"), no_digits),
        (good.to_uppercase(), no_digits),
        ("x".repeat(64), no_digits),
        (format!("ssh-ed25519 {good}\n"), no_digits),
        // No point of the curve, and two whose multiples are few.
        (format!("02{}", "00".repeat(31)), "is no key that can sign"),
        (format!("01{}", "00".repeat(31)), "is no key that can sign"),
        ("00".repeat(32), "is no key that can sign"),
    ] {
        spoilt(&node, &keys, says, |key| fs::write(key, content).expect("a key"));
    }
    spoilt(&node, &keys, "cannot be read", |key| {
        fs::write(key, [0xff; 64]).expect("no text");
    });
    let badly_named = keys[0].file().with_file_name("Web_1.pub");
    fs::write(&badly_named, format!("{good}\n")).expect("a key");
    let found = bad_findings(&node);
    assert!(found.len() == 1 && found[0].contains("is no key id"), "{found:?}");
}

#[test]
fn doctor_says_that_nothing_of_the_workers_is_believed() {
    let node = Node::with_site();
    let found = bad_findings(&node);
    let folder = node.root().join("etc/ticket-keys").display().to_string();
    let worker = Node::WORKER;
    assert!(found.len() == 1 && found[0].contains("BAD   ticket keys: "), "{found:?}");
    assert!(found[0].contains(&format!("{folder} holds none")), "{found:?}");
    assert!(found[0].contains(&format!("the worker's user {worker}")), "{found:?}");
    let signer = Signer::new(&node, "web-1");
    assert_eq!(bad_findings(&node), Vec::<String>::new());
    // Without a worker there is nothing to believe.
    signer.withdraw();
    let file = node.root().join("etc/executor.toml");
    let text = fs::read_to_string(&file).expect("the configuration");
    let line = format!("worker_user = \"{worker}\"");
    for other in ["", "worker_user = \"no-such-user\""] {
        node.secret("etc/executor.toml", &text.replace(&line, other));
        assert_eq!(bad_findings(&node), Vec::<String>::new());
    }
}
