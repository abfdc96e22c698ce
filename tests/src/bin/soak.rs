//! `scripts/soak sweeps`: what is too long for a check. Every plan is killed at every point, and the
//! recovery from it at every point of its own, and then recovered.

use std::{process::ExitCode, thread};

use holdfast_job::{Scope, Stage};
use holdfast_tests::{
    Moment,
    sweep::{Plan, Scene, Victim, say},
};

const PLANS: [Plan; 4] = [Plan::Undo, Plan::Restore, Plan::Backup, Plan::Delete];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let plans: Vec<Plan> = match words.as_slice() {
        ["sweeps"] => PLANS.to_vec(),
        ["sweeps", names @ ..] => {
            let named = |plan: &Plan| names.contains(&format!("{plan:?}").to_lowercase().as_str());
            PLANS.into_iter().filter(named).collect()
        }
        _ => Vec::new(),
    };
    if plans.is_empty() && !words.contains(&"databases") {
        eprintln!("usage: soak sweeps [undo|restore|backup|delete|databases …]");
        return ExitCode::from(2);
    }
    for plan in plans {
        let scene = Scene::prepare(plan);
        scene.take_everything_twice();
        say(&scene.name(), "failed at every stage, once and twice", scene.fail_everywhere());
        say(&scene.name(), "killed", scene.kill_everywhere());
        say(&scene.name(), "killed, and its recovery killed", scene.kill_recovery_everywhere());
    }
    if words.len() == 1 || words.contains(&"databases") {
        sweep_databases();
    }
    ExitCode::SUCCESS
}

/// The same on a site with a database: what is behind `Load`, and the recovery from that, at every
/// statement. The plans are swept side by side.
fn sweep_databases() {
    let plans = [
        (Plan::Restore, Scope::Both, Stage::Load),
        (Plan::Restore, Scope::Db, Stage::Load),
        (Plan::Undo, Scope::Both, Stage::Close),
    ];
    thread::scope(|all| {
        for (plan, scope, stage) in plans {
            all.spawn(move || sweep_database(plan, scope, stage));
        }
    });
}

fn sweep_database(plan: Plan, scope: Scope, stage: Stage) {
    let scene = Scene::prepare_of(plan, scope);
    scene.take_everything_twice();
    let name = scene.name();
    say(&name, "failed at every stage, once and twice", scene.fail_everywhere());
    scene.begin_at(stage);
    say(&name, &format!("killed from {stage} on"), scene.kill_everywhere_behind());
    for victim in [Victim::Executor, Victim::Client, Victim::Server] {
        for moment in [Moment::Before, Moment::After] {
            let points = scene.kill_at_statements(victim, moment);
            say(&name, &format!("{victim:?} killed {moment:?} every statement"), points);
        }
    }
    let (worlds, points) = scene.kill_recovery_everywhere_behind();
    let sweep = format!("killed, {worlds} worlds, and somebody at every statement of recovery");
    say(&name, &sweep, points);
}
