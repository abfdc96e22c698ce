//! The shell scripts, as people at a terminal and cron call them.
//!
//! Needs: restic.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use holdfast_job::{Message, Outcome, WorkResult};
use holdfast_tests::{Node, damage, eventually, output_of, program, rehearsal, signal};

/// Runs a script as cron does, with nothing on stdin and a pipe for stdout, and reads its result.
fn from_cron(command: &mut Command, outcome: Outcome) -> WorkResult {
    let output = command.stdin(Stdio::null()).output().expect("the script");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(i32::from(outcome.exit_code())), "{output:?}");
    assert!(output.stderr.is_empty(), "no bar is drawn on a pipe: {output:?}");
    let last = said.lines().last().expect("a last line");
    match serde_json::from_str(last).expect("a message") {
        Message::Result(result) => {
            assert_eq!(result.outcome, outcome, "{output:?}");
            *result
        }
        other => panic!("the last line is {other:?}"),
    }
}

#[test]
fn from_cron_the_scripts_run_to_their_end() {
    let node = Node::with_site();
    let good = node.tree();
    let saved = from_cron(&mut node.script("backup", &["42", "both"]), Outcome::Completed);
    let snapshot = saved.snapshot.expect("a snapshot").to_string();
    damage(&node.live());
    let bad = node.tree();
    let restore = ["42", &snapshot, "files", "manual"];
    from_cron(&mut node.script("restore", &restore), Outcome::Completed);
    assert_eq!(node.tree(), good);
    let undone = from_cron(&mut node.script("undo", &["42"]), Outcome::Completed);
    assert_eq!(node.tree(), bad);
    let job = undone.job.expect("a job").to_string();
    from_cron(&mut node.script("undo", &["42", &job]), Outcome::Completed);
    assert_eq!(node.tree(), good);
    // That copy is another job's now.
    from_cron(&mut node.script("undo", &["42", &job]), Outcome::Failed);
    from_cron(
        &mut node.script("restore", &["42", &snapshot, "web", "--no-undo"]),
        Outcome::Completed,
    );
    assert_eq!(node.tree(), good);
    from_cron(&mut node.script("undo", &["42"]), Outcome::Failed);
    from_cron(&mut node.script("delete", &["42", &snapshot]), Outcome::Completed);
    from_cron(&mut node.script("delete", &["42", &snapshot]), Outcome::Failed);
    node.recover();
}

#[test]
fn a_script_passes_the_exit_code_on() {
    let node = Node::with_site();
    from_cron(&mut node.script("backup", &["42", "db"]), Outcome::Failed);
    from_cron(&mut node.script("backup", &["42", "both", "daily"]), Outcome::Failed);
    from_cron(&mut node.script("backup", &["4000000000", "both"]), Outcome::Refused);
    let mut rehearsed = node.script("backup", &["42", "both"]);
    rehearsed.env("HOLDFAST_EXECUTOR", rehearsal()).env("HOLDFAST_REHEARSAL", "before check");
    from_cron(&mut rehearsed, Outcome::FailedForNow);
    let mut first = node.backup().rehearsed("wait check").start();
    first.until_said("\"check\"");
    from_cron(&mut node.script("backup", &["42", "both"]), Outcome::Busy);
    first.let_go();
    first.wait().ended_as(Outcome::Stopped);
}

#[test]
fn a_script_without_its_executor_says_what_is_missing() {
    let node = Node::new();
    for (verb, args) in [("backup", &["42", "both"][..]), ("undo", &["42"])] {
        let mut command = node.script(verb, args);
        let output = command.env("HOLDFAST_EXECUTOR", "/nowhere").output().expect("the script");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("there is no executor at /nowhere"), "{said}");
    }
}

#[test]
fn a_script_without_a_configuration_ends_and_says_what_is_missing() {
    let node = Node::new();
    let mut command = node.script("backup", &["42", "both"]);
    let output = command.env("HOLDFAST_CONFIG", "/nowhere").output().expect("the script");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains("/nowhere/executor.toml: cannot be read"), "{said}");
}

/// A restic that says that it has begun to save and then hangs, deaf to nothing.
const HANGING: &str = r#"
if [ "$command" = backup ]; then
    echo $$ >"$root/hangs"
    read -r never <"$root/pipe"
fi
"#;

fn hang(node: &Node) {
    output_of(program("/usr/bin/mkfifo").arg(node.root().join("pipe")));
    node.configure_with(&node.double(HANGING), "", "");
}

fn wait_until_it_hangs(mark: &Path) {
    eventually("a restic that saves", || {
        fs::read_to_string(mark).ok().filter(|text| text.ends_with('\n'))
    });
}

