//! A repository behind ssh, and a real server that has something against us.
//!
//! Needs: restic, sshd.

use std::{fs, path::Path};

use holdfast_tests::{Node, Sshd, free_port, output_of, program};

use super::{World, walk};

/// A repository behind this server, by these files.
fn configure(node: &Node, (host, port): (&str, u16), key: &Path, known_hosts: &Path) {
    let table = format!(
        "[repositories.manual]\nurl = \"sftp:root@{host}:{}/repositories/customer-{{id}}\"\n\
         [repositories.manual.ssh]\nkey = \"{}\"\nknown_hosts = \"{}\"\nport = {port}\n",
        node.root().display(),
        key.display(),
        known_hosts.display(),
    );
    node.configure("", &table);
}

/// A backup by way of ssh, and then another key, known hosts, host or port.
fn changed(change: fn(&Node, &Sshd)) -> World {
    let node = Node::with_site();
    let sshd = Sshd::start(&node.root().join("sshd"));
    configure(&node, ("127.0.0.1", sshd.port()), &sshd.key(), &sshd.known_hosts());
    let snapshot = node.backed_up();
    change(&node, &sshd);
    World::new(node, snapshot).with(sshd)
}

pub(super) fn with_another_host_key() -> World {
    changed(|node, sshd| {
        // Another key of the same kind in its place.
        keygen(&node.root().join("other"));
        let public = fs::read_to_string(node.root().join("other.pub")).expect("a key");
        let known = format!("[127.0.0.1]:{} {}", sshd.port(), public.trim());
        node.secret("etc/known_hosts", &known);
        let known_hosts = node.root().join("etc/known_hosts");
        configure(node, ("127.0.0.1", sshd.port()), &sshd.key(), &known_hosts);
    })
}

pub(super) fn without_a_host_key() -> World {
    changed(|node, sshd| {
        node.secret("etc/known_hosts", "");
        let known_hosts = node.root().join("etc/known_hosts");
        configure(node, ("127.0.0.1", sshd.port()), &sshd.key(), &known_hosts);
    })
}

pub(super) fn with_a_refused_key() -> World {
    changed(|node, sshd| {
        let key = node.root().join("other");
        keygen(&key);
        configure(node, ("127.0.0.1", sshd.port()), &key, &sshd.known_hosts());
    })
}

pub(super) fn of_nobody() -> World {
    changed(|node, sshd| {
        configure(node, ("127.0.0.1", free_port()), &sshd.key(), &sshd.known_hosts());
    })
}

pub(super) fn of_no_name() -> World {
    changed(|node, sshd| {
        configure(node, ("no-such-host.invalid", 22), &sshd.key(), &sshd.known_hosts());
    })
}

fn keygen(key: &Path) {
    let mut keygen = program("/usr/bin/ssh-keygen");
    output_of(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(key));
}

#[test]
fn a_changed_host_key_is_told_as_such_for_good() {
    walk("changed host key");
}

#[test]
fn an_unknown_host_key_is_told_for_good() {
    walk("unknown host key");
}

#[test]
fn a_refused_key_is_told_for_good() {
    walk("refused key");
}

#[test]
fn a_server_that_is_not_there_passes() {
    walk("server that is not there");
}

#[test]
fn a_name_that_is_not_known_passes() {
    walk("name that is not known");
}

#[test]
fn what_ssh_writes_down_is_removed_also_behind_an_executor_that_died() {
    let world = with_a_refused_key();
    let logs = || {
        let folder = fs::read_dir(world.node.root().join("state/tmp")).expect("the folder");
        folder.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>()
    };
    world.node.backup().run();
    assert!(logs().is_empty(), "{:?}", logs());
    // No process has a number beyond the most that there can be.
    let left = world.node.root().join("state/tmp/ssh-4194305-0.log");
    fs::write(left, "Permission denied").expect("a log");
    world.node.recover();
    assert!(logs().is_empty(), "{:?}", logs());
}
