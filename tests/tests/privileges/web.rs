//! The web side's user: a real process of it tries to read what is not the web side's.
//!
//! Needs: mariadb, redis, restic.

use std::{fs, path::Path};

use holdfast_job::Outcome;
use holdfast_tests::{DatabaseSite, Fleet, Node, output_of, program};

/// A user of its own, whom nothing belongs to.
const WEB: &str = "60101";

/// A program as the web side's user.
fn as_web(path: &str) -> std::process::Command {
    let mut command = program("/usr/bin/setpriv");
    command.args(["--reuid", WEB, "--regid", WEB, "--clear-groups", path]);
    command
}

/// Every file below these places that the web side's user can open, by trying it.
fn readable(places: &[&Path]) -> Vec<String> {
    let script = "for place in \"$@\"; do find \"$place\" -exec sh -c \
                  'for it in \"$@\"; do head -c 1 -- \"$it\" >/dev/null 2>&1 && \
                   [ ! -d \"$it\" ] && echo \"$it\"; done' sh {} + 2>/dev/null; done; true";
    let said = output_of(as_web("/bin/sh").args(["-c", script, "sh"]).args(places));
    said.lines().map(str::to_owned).collect()
}

/// Files that exist there, which are what is to be read.
fn files(places: &[&Path]) -> usize {
    let said = output_of(program("/usr/bin/find").args(places).args(["-type", "f"]));
    said.lines().count()
}

#[test]
fn the_web_sides_user_reads_no_secret_no_state_and_no_backup() {
    let site = DatabaseSite::new();
    let (node, root) = (&site.node, site.node.root());
    node.secret("etc/probe.secret", "0123456789abcdef");
    let snapshot = node.backed_up();
    node.restore(&snapshot).run().completed();
    let failed = node.backup_of("nothing").run();
    failed.ended_as(Outcome::Failed);
    let places = ["etc", "state", "cache", "repositories", "customers/customer-42/.holdfast"]
        .map(|place| root.join(place));
    let places: Vec<&Path> = places.iter().map(|place| place.as_path()).collect();
    assert!(files(&places) > 20, "there is something to be read");
    assert_eq!(readable(&places), Vec::<String>::new());
    // That one may be read which is there for everybody, or nothing was tried.
    let open = root.join("etc/ticket-keys/open.pub");
    fs::write(&open, "a public key\n").expect("a file");
    assert_eq!(readable(&places), [open.display().to_string()]);
    fs::remove_file(open).expect("a file");
    node.recover();
}

#[test]
fn the_web_sides_user_reads_nothing_of_the_executor_that_runs() {
    let node = Node::with_site();
    let mut running = node.backup().rehearsed("wait snapshot").start();
    running.until_said("\"stage\":\"snapshot\"");
    for file in ["environ", "maps", "mem", "auxv", "io", "stack", "syscall"] {
        let mut read = as_web("/usr/bin/head");
        let read = read.args(["-c", "1"]).arg(format!("/proc/{}/{file}", running.pid())).output();
        let read = read.expect("head");
        assert!(!read.status.success() && read.stdout.is_empty(), "{file}: {read:?}");
    }
    for folder in ["fd", "cwd/", "root/", "map_files"] {
        let mut list = as_web("/usr/bin/ls");
        let list = list.arg(format!("/proc/{}/{folder}", running.pid())).output().expect("ls");
        assert!(!list.status.success() && list.stdout.is_empty(), "{folder}: {list:?}");
    }
    running.let_go();
    running.wait().ended_as(Outcome::Stopped);
}

#[test]
fn the_web_side_has_no_sudo() {
    let fleet = Fleet::new(Node::with_site());
    let rules = fleet.rules.as_ref().expect("rules");
    let mut sudo = rules.command("/usr/bin/true");
    output_of(&mut sudo);
    let lines = fs::read_to_string(fleet.node.root().join("sudoers.d/holdfast")).expect("rules");
    assert!(lines.lines().all(|line| line.starts_with(&format!("{} ", Node::WORKER))), "{lines}");
    let shipped = include_str!("../../../sudoers/holdfast");
    let lines: Vec<&str> = shipped.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(
        lines.iter().all(|line| line.starts_with("holdfast ALL=(root) NOPASSWD: ")),
        "{lines:?}"
    );
}
