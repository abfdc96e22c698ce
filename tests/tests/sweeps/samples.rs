//! One sample of each product that is too long for every run and stands in `scripts/soak`: another one
//! each time, and the same again by the seed that is printed.
//!
//! Needs: docker, mariadb, restic, strace.

use holdfast_job::{Scope, Stage};
use holdfast_tests::{
    Seed,
    sweep::{Plan, Scene, Victim},
};

/// The number of samples of a product that takes hours.
const SAMPLES: usize = 3;

#[test]
fn a_recovery_that_is_killed_as_well_ends_old_or_new() {
    let mut seed = Seed::new();
    let plan = *seed.pick(&[Plan::Restore, Plan::Undo, Plan::Backup, Plan::Delete]);
    let scene = Scene::prepare(plan);
    println!("of {}", scene.name());
    for _ in 0..SAMPLES {
        scene.kill_recovery_somewhere(&mut seed);
    }
}

#[test]
fn a_recovery_of_a_database_that_is_killed_as_well_ends_old_or_new_together() {
    let mut seed = Seed::new();
    let plans = [
        (Plan::Restore, Scope::Both, Stage::Load),
        (Plan::Restore, Scope::Db, Stage::Load),
        (Plan::Undo, Scope::Both, Stage::Close),
    ];
    let (plan, scope, stage) = seed.pick(&plans).clone();
    let scene = Scene::prepare_of(plan, scope);
    println!("of {}", scene.name());
    scene.begin_at(stage);
    for _ in 0..SAMPLES {
        scene.kill_somewhere_behind(&mut seed);
    }
}

#[test]
fn a_backup_of_which_somebody_dies_at_any_statement_leaves_nothing() {
    let mut seed = Seed::new();
    let scene = Scene::prepare_of(Plan::Backup, Scope::Both);
    scene.begin_at(Stage::Dump);
    for victim in [Victim::Executor, Victim::Client, Victim::Server] {
        scene.kill_at_some_statements(victim, 2 * SAMPLES, &mut seed);
    }
}

#[test]
fn an_undo_in_a_container_is_served_by_it_wherever_it_is_killed() {
    let mut seed = Seed::new();
    let scene = Scene::prepare_in_container(Plan::Undo);
    for _ in 0..SAMPLES {
        scene.kill_somewhere(&mut seed);
    }
}
