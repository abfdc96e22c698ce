//! `scripts/soak sweeps`: what is too long for a check. Every plan is killed at every point, and the
//! recovery from it at every point of its own, and then recovered.

use std::process::ExitCode;

use holdfast_tests::sweep::{Plan, Scene, say};

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
    if plans.is_empty() {
        eprintln!("usage: soak sweeps [undo|restore|backup|delete …]");
        return ExitCode::from(2);
    }
    for plan in plans {
        let scene = Scene::prepare(plan);
        scene.take_everything_twice();
        say(plan, "failed at every stage, once and twice", scene.fail_everywhere());
        say(plan, "killed", scene.kill_everywhere());
        say(plan, "killed, and its recovery killed", scene.kill_recovery_everywhere());
    }
    ExitCode::SUCCESS
}
