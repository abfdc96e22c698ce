//! The same sweeps on a site with a database. What is behind `Load` begins from one prepared state.
//!
//! Needs: mariadb, restic, strace.

use holdfast_job::{Scope, Stage};
use holdfast_tests::{
    Moment,
    sweep::{Plan, Scene, Victim, say},
};

fn fail_and_repeat(plan: Plan, scope: Scope) {
    let scene = Scene::prepare_of(plan, scope);
    scene.take_everything_twice();
    say(&scene.name(), "failed at every stage, once and twice", scene.fail_everywhere());
}

fn kill_behind(plan: Plan, scope: Scope, stage: Stage) {
    let scene = Scene::prepare_of(plan, scope);
    scene.begin_at(stage);
    let points = scene.kill_everywhere_behind();
    say(&scene.name(), &format!("killed from {stage} on"), points);
    assert!(points > 15, "too few points to be all: {points}");
}

fn kill_at_statements(plan: Plan, stage: Stage, victim: Victim) {
    let scene = Scene::prepare_of(plan, Scope::Both);
    scene.begin_at(stage);
    let points = scene.kill_at_statements(victim, Moment::After);
    say(&scene.name(), &format!("{victim:?} killed at every statement from {stage} on"), points);
    assert!(points > 30, "too few points to be all: {points}");
}

#[test]
fn a_backup_with_a_database_that_fails_anywhere_leaves_nothing() {
    fail_and_repeat(Plan::Backup, Scope::Both);
}

#[test]
fn a_restore_of_both_that_fails_anywhere_leaves_both_old() {
    fail_and_repeat(Plan::Restore, Scope::Both);
}

#[test]
fn a_restore_of_the_database_that_fails_anywhere_leaves_it_old() {
    fail_and_repeat(Plan::Restore, Scope::Db);
}

#[test]
fn an_undo_of_both_that_fails_anywhere_leaves_both_restored() {
    fail_and_repeat(Plan::Undo, Scope::Both);
}

#[test]
fn a_restore_of_both_killed_anywhere_ends_old_or_new_together() {
    kill_behind(Plan::Restore, Scope::Both, Stage::Load);
}

#[test]
fn a_restore_of_the_database_killed_anywhere_ends_old_or_new() {
    kill_behind(Plan::Restore, Scope::Db, Stage::Load);
}

#[test]
fn an_undo_of_both_killed_anywhere_ends_old_or_new_together() {
    kill_behind(Plan::Undo, Scope::Both, Stage::Close);
}

#[test]
fn a_restore_whose_executor_dies_at_any_statement_ends_old_or_new_together() {
    kill_at_statements(Plan::Restore, Stage::Load, Victim::Executor);
}

#[test]
fn a_restore_whose_client_dies_at_any_statement_ends_old_or_new_together() {
    kill_at_statements(Plan::Restore, Stage::Load, Victim::Client);
}

#[test]
fn a_restore_whose_server_dies_at_any_statement_ends_old_or_new_together() {
    kill_at_statements(Plan::Restore, Stage::Load, Victim::Server);
}
