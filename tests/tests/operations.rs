//! docs/OPERATIONS.md and docs/TROUBLESHOOTING.md: what they name is there, what they quote is said, and
//! what they do works.
//!
//! Needs: mariadb, redis, restic.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use holdfast_tests::{Fleet, Node, built, output_of, program};

const OPERATIONS: &str = include_str!("../../docs/OPERATIONS.md");
const TROUBLESHOOTING: &str = include_str!("../../docs/TROUBLESHOOTING.md");

/// The commands in the blocks of a page, without what says whose they are.
fn commands(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for language in ["sh", "console"] {
        let begin = format!("```{language}\n");
        for block in page.split(&begin).skip(1) {
            let block = block.split("\n```").next().expect("an end");
            found.extend(block.lines().map(|line| {
                let line = line.trim();
                line.strip_prefix("# ").or(line.strip_prefix("$ ")).unwrap_or(line)
            }));
        }
    }
    found
}

/// The calls of our own programs: the program's name and the words after it.
fn calls(page: &str) -> Vec<(String, Vec<String>)> {
    let programs = ["holdfast-executor", "holdfast-worker", "holdfast-enqueue", "holdfast"];
    let mut calls = Vec::new();
    for command in commands(page) {
        let words: Vec<&str> = command.split(['=', ' ', '\'']).collect();
        let name = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
        // By its path, wherever it stands; or `holdfast`, which is in everybody's PATH.
        let called = words.iter().position(|word| {
            word.starts_with("/opt/holdfast/bin/") && programs.contains(&name(word).as_str())
        });
        let Some(at) = called.or((words[0] == "holdfast").then_some(0)) else { continue };
        let rest = words[at + 1..].iter().map(|word| (*word).to_owned());
        calls.push((name(words[at]), rest.collect()));
    }
    calls
}

#[test]
fn every_command_on_the_two_pages_is_one_that_there_is() {
    let mut seen = BTreeSet::new();
    for page in [OPERATIONS, TROUBLESHOOTING] {
        for (name, words) in calls(page) {
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            if words.first() == Some(&"--config") {
                words.drain(..2);
            }
            let verb = words[0];
            let program_of = |args: &[&str]| output_of(program(built(&name)).args(args));
            if name == "holdfast-executor" {
                let usage = program_of(&["--help"]);
                let known = usage.split_whitespace().any(|word| word == verb);
                assert!(known, "{verb} is no verb of {name}:\n{usage}");
            } else {
                let group = ["token", "profile", "node", "customer"].contains(&verb);
                let command = if group { &words[..2] } else { &words[..1] };
                let help = program_of(&[command, &["--help"]].concat());
                for option in words.iter().filter(|word| word.starts_with("--")) {
                    assert!(help.contains(option), "{name} {verb} takes no {option}:\n{help}");
                }
            }
            seen.insert(format!("{name} {verb}"));
        }
    }
    for call in [
        "holdfast nodes",
        "holdfast jobs",
        "holdfast restore",
        "holdfast-enqueue keygen",
        "holdfast-enqueue migrate",
        "holdfast-executor doctor",
        "holdfast-executor recover",
        "holdfast-executor repository-password",
        "holdfast-executor settle",
        "holdfast-worker doctor",
    ] {
        assert!(seen.contains(call), "{call} was not looked at: {seen:?}");
    }
}

/// The sources of everything that says something, each text in one piece.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text += &fs::read_to_string(&path).expect("a file");
        }
    }
    text
}

#[test]
fn every_text_that_heads_a_symptom_is_said_by_some_program() {
    let project: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it").to_owned();
    let packages = ["executor", "worker", "enqueue", "store", "job", "cli"];
    let said: String = packages.iter().map(|it| sources(&project.join(it).join("src"))).collect();
    let parts: Vec<&str> = said.split("\\\n").collect();
    let said: String = parts.iter().map(|part| part.trim_start()).collect();
    let headings: Vec<&str> =
        TROUBLESHOOTING.lines().filter_map(|line| line.strip_prefix("## `")).collect();
    assert!(headings.len() >= 12, "{headings:?}");
    for heading in headings {
        let text = heading.trim_end_matches('`');
        assert!(said.contains(text), "nobody says: {text}");
    }
}

#[test]
fn every_symptom_has_a_command_that_tells_more() {
    let sections: Vec<&str> = TROUBLESHOOTING.split("\n## ").skip(1).collect();
    assert!(sections.len() >= 20);
    for section in sections {
        let title = section.lines().next().expect("a title");
        let tells = section.contains("```console\n") || section.contains("`holdfast jobs <job>`");
        assert!(tells, "{title}: no command");
    }
}

#[test]
fn the_sites_are_shut_to_the_web_side_and_the_worker_as_the_page_says() {
    let node = Node::with_site();
    let page = node.base().join("config.php");
    fs::write(&page, "<?php $password = 'secret';\n").expect("a page");
    output_of(program("/usr/bin/chmod").arg("644").arg(&page));
    let reads = |uid: &str| {
        let mut cat = program("/usr/bin/setpriv");
        cat.args(["--reuid", uid, "--regid", uid, "--clear-groups", "/usr/bin/cat"]);
        cat.arg(&page).output().expect("cat").status.success()
    };
    // The users of the page are these two here; a third is a tenant's web server.
    let (web, worker, other) = ("60101", "60102", "60103");
    assert!(reads(web) && reads(worker), "there is nothing to be shut");
    let command = commands(OPERATIONS).into_iter().find(|line| line.starts_with("setfacl "));
    let command = command
        .expect("a command")
        .replace("u:holdfast-web:", &format!("u:{web}:"))
        .replace("u:holdfast:", &format!("u:{worker}:"))
        .replace("/var/customers", &node.root().join("customers").display().to_string());
    output_of(program("/bin/sh").args(["-c", &command]));
    assert!(!reads(web) && !reads(worker));
    assert!(reads(other));
    // The folder is still one that the executor trusts.
    node.backed_up();
}

#[test]
fn the_statements_for_the_control_database_find_what_they_are_there_for() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    fleet.outcome("failed");
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "failed");
    let between = |from: &str, to: &str| {
        OPERATIONS
            .split_once(from)
            .and_then(|(_, rest)| rest.split_once(to))
            .expect("a statement")
            .0
    };
    let failed = between("mariadb holdfast -e \"", "\"\n");
    let found = fleet.query(failed);
    assert!(found.contains(&format!("{job}\tfailed\tfor the operator: Failed")), "{found}");
    let customers = between("the control database says: `", "`");
    assert!(fleet.query(customers).lines().any(|line| line == "42"), "{customers}");
}
