//! `doctor` sees what keeps a customer from being backed up or restored, and changes nothing.
//!
//! Needs: docker, restic.

use std::fs;

use holdfast_tests::{Node, Signer, damage, output_of, restic};

/// What `doctor` found bad, and its exit code.
fn bad(node: &Node) -> (Option<i32>, Vec<String>) {
    let output = node.executor_with(&["doctor"]).output().expect("doctor");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let bad = text.lines().filter(|line| line.starts_with("BAD"));
    (output.status.code(), bad.map(str::to_owned).collect())
}

#[test]
fn a_good_node_is_good_and_stays_as_it_is() {
    let node = Node::with_site();
    Signer::new(&node, "web-1");
    node.backed_up();
    let before = node.tree();
    assert_eq!(bad(&node), (Some(0), vec![]));
    assert_eq!(node.tree(), before);
    let names = fs::read_dir(node.base()).expect("the base").flatten();
    let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["public"], "the trial of the exchange is gone");
}

#[test]
fn a_base_that_is_not_mounted_is_bad_and_is_not_made() {
    let node = Node::with_site();
    node.backed_up();
    fs::rename(node.base(), node.root().join("unmounted")).expect("away");
    for _ in 0..2 {
        let (code, found) = bad(&node);
        assert_eq!(code, Some(1));
        assert!(found.iter().any(|line| line.contains("customer 42: base")), "{found:?}");
        assert!(!node.base().exists());
    }
    fs::rename(node.root().join("unmounted"), node.base()).expect("back");
}

#[test]
fn an_order_that_was_cut_short_a_missing_source_and_a_planted_flag_are_bad() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let mut running = node.restore(&snapshot).rehearsed("wait open").start();
    running.until_said("\"stage\":\"open\"");
    running.kill();
    running.wait();
    let (_, found) = bad(&node);
    assert!(found.iter().any(|line| line.contains("cut short: run")), "{found:?}");
    node.recover();
    fs::rename(node.live(), node.base().join("away")).expect("away");
    fs::create_dir(node.flag()).expect("a folder for a flag");
    let (_, found) = bad(&node);
    assert!(found.iter().any(|line| line.contains("source web")), "{found:?}");
    assert!(found.iter().any(|line| line.contains("no regular file: remove it")), "{found:?}");
    fs::remove_dir(node.flag()).expect("no flag");
    fs::rename(node.base().join("away"), node.live()).expect("back");
}

#[test]
fn settling_for_nobody_leaves_nothing_behind() {
    let node = Node::with_site();
    let output = node.executor_with(&["settle", "44", "--as", "old"]).output().expect("settle");
    assert_eq!(output.status.code(), Some(2));
    assert!(!node.root().join("state").exists());
}

#[test]
fn what_runs_on_a_site_a_page_that_is_not_there_and_limits_are_looked_at() {
    let node = Node::with_site();
    Signer::new(&node, "web-1");
    fs::write(node.root().join("etc/customers/42.toml"), "").expect("a customer");
    let look = |rest: &str| {
        node.configure("", rest);
        bad(&node).1
    };
    assert_eq!(look("[limits]\ncpu_weight = 50\n"), Vec::<String>::new());
    for (rest, problem) in [
        ("[site.services]\nuser = \"no-such-{id}\"\n", "there is no user no-such-42"),
        (
            "[site.services]\ncontainers = { names = [\"x-{id}\"] }\n",
            "the Docker engine is not there",
        ),
        ("[site.probe]\nurl = \"http://127.0.0.1:1/\"\n", "does not answer"),
        ("[site.hooks]\nafter = \"/no/such/program\"\n", "site.hooks.after"),
    ] {
        let found = look(rest);
        assert!(found.iter().any(|line| line.contains(problem)), "{rest}{found:?}");
    }
    node.configure_all(&restic(), "probe_secret_file = \"/no/such/file\"", "", "");
    assert!(bad(&node).1.iter().any(|line| line.contains("node.probe_secret_file")));
}

#[test]
fn a_snapshot_from_the_future_is_a_clock_that_is_wrong() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let tag = ["tag", "--add", "2099-01-01T00:00:00Z", snapshot.as_str()];
    output_of(&mut node.restic(&tag));
    let (_, found) = bad(&node);
    assert!(found.iter().any(|line| line.contains("is from the future")), "{found:?}");
}