#[test]
fn a_signal_to_the_script_stops_the_backup_cleanly() {
    for name in ["TERM", "INT", "HUP"] {
        let node = Node::with_site();
        hang(&node);
        let before = node.world();
        let mut command = node.script("backup", &["42", "both"]);
        let script = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let script = script.expect("the script");
        wait_until_it_hangs(&node.root().join("hangs"));
        signal(name, &script.id().to_string());
        let output = script.wait_with_output().expect("its end");
        assert_eq!(output.status.code(), Some(7), "{name}: {output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("\"outcome\":\"stopped\""), "{name}: {said}");
        node.quiet();
        before.assert_unchanged(&node, name);
    }
}

#[test]
fn a_script_that_is_killed_takes_its_backup_with_it() {
    let node = Node::with_site();
    hang(&node);
    let before = node.world();
    let mut command = node.script("backup", &["42", "both"]);
    let mut script = command.stdout(Stdio::piped()).spawn().expect("the script");
    wait_until_it_hangs(&node.root().join("hangs"));
    // Its end of the lifeline is closed by the kernel.
    script.kill().expect("a signal");
    script.wait().expect("its end");
    node.quiet();
    before.assert_unchanged(&node, "a killed script");
}

/// An executor that signals its script in the moment in which it ends itself.
const LAST_MOMENT: &str = r#"#!/bin/sh
trap '' TERM
read -r request
kill -TERM "$PPID"
exit 3
"#;

#[test]
fn a_signal_at_the_last_moment_does_not_change_the_exit_code() {
    let node = Node::new();
    let (text, ending) = (node.root().join("ending.sh"), node.root().join("ending"));
    fs::write(&text, LAST_MOMENT).expect("a program");
    output_of(program("/usr/bin/install").args(["-m", "0755"]).arg(&text).arg(&ending));
    let codes: Vec<Option<i32>> = (0..40)
        .map(|_| {
            let mut script = node.script("backup", &["42", "both"]);
            script.env("HOLDFAST_EXECUTOR", &ending).output().expect("the script").status.code()
        })
        .collect();
    assert_eq!(codes, [Some(3); 40]);
}

/// Runs a script on a terminal and returns all that was drawn there, and its exit code.
fn on_terminal(node: &Node, verb: &str, args: &[&str]) -> (String, Option<i32>) {
    let script = node.script(verb, args);
    let words: Vec<String> = [script.get_program()]
        .into_iter()
        .chain(script.get_args())
        .map(|word| word.to_str().expect("text").to_owned())
        .collect();
    let mut terminal = program("/usr/bin/script");
    terminal.envs(script.get_envs().filter_map(|(name, value)| Some((name, value?))));
    terminal.env("TERM", "xterm").env("SHELL", "/bin/sh").stdin(Stdio::null());
    let line = format!("stty cols 120 rows 40; exec {}", words.join(" "));
    let output = terminal.args(["-qec", &line, "/dev/null"]).output().expect("script");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

/// What a terminal shows in the end: what was drawn over is gone.
fn last_lines(drawn: &str) -> Vec<String> {
    let visible = |line: &str| {
        let line = line.rsplit(['\r', '\u{1b}']).next().unwrap_or_default();
        line.strip_prefix("[2K").or(line.strip_prefix("[K")).unwrap_or(line).to_owned()
    };
    drawn.trim_end().split("\r\n").map(visible).collect()
}

#[test]
fn on_a_terminal_there_is_a_bar_and_then_the_result_for_people() {
    let node = Node::with_site();
    let (drawn, code) = on_terminal(&node, "backup", &["42", "both"]);
    assert_eq!(code, Some(0), "{drawn:?}");
    for stage in ["check", "snapshot", "verify"] {
        assert!(drawn.contains(&format!("{stage:<12} [")), "no bar of {stage}: {drawn:?}");
    }
    assert!(drawn.contains('%'), "{drawn:?}");
    assert!(!drawn.contains('{'), "JSON on a terminal: {drawn:?}");
    let lines = last_lines(&drawn);
    let [.., done, source, snapshot] = lines.as_slice() else { panic!("{drawn:?}") };
    assert!(done.starts_with("The backup is made. It holds files alone"), "{drawn:?}");
    assert!(source.starts_with("  Website (web): saved, "), "{drawn:?}");
    assert!(snapshot.starts_with("  snapshot "), "{drawn:?}");
    let id = snapshot.trim_start_matches("  snapshot ");

    damage(&node.live());
    let (drawn, code) = on_terminal(&node, "restore", &["42", id, "both"]);
    assert_eq!(code, Some(0), "{drawn:?}");
    let lines = last_lines(&drawn);
    for line in ["Your site is restored.", "the site was closed for ", "undo is possible until "] {
        assert!(lines.iter().any(|shown| shown.contains(line)), "{line}: {drawn:?}");
    }
    let (drawn, code) = on_terminal(&node, "backup", &["42", "db"]);
    assert_eq!(code, Some(1), "{drawn:?}");
    assert_eq!(last_lines(&drawn), ["This site has no database configured."], "{drawn:?}");
}
