//! Plain restic in a person's hands, on what Holdfast wrote: on this machine and over sftp.
//!
//! Needs: restic, sshd.

use std::{fs, path::Path};

use holdfast_job::SnapshotId;
use holdfast_tests::{Node, Sshd, Tree, damage, output_of};

/// As a person would: the password asked for, the snapshots listed, one of them restored.
fn restored_by_hand(node: &Node, snapshot: &SnapshotId, target: &Path) -> Tree {
    let password = output_of(&mut node.executor_with(&["repository-password", "42", "manual"]));
    assert_eq!(password.trim().len(), 64, "{password:?}");
    node.secret("by-hand", password.trim());
    let by_hand = |args: &[&str]| {
        let mut restic = node.restic(args);
        output_of(restic.env("RESTIC_PASSWORD_FILE", node.root().join("by-hand")))
    };
    let listed = by_hand(&["snapshots", "--json"]);
    assert!(listed.contains(snapshot.as_str()), "{listed}");
    let target = target.display().to_string();
    by_hand(&["restore", snapshot.as_str(), "--sparse", "--target", &target]);
    let live = node.live();
    Tree::read(&Path::new(&target).join(live.strip_prefix("/").expect("an absolute path")))
}

#[test]
fn with_the_derived_password_plain_restic_lists_and_restores_what_we_wrote() {
    let node = Node::with_site();
    let url = format!("{}/repositories/customer-{{id}}", node.root().display());
    node.configure("", &format!("[repositories.manual]\nurl = \"{url}\"\n"));
    let good = node.tree();
    let snapshot = node.backed_up();
    assert_eq!(restored_by_hand(&node, &snapshot, &node.root().join("by hand")), good);
}

#[test]
fn a_repository_behind_sftp_is_written_restored_from_and_deleted_from() {
    let node = Node::with_site();
    let server = Sshd::start(&node.root().join("sshd"));
    let table = format!(
        "[repositories.manual]\nurl = \"sftp:root@127.0.0.1:{}/repositories/customer-{{id}}\"\n\
         [repositories.manual.ssh]\nkey = \"{}\"\nknown_hosts = \"{}\"\nport = {}\n",
        node.root().display(),
        server.key().display(),
        server.known_hosts().display(),
        server.port()
    );
    node.configure("", &table);
    let good = node.tree();
    let snapshot = node.backed_up();
    damage(&node.live());
    let bad = node.tree();
    node.restore(&snapshot).run().completed();
    assert_eq!(node.tree(), good);
    node.undo().run().completed();
    assert_eq!(node.tree(), bad);
    // The person sits at the other end, where the repository is a folder.
    assert_eq!(restored_by_hand(&node, &snapshot, &node.root().join("by hand")), good);
    node.delete(&snapshot).run().completed();
    assert!(fs::read_dir(node.repository().join("snapshots")).unwrap().next().is_none());
    node.recover();
}

#[test]
fn an_sftp_server_with_another_key_than_the_known_one_gets_nothing() {
    let node = Node::with_site();
    let (server, other) =
        (Sshd::start(&node.root().join("sshd")), Sshd::start(&node.root().join("other")));
    // The port of the one with the host key of the other.
    let known = fs::read_to_string(other.known_hosts()).unwrap();
    let known = known.replace(&other.port().to_string(), &server.port().to_string());
    node.secret("known_hosts", known.trim());
    let table = format!(
        "[repositories.manual]\nurl = \"sftp:root@127.0.0.1:{}/repositories/customer-{{id}}\"\n\
         [repositories.manual.ssh]\nkey = \"{}\"\nknown_hosts = \"{}\"\nport = {}\n",
        node.root().display(),
        server.key().display(),
        node.root().join("known_hosts").display(),
        server.port()
    );
    node.configure("", &table);
    let ended = node.backup().run();
    assert!(!ended.result().outcome.is_success(), "{ended:?}");
    assert!(!node.repository().exists(), "{ended:?}");
}
