//! docs/CLI.md and the README: what they promise of the command is so, and their script does what it
//! shows.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::{Fleet, Node, built, program};

use super::{Desk, Said, pages::COMMANDS};

const PAGE: &str = include_str!("../../../docs/CLI.md");
const README: &str = include_str!("../../../README.md");

/// The cells of the rows of a table that begin with a code word or a number.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells =
        |row: &str| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    text.lines().filter(|line| line.starts_with("| ")).map(cells).collect()
}

#[test]
fn the_exit_codes_on_the_page_are_those_of_the_help() {
    let fleet = Fleet::recording();
    let help = Desk::bare(&fleet).call(&["--help"]).ended(0).out;
    let codes = help.split("Exit codes:\n").nth(1).expect("exit codes");
    let told: Vec<_> = codes
        .lines()
        .filter_map(|line| line.trim().split_once("  "))
        .map(|(code, means)| vec![code.to_owned(), means.to_owned()])
        .collect();
    assert_eq!(told.len(), 11, "{help}");
    let section = PAGE.split("## Exit codes").nth(1).expect("exit codes");
    let section = section.split("\n## ").next().expect("a section");
    let written: Vec<_> = rows(section).into_iter().skip(1).collect();
    assert_eq!(written, told);
}

#[test]
fn every_command_is_on_the_page_with_words_that_it_takes() {
    let fleet = Fleet::recording();
    let desk = Desk::bare(&fleet);
    let section = PAGE.split("## Commands").nth(1).expect("commands");
    let section = section.split("\n## ").next().expect("a section");
    let mut named = Vec::new();
    for row in rows(section).into_iter().skip(1) {
        for usage in row[0].split('`').skip(1).step_by(2) {
            let words: Vec<_> = usage.split(' ').collect();
            let group = ["token", "profile"].contains(&words[0]);
            let command = if group { &words[..2] } else { &words[..1] };
            named.push(words[0].to_owned());
            let help = desk.call(&[command, &["--help"]].concat()).ended(0).out;
            let options = words.iter().filter_map(|word| {
                let word = word.trim_start_matches('[');
                word.starts_with("--").then(|| word.trim_end_matches([']', '…']))
            });
            for option in options {
                assert!(help.contains(option), "{usage}: {option}\n{help}");
            }
        }
    }
    named.dedup();
    assert_eq!(named, COMMANDS);
}

#[test]
fn the_script_on_the_page_does_what_it_shows() {
    let fleet = Fleet::new(Node::with_site());
    let _worker = fleet.worker("one", "");
    let desk = Desk::new(&fleet);
    let script: Vec<_> =
        PAGE.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [script] = script[..] else { panic!("one script: {script:?}") };
    let folder = built("holdfast").parent().expect("a folder").display().to_string();
    let mut shell = program("/bin/bash");
    shell.args(["-euo", "pipefail", "-c", script]);
    shell.envs(desk.command(&[]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("PATH", format!("{folder}:/usr/bin:/bin"));
    let said = Said::of(&["the script"], shell.output().expect("bash")).ended(0);
    let said = said.says("saved: ").says("restored; closed for ").says("taken back");
    let last = said.out.lines().last().expect("a line");
    assert!(last.parse::<holdfast_job::JobId>().is_ok(), "{said:?}");
}

#[test]
fn the_readme_names_commands_that_there_are() {
    let fleet = Fleet::recording();
    let desk = Desk::bare(&fleet);
    let section = README.split("## The command `holdfast`").nth(1).expect("a section");
    let section = section.split("\n## ").next().expect("a section");
    assert!(section.lines().count() <= 25, "{section}");
    let mut calls = 0;
    for line in section.lines().filter_map(|line| line.strip_prefix("$ holdfast ")) {
        let line = line.split('#').next().expect("a call");
        let words: Vec<_> = line.split_whitespace().collect();
        let command =
            if ["token", "profile"].contains(&words[0]) { &words[..2] } else { &words[..1] };
        let help = desk.call(&[command, &["--help"]].concat()).ended(0).out;
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(option), "{line}: {option}");
        }
        calls += 1;
    }
    assert!(calls >= 6, "{section}");
}
