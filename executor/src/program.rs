//! The program: from the command line to the exit code.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use holdfast_job::{CustomerId, Outcome, Recovered, RepositoryName, Standing, Verb};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{
    carry_out::carry_out,
    config::Node,
    confine,
    doctor::examine,
    failure::chain,
    judge::{make_folders, started_by_worker},
    recover::recover,
    rehearsal::Rehearsal,
    secret::Password,
    settle::settle,
    teller::Teller,
    verb::{Action, USAGE, parse},
};

/// Runs the executor with the arguments of this process.
pub fn main(rehearsal: &mut dyn Rehearsal) -> ExitCode {
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let line = match parse(&args) {
        Ok(line) => line,
        Err(problem) => return wrong(&format!("{problem}\n\n{USAGE}")),
    };
    match &line.action {
        Action::Help => return said(USAGE),
        Action::Version => return said(env!("CARGO_PKG_VERSION")),
        // Before there is any thread: a namespace is made for the calling thread alone.
        Action::Confine(cell) => {
            wrong(&chain(&confine::become_confined(cell)));
            return ExitCode::from(confine::FAILED);
        }
        _ if !nix::unistd::geteuid().is_root() => {
            return wrong("this must run as root: sites belong to many owners");
        }
        _ => {}
    }
    raise_file_limit();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return wrong(&format!("cannot start: {error}")),
    };
    let code = runtime.block_on(act(line.action, &line.config, rehearsal));
    // The thread that reads stdin may wait for ever.
    runtime.shutdown_background();
    code
}

async fn act(action: Action, folder: &Path, rehearsal: &mut dyn Rehearsal) -> ExitCode {
    match action {
        Action::CarryOut(verb) => order(verb, folder, rehearsal).await,
        Action::Doctor { json } => doctor(folder, json).await,
        Action::Recover => match Node::load(folder) {
            Ok(node) => recover_all(&node, rehearsal).await,
            Err(error) => wrong(&chain(&error)),
        },
        Action::Settle(customer, settlement) => match for_root_alone(folder) {
            Ok(node) => {
                let teller = Teller::start();
                match settle(&node, customer, settlement, &teller, rehearsal).await {
                    Ok(result) if result.outcome == Outcome::Stuck => {
                        teller.end(result);
                        exit(Outcome::Stuck)
                    }
                    Ok(result) => {
                        teller.end(result);
                        ExitCode::SUCCESS
                    }
                    Err(problem) => wrong(&problem),
                }
            }
            Err(problem) => wrong(&problem),
        },
        Action::RepositoryPassword(customer, repository) => {
            match for_root_alone(folder).and_then(|node| password(&node, customer, &repository)) {
                Ok(password) => said(password.reveal()),
                Err(problem) => wrong(&problem),
            }
        }
        Action::Confine(_) | Action::Help | Action::Version => said(USAGE),
    }
}

async fn order(verb: Verb, folder: &Path, rehearsal: &mut dyn Rehearsal) -> ExitCode {
    let teller = Teller::start();
    let result = carry_out(verb, folder, &teller, rehearsal).await;
    let code = exit(result.outcome);
    teller.end(result);
    code
}

/// The node, for verbs that stand in no sudoers line.
fn for_root_alone(folder: &Path) -> Result<Node, String> {
    let node = Node::load(folder).map_err(|error| chain(&error))?;
    match started_by_worker(&node) {
        true => Err("this is for root at a shell, not for the worker".into()),
        false => Ok(node),
    }
}

fn password(node: &Node, customer: CustomerId, name: &RepositoryName) -> Result<Password, String> {
    let site = node.site(customer).map_err(|error| chain(&error))?;
    let repository = site
        .repositories
        .get(name)
        .ok_or_else(|| format!("no repository `{name}` is configured for customer {customer}"))?;
    Password::of(node, repository, customer).map_err(|error| chain(&error))
}

async fn recover_all(node: &Node, rehearsal: &mut dyn Rehearsal) -> ExitCode {
    if let Err(error) = make_folders(node) {
        return wrong(&format!("{}: {error}", node.state.display()));
    }
    let teller = Teller::of_warnings();
    let people = io::stdout().is_terminal();
    let mut worst = Outcome::Completed;
    let mut say = |recovered: Recovered| {
        match recovered.standing {
            Standing::Stuck => worst = Outcome::Stuck,
            Standing::Unsettled if worst != Outcome::Stuck => worst = Outcome::FailedForNow,
            _ => {}
        }
        let line = if people {
            let Recovered { customer, standing, detail, .. } = &recovered;
            format!("customer {customer}: {standing:?}: {detail}")
        } else {
            serde_json::to_string(&recovered).unwrap_or_default()
        };
        let _ = writeln!(io::stdout(), "{line}");
    };
    let recovered = recover(node, &teller, rehearsal, &mut say).await;
    teller.fall_silent();
    match recovered {
        Ok(()) => exit(worst),
        Err(error) => wrong(&format!("{}: {error}", node.state.display())),
    }
}

async fn doctor(folder: &Path, json: bool) -> ExitCode {
    let findings = examine(folder).await;
    for finding in &findings {
        let line = if json {
            serde_json::to_string(finding).unwrap_or_default()
        } else {
            let mark = if finding.good { "good" } else { "BAD " };
            format!("{mark}  {}: {}", finding.what, finding.detail)
        };
        let _ = writeln!(io::stdout(), "{line}");
    }
    let good = findings.iter().all(|finding| finding.good);
    exit(if good { Outcome::Completed } else { Outcome::Failed })
}

/// A walk holds one descriptor for each level it is down.
fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // As it was, only very deep trees fail, and say so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

fn exit(outcome: Outcome) -> ExitCode {
    ExitCode::from(outcome.exit_code())
}

fn said(text: &str) -> ExitCode {
    let _ = writeln!(io::stdout(), "{text}");
    ExitCode::SUCCESS
}

fn wrong(text: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "holdfast-executor: {text}");
    exit(Outcome::Refused)
}
