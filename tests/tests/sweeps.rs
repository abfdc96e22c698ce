//! The three sweeps over every plan: fail at every stage, take everything twice, kill everywhere.

use holdfast_tests::sweep::{Plan, Scene, say};

fn fail_and_repeat(plan: Plan) {
    let scene = Scene::prepare(plan);
    scene.take_everything_twice();
    say(plan, "failed at every stage, once and twice", scene.fail_everywhere());
}

fn kill(plan: Plan) {
    let points = Scene::prepare(plan).kill_everywhere();
    say(plan, "killed", points);
    assert!(points > 20, "too few points to be all: {points}");
}

#[test]
fn a_backup_that_fails_anywhere_leaves_the_site_and_nothing_else() {
    fail_and_repeat(Plan::Backup);
}

#[test]
fn a_restore_that_fails_anywhere_leaves_the_old_site() {
    fail_and_repeat(Plan::Restore);
}

#[test]
fn an_undo_that_fails_anywhere_leaves_the_restored_site() {
    fail_and_repeat(Plan::Undo);
}

#[test]
fn a_delete_that_fails_anywhere_leaves_the_site() {
    fail_and_repeat(Plan::Delete);
}

#[test]
fn a_backup_killed_anywhere_leaves_the_site_and_nothing_else() {
    kill(Plan::Backup);
}

#[test]
fn a_restore_killed_anywhere_ends_old_or_new() {
    kill(Plan::Restore);
}

#[test]
fn an_undo_killed_anywhere_ends_old_or_new() {
    kill(Plan::Undo);
}

#[test]
fn a_delete_killed_anywhere_leaves_the_site() {
    kill(Plan::Delete);
}
