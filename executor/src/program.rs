//! The program: from the command line to the exit code, and why the worker's user may be let start it.
//!
//! Whoever starts it is not believed. What is left of them when an order begins, these steps say, in
//! this order; each is refused with a sentence, and nothing was done by then:
//!
//! 1. **One verb** (`verb.rs`), and for those that stand in sudoers not an argument beside it.
//! 2. **Root** by the effective uid. `confine`, which becomes another program, is turned away earlier,
//!    unless this very program is its parent (`confine.rs`).
//! 3. **Nothing of the caller's** (`surroundings.rs`): the environment is cleared, by executing the
//!    program anew; files are root's alone by the umask; `/` is the folder; memory goes into no core
//!    dump.
//! 4. **Root's configuration** (`config/`): every file, each folder above it, and each program that it
//!    names, belongs to root and is writable by nobody else; what holds a secret is readable by nobody
//!    else.
//! 5. **Who called** (`judge/`), as sudo says: the worker's user is refused `settle` and
//!    `repository-password`, whatever sudoers says, and any order that is not signed.
//! 6. **The ticket** (`judge/ticket.rs`): signed by the web side, for this node, this verb, and now.
//! 7. **The lock** (`lock.rs`): nobody else acts on this customer's site.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use holdfast_job::{CustomerId, Outcome, Recovered, RepositoryName, Standing, Verb};

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
    signals, surroundings,
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
    if let Err(error) = surroundings::leave(rehearsal.variable()) {
        return wrong(&chain(&error));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return wrong(&format!("cannot start: {error}")),
    };
    let code = runtime.block_on(async {
        signals::pass_over_others();
        act(line.action, &line.config, rehearsal).await
    });
    // The thread that reads stdin may wait for ever.
    runtime.shutdown_background();
    code
}

async fn act(action: Action, folder: &Path, rehearsal: &mut dyn Rehearsal) -> ExitCode {
    match action {
        Action::CarryOut(verb) => order(verb, folder, rehearsal).await,
        Action::Doctor { json, site } => doctor(folder, site, json).await,
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

async fn doctor(folder: &Path, site: Option<CustomerId>, json: bool) -> ExitCode {
    let findings = examine(folder, site).await;
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
