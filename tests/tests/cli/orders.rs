//! Every order, with everything real: a site is saved, damaged, brought back, taken back.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::{Fleet, Node, damage};

use super::Desk;

#[test]
fn a_site_is_saved_brought_back_and_taken_back_by_commands() {
    let node = Node::with_site();
    // With all that a first backup does; it takes long enough for somebody to see how far it is.
    node.remove_repository();
    let fleet = Fleet::new(node);
    let _worker = fleet.worker("one", "");
    let (desk, before) = (Desk::new(&fleet), fleet.node.tree());

    let made = desk.call(&["backup", "--wait", "--note", "before the sale"]).ended(0);
    let made = made.says("The backup is made.").says("Website (web): ").warns("backup: snapshot (");
    let backup = made.out.lines().find_map(|line| line.strip_prefix("  backup ")).expect("an id");
    let list = desk.call(&["list"]).ended(0).says(backup).says("before the sale");
    assert!(list.out.starts_with("BACKUP  "), "{list:?}");
    let shown =
        desk.call(&["show", backup]).ended(0).says("manual of both").says("Website (web): ");
    assert_eq!(desk.call(&["show", "latest"]).ended(0).out, shown.out);

    damage(&fleet.node.live());
    let damaged = fleet.node.tree();
    let restored = desk.call(&["restore", "latest", "--yes", "--wait"]).ended(0);
    let restored = restored.says("Your site is restored.").says("the site was closed for ");
    assert_eq!(fleet.node.tree(), before);
    let undo =
        restored.out.lines().last().and_then(|line| line.split(": ").nth(1)).expect("a line");
    let job = undo.strip_prefix("holdfast undo ").expect("what to type");

    desk.call(&["undo", "--yes", "--wait"]).ended(0).says("as it was before");
    assert_eq!(fleet.node.tree(), damaged);
    desk.call(&["undo", job, "--yes"]).ended(4).warns("taken back already");
    desk.call(&["undo", "--yes", "--wait"]).ended(0);
    assert_eq!(fleet.node.tree(), before, "an undo of the undo");
    desk.call(&["jobs", "--kind", "undo"]).ended(0).says("completed");
    desk.call(&["jobs", job]).ended(0).says("restore of both").says("closed ");

    desk.call(&["delete", backup, "--yes", "--wait"]).ended(0).says("The backup is deleted.");
    let empty = desk.call(&["list"]).ended(0).warns("no such backup of 42");
    assert_eq!(empty.out, "");
    desk.call(&["restore", "latest", "--yes"]).ended(4).warns("42 has no backup");
}

#[test]
fn programs_get_one_object_of_an_order_and_a_line_for_each_of_many() {
    let fleet = Fleet::new(Node::with_site());
    let _worker = fleet.worker("one", "");
    let desk = Desk::new(&fleet);

    let ordered = desk.call(&["--json", "backup", "--scope", "files"]).ended(0).json();
    let job = ordered["job"].as_str().expect("a job");
    assert_eq!(ordered["status"], "pending");
    let watched = desk.call(&["watch", job, "--json"]).ended(0).json_lines();
    assert_eq!(watched.last().expect("a line")["status"], "completed", "{watched:#?}");
    let again = desk.call(&["backup", "--json", "--wait"]).ended(0).json();
    assert_eq!((&again["kind"], &again["status"]), (&"backup".into(), &"completed".into()));
    let again = again["uuid"].as_str().expect("an id");

    let listed = desk.call(&["list", "--json"]).ended(0).json_lines();
    let ids: Vec<_> = listed.iter().map(|backup| backup["uuid"].as_str()).collect();
    assert_eq!(ids, [Some(again), Some(job)]);
    let some = desk.call(&["list", "--json", "--scope", "files", "--since", "1h"]).json_lines();
    assert_eq!(some.len(), 1, "{some:#?}");
    assert_eq!(some[0], desk.call(&["show", job, "--json"]).ended(0).json());
    assert_eq!(desk.call(&["list", "--json", "--until", "2020-01-01"]).ended(0).out, "");

    let quiet = desk.call(&["restore", job, "--yes", "--quiet"]).ended(0);
    assert_eq!(quiet.err, "");
    let restore = quiet.out.trim();
    desk.call(&["watch", restore, "-q"]).ended(0);
    let shown = desk.call(&["jobs", restore, "--json"]).ended(0).json();
    assert_eq!((&shown["kind"], &shown["status"]), (&"restore".into(), &"completed".into()));
    let nothing = "0193e5c0-0000-7000-8000-000000000000";
    desk.call(&["delete", job, nothing, "--yes"]).ended(4).warns("There is no such backup.");
    assert_eq!(desk.call(&["list", "--json"]).json_lines().len(), 2, "one that is wrong keeps all");
    let deleted = desk.call(&["delete", job, again, "--yes", "--json", "--wait"]).ended(0);
    assert!(deleted.json_lines().iter().all(|ended| ended["kind"] == "delete"), "{deleted:?}");
    assert_eq!(desk.call(&["list", "--json", "--state", "deleted"]).json_lines().len(), 2);
}

#[test]
fn at_a_terminal_the_word_is_asked_for_and_elsewhere_yes() {
    let fleet = Fleet::new(Node::with_site());
    let _worker = fleet.worker("one", "");
    let (desk, before) = (Desk::new(&fleet), fleet.node.tree());
    desk.call(&["backup", "--wait"]).ended(0);
    damage(&fleet.node.live());
    let damaged = fleet.node.tree();

    desk.call(&["restore", "latest"]).ended(2).warns("add --yes");
    let asked = desk.typed(&["restore", "latest", "--wait"], "restore").ended(7);
    asked
        .says("is set aside")
        .says("for 24 hours")
        .says("Type RESTORE")
        .says("nothing was ordered");
    assert_eq!(fleet.node.tree(), damaged);
    desk.typed(&["restore", "latest", "--wait"], "RESTORE").ended(0).says("Your site is restored.");
    assert_eq!(fleet.node.tree(), before);
    desk.call(&["undo"]).ended(2).warns("add --yes");
    let asked = desk.typed(&["undo", "--wait"], "UNDO").ended(0);
    asked.says("Takes back the restore of ").says("Type UNDO");
    assert_eq!(fleet.node.tree(), damaged);
    let asked = desk.typed(&["restore", "latest", "--undo", "none"], "no").ended(7);
    asked.says("can NOT be brought back");

    let backup = desk.call(&["list", "--json"]).json()["uuid"].as_str().expect("an id").to_owned();
    desk.call(&["delete", &backup]).ended(2).warns("add --yes");
    desk.typed(&["delete", &backup], "yes").ended(7).says("Type DELETE");
    assert_eq!(desk.call(&["list", "--json"]).json()["state"], "active");
}
