//! An executor for tests of everything around it: it writes down which jobs it was given, and does
//! nothing. `holdfast-recorder <folder> <verb>`; the record is `<folder>/record`, a line a job.
//!
//! While there is a file `<folder>/hold` it does not end, unless it is let go: then it answers
//! `stopped`. The first line of `<folder>/outcome`, if there is one, is how it ends instead of
//! `completed`. The text in `<folder>/said`, if there is one, it says on its way, and as its last word for
//! the operator. `recover` says what is in `<folder>/recovered`.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use holdfast_job::{
    Level, Message, Order, Outcome, Progress, Request, SourceResult, Stage, Ticket, WhatHappened,
    WorkResult,
};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (folder, verb) = (words.next().expect("a folder"), words.next().expect("a verb"));
    match verb.as_str() {
        "recover" => {
            print!(
                "{}",
                fs::read_to_string(Path::new(&folder).join("recovered")).unwrap_or_default()
            );
            ExitCode::SUCCESS
        }
        "doctor" => {
            println!("good  the recorder: records");
            ExitCode::SUCCESS
        }
        _ => record(&PathBuf::from(folder)),
    }
}

fn record(folder: &Path) -> ExitCode {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).expect("a ticket");
    let ticket = Ticket::parse(line.as_bytes()).expect("a ticket");
    let request = Request::parse(ticket.request().as_bytes()).expect("a request");
    let mut record =
        OpenOptions::new().append(true).create(true).open(folder.join("record")).expect("a record");
    let (job, customer) = (request.job, request.customer);
    let entry = format!("{job} {} {customer}\n", request.order.verb().word());
    record.write_all(entry.as_bytes()).expect("an entry");
    say(&Message::Stage { stage: Stage::Snapshot, number: 1, of: 2, reverting: false });
    say(&Message::Progress(Progress {
        stage: Stage::Snapshot,
        percent: 37,
        bytes_done: 37,
        bytes_total: 100,
        files_done: 3,
        files_total: 10,
        detail: "Saved 37 of 100 bytes".into(),
    }));
    let said = fs::read_to_string(folder.join("said")).ok();
    if let Some(text) = said.clone() {
        say(&Message::Log { level: Level::Warn, text });
    }
    let let_go = wait(folder);
    let ordered = fs::read_to_string(folder.join("outcome")).unwrap_or_default();
    let outcome = match ordered.lines().next() {
        _ if let_go => Outcome::Stopped,
        Some(word) => serde_json::from_value(word.into()).expect("an outcome"),
        None => Outcome::Completed,
    };
    let mut result = WorkResult {
        version: 1,
        job: Some(job),
        outcome,
        customer_message: format!("For the customer: {outcome:?}."),
        operator_message: said.unwrap_or_else(|| format!("for the operator: {outcome:?}")),
        sources: Vec::new(),
        snapshot: None,
        closed_ms: None,
        services_ms: None,
        undo_until: None,
        healthy: None,
        unreadable: Vec::new(),
    };
    if let Order::Backup(_) = request.order {
        // As unlike any other's as the job is.
        let digits = job.to_string().replace('-', "");
        result.snapshot = Some(digits.repeat(2).parse().expect("a snapshot"));
        result.sources = vec![SourceResult {
            id: "web".parse().expect("an id"),
            name: "Website".into(),
            what: WhatHappened::Saved,
            bytes: 100,
            entries: 10,
        }];
    }
    say(&Message::Result(Box::new(result)));
    ExitCode::from(outcome.exit_code())
}

/// Waits while it is held; says whether it was let go meanwhile.
fn wait(folder: &Path) -> bool {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        let _ = send.send(());
    });
    while folder.join("hold").exists() {
        match receive.recv_timeout(Duration::from_millis(5)) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            _ => return true,
        }
    }
    false
}

fn say(message: &Message) {
    println!("{}", serde_json::to_string(message).expect("a message"));
}
