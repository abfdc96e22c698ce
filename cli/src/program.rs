//! The program: from the command line to the exit code.

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

use crate::{
    ending::Ending,
    failure::Failure,
    line::{Command, CommandLine},
    session::{Session, holdfast},
    settings::Globals,
    voice::{Beside, Form, Voice},
};

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) => return misused(&error),
    };
    let globals = line.globals;
    let ending = act(line.command, &globals).unwrap_or_else(|failure| {
        globals.voice().failure(&failure, &holdfast(&globals.words()));
        failure.ending()
    });
    ExitCode::from(ending.code())
}

fn act(command: Command, globals: &Globals) -> Result<Ending, Failure> {
    let session = || Session::open(globals);
    match command {
        Command::Backup(backup) => backup.run(&session()?),
        Command::Restore(restore) => restore.run(&session()?),
        Command::Undo(undo) => undo.run(&session()?),
        Command::Delete(delete) => delete.run(&session()?),
        Command::List(list) => list.run(&session()?),
        Command::Show(show) => show.run(&session()?),
        Command::Jobs(jobs) => jobs.run(&session()?),
        Command::Watch(watch) => watch.run(&session()?),
        Command::Stop(stop) => stop.run(&session()?),
        Command::Retry(retry) => retry.run(&session()?),
        Command::Reset(reset) => reset.run(&session()?),
        Command::Nodes(nodes) => nodes.run(&session()?),
        Command::Drain(drain) => drain.run(&session()?),
        Command::Resume(resume) => resume.run(&session()?),
        Command::LoginLink(link) => link.run(&session()?),
        Command::Token(token) => token.run(globals),
        Command::Profile(profile) => profile.run(globals),
        Command::Doctor(doctor) => doctor.run(globals),
        Command::Completions(completions) => completions.run(),
        Command::Man(man) => man.run(globals.voice()),
    }
}

/// Help and version are answers; anything else is said as all failures are.
fn misused(error: &clap::Error) -> ExitCode {
    let answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if answer || !std::env::args_os().any(|word| word == "--json") {
        // Whoever closes the output reads no help.
        let _ = error.print();
        let ending = if answer { Ending::Done } else { Ending::Misused };
        return ExitCode::from(ending.code());
    }
    let text = error.render().to_string();
    let failure = Failure::Misuse(text.trim_start_matches("error: ").trim_end().to_owned());
    Voice::new(Form::Json, Beside::Usual).failure(&failure, "holdfast");
    ExitCode::from(failure.ending().code())
}
