//! The three sweeps over every plan: fail at every stage, take everything twice, kill everywhere.
//! First on a site of files, then on one with a database.
//!
//! Needs: docker, restic, strace.

mod databases;
mod samples;

use holdfast_tests::sweep::{Plan, Scene, say};

fn fail_and_repeat(plan: Plan) {
    let scene = Scene::prepare(plan);
    scene.take_everything_twice();
    say(&scene.name(), "failed at every stage, once and twice", scene.fail_everywhere());
}

fn kill(plan: Plan) {
    let scene = Scene::prepare(plan);
    let points = scene.kill_everywhere();
    say(&scene.name(), "killed", points);
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

#[test]
fn a_site_in_a_container_is_served_by_it_wherever_its_restore_fails() {
    let scene = Scene::prepare_in_container(Plan::Restore);
    scene.take_everything_twice();
    say(&scene.name(), "failed at every stage, once and twice", scene.fail_everywhere());
}

#[test]
fn a_site_in_a_container_is_served_by_it_wherever_its_restore_is_killed() {
    let scene = Scene::prepare_in_container(Plan::Restore);
    say(&scene.name(), "killed", scene.kill_everywhere());
}
