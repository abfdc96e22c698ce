//! What is read rather than asked: help, completions, manual pages.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::{Fleet, output_of, program};

use super::Desk;

/// The commands, in the order of the help.
pub const COMMANDS: [&str; 20] = [
    "backup",
    "restore",
    "undo",
    "delete",
    "list",
    "show",
    "jobs",
    "watch",
    "stop",
    "retry",
    "reset",
    "nodes",
    "drain",
    "resume",
    "login-link",
    "token",
    "profile",
    "doctor",
    "completions",
    "man",
];

#[test]
fn the_help_names_every_command_and_every_exit_code() {
    let fleet = Fleet::recording();
    let desk = Desk::bare(&fleet);
    let help = desk.call(&["--help"]).ended(0);
    let commands = help.out.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let named: Vec<_> = commands
        .expect("commands")
        .lines()
        .filter_map(|line| {
            line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty())
        })
        .collect();
    assert_eq!(named, [&COMMANDS[..], &["help"]].concat(), "{help:?}");
    let codes = help.out.split("Exit codes:\n").nth(1).expect("exit codes");
    let codes: Vec<_> = codes.lines().map(|line| line.trim_start().split(' ').next()).collect();
    assert_eq!(codes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "130"].map(Some));
    for command in COMMANDS {
        desk.call(&[command, "--help"]).ended(0).says("Usage: holdfast");
    }
    for (command, said) in [
        ("backup", "--wait"),
        ("backup", "--note"),
        ("restore", "--keep-unhealthy"),
        ("restore", "--undo"),
        ("delete", "--yes"),
        ("list", "--all"),
        ("reset", "--node-is-gone"),
        ("man", "--folder"),
        ("list", "--insecure-http"),
        ("jobs", "--json"),
    ] {
        desk.call(&[command, "--help"]).ended(0).says(said);
    }
    desk.call(&["--version"]).ended(0).says("holdfast 0.");
    desk.call(&[]).ended(2).warns("Usage: holdfast");
}

#[test]
fn completions_are_taken_by_the_shells_that_are_here() {
    let fleet = Fleet::recording();
    let desk = Desk::bare(&fleet);
    for (shell, path) in
        [("bash", "/usr/bin/bash"), ("zsh", "/usr/bin/zsh"), ("fish", "/usr/bin/fish")]
    {
        let said = desk.call(&["completions", shell]).ended(0).says("keep-unhealthy");
        let file = desk.home.join(shell);
        std::fs::write(&file, &said.out).expect("a file");
        if std::path::Path::new(path).exists() {
            output_of(program(path).arg("-n").arg(&file));
        }
    }
    let complete = "source \"$0\"; COMP_WORDS=(holdfast re); COMP_CWORD=1; _holdfast holdfast re holdfast; \
                    echo \"${COMPREPLY[@]}\"";
    let file = desk.home.join("bash");
    let said = output_of(program("/usr/bin/bash").args(["-c", complete]).arg(&file));
    assert_eq!(said, "restore retry reset resume\n");
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let fleet = Fleet::recording();
    let desk = Desk::bare(&fleet);
    desk.call(&["man"]).ended(0).says(".TH holdfast 1");
    let nowhere = desk.home.join("no/such").display().to_string();
    desk.call(&["man", "--folder", &nowhere]).ended(2).warns("there is no folder");
    assert!(!desk.home.join("no").exists());
    let folder = desk.home.join("man");
    desk.call(&["man", "--folder", &folder.display().to_string()]).ended(0);
    for command in COMMANDS {
        let page = std::fs::read_to_string(folder.join(format!("holdfast-{command}.1")));
        assert!(page.expect("a page").contains(".SH SYNOPSIS"), "{command}");
    }
}
