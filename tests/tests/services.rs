//! Sites without containers: units of systemd, and the processes of the site's user.
//!
//! Needs: restic.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
};

use holdfast_job::Outcome;
use holdfast_tests::{Node, place_program, restic};

/// In place of systemctl, since no systemd runs where the tests do: it keeps the state of each unit in
/// a file and writes down how it was called.
fn systemctl(node: &Node, more: &str) -> PathBuf {
    let double = node.root().join("etc/systemctl");
    let root = node.root().display();
    let text = format!(
        "#!/bin/sh\nroot={root}\necho \"$*\" >>$root/called\nverb=$1\nshift\n{more}\n\
         for unit in \"$@\"; do case $verb in\n\
         is-active) cat $root/$unit ;;\n\
         stop) echo inactive >$root/$unit ;;\n\
         restart) echo active >$root/$unit ;;\n\
         esac; done\n"
    );
    place_program(&double, &text);
    double
}

fn site_with_units(more: &str) -> Node {
    let node = Node::with_site();
    let systemctl = systemctl(&node, more);
    for (unit, state) in [("php-fpm-42.service", "active"), ("cron-42.timer", "inactive")] {
        fs::write(node.root().join(unit), format!("{state}\n")).expect("a unit");
    }
    node.configure_all(
        &restic(),
        &format!("systemctl = \"{}\"", systemctl.display()),
        "",
        "[site.services]\nunits = [\"php-fpm-{id}.service\", \"cron-{id}.timer\"]\n\
         stop_seconds = 1\n",
    );
    node
}

#[test]
fn units_that_run_are_stopped_and_started_and_those_that_do_not_are_left() {
    let node = site_with_units("");
    let snapshot = node.backed_up();
    node.restore(&snapshot).run().completed();
    let state = |unit: &str| fs::read_to_string(node.root().join(unit)).expect("a state");
    assert_eq!(state("php-fpm-42.service").trim(), "active");
    assert_eq!(state("cron-42.timer").trim(), "inactive");
    let called = fs::read_to_string(node.root().join("called")).expect("the calls");
    let wanted = ["stop php-fpm-42.service", "restart php-fpm-42.service"];
    for call in wanted {
        assert_eq!(called.lines().filter(|line| *line == call).count(), 1, "{called}");
    }
    assert!(!called.contains("stop cron"), "{called}");
    node.recover();
}

#[test]
fn a_unit_that_does_not_stop_is_killed_and_one_that_does_not_start_brings_the_old_site_back() {
    let hangs = "if [ $verb = stop ] && ! [ -e $root/killed ]; then exec sleep 1000; fi\n\
                 if [ $verb = kill ]; then touch $root/killed; exit 0; fi";
    let node = site_with_units(hangs);
    let snapshot = node.backed_up();
    node.restore(&snapshot).run().completed();
    let called = fs::read_to_string(node.root().join("called")).expect("the calls");
    assert!(called.contains("kill --signal=KILL php-fpm-42.service"), "{called}");
    node.recover();
    let fails = "if [ $verb = restart ] && ! [ -e $root/tried ]; then touch $root/tried\n\
                 echo 'Job for php-fpm-42.service failed' >&2; exit 1; fi";
    let node = site_with_units(fails);
    let snapshot = node.backed_up();
    fs::write(node.live().join("page"), "new").expect("a page");
    let before = node.tree();
    let result = node.restore(&snapshot).run().ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("Job for php-fpm-42.service failed"), "{result:?}");
    assert_eq!(node.tree(), before);
    let state = fs::read_to_string(node.root().join("php-fpm-42.service")).expect("a state");
    assert_eq!(state.trim(), "active");
    node.recover();
}

/// What systemd says of the unit when it is asked for more than its state.
fn shows(lines: &[&str]) -> String {
    let lines =
        [&["Id=php-fpm-42.service", "LoadState=loaded", "ActiveState=active"], lines].concat();
    format!(
        "if [ $verb = show ]; then case $1 in *Default*) echo DefaultTimeoutStopUSec=1min 30s ;;\n\
         *) printf '%s\\n' {} ;; esac; exit 0; fi",
        lines.iter().map(|line| format!("'{line}'")).collect::<Vec<_>>().join(" ")
    )
}

#[test]
fn a_unit_that_could_not_be_started_again_is_found_before_anything_is_stopped() {
    for (line, outcome, words) in [
        (
            "LoadState=masked",
            Outcome::Failed,
            "could not be started again, since its file is masked",
        ),
        ("LoadState=not-found", Outcome::Failed, "could not be started again"),
        ("Type=oneshot", Outcome::Busy, "unit php-fpm-42.service is a job that is at work"),
    ] {
        let node = site_with_units(&shows(&[line, "ActiveState=activating"]));
        let snapshot = node.backed_up();
        let before = node.tree();
        let result = node.restore(&snapshot).run().ended_as(outcome);
        assert!(result.operator_message.contains(words), "{result:?}");
        assert_eq!((node.tree(), result.closed_ms), (before, None));
        let called = fs::read_to_string(node.root().join("called")).expect("the calls");
        assert!(!called.lines().any(|line| line.starts_with("stop")), "{called}");
        let doctor = node.executor_with(&["doctor"]).output().expect("doctor");
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        let bad = said.lines().find(|line| line.starts_with("BAD") && line.contains(words));
        assert!(bad.is_some(), "{said}");
    }
}

#[test]
fn a_unit_has_its_own_time_to_stop_and_one_that_says_nothing_of_it_is_killed() {
    let slow = "if [ $verb = stop ] && ! [ -e $root/killed ]; then sleep 3; fi\n\
                if [ $verb = kill ]; then touch $root/killed; exit 0; fi\n";
    for (own, killed) in [("TimeoutStopUSec=30s", false), ("TimeoutStopUSec=1min 30s", true)] {
        let node = site_with_units(&format!("{slow}{}", shows(&[own])));
        let snapshot = node.backed_up();
        let said = node.restore(&snapshot).run().completed().operator_message;
        let named = said.contains("unit php-fpm-42.service did not stop in time and was killed");
        assert_eq!((named, node.root().join("killed").exists()), (killed, killed), "{said}");
        node.recover();
    }
}

#[test]
fn a_machine_that_is_being_shut_down_leaves_the_site_closed_until_it_is_up_again() {
    let leaving = "if [ -e $root/leaving ]; then case $verb in\n\
                   is-system-running) echo stopping; exit 1 ;;\n\
                   restart) echo 'Transaction is destructive' >&2; exit 4 ;;\n\
                   esac; fi";
    let node = site_with_units(leaving);
    let snapshot = node.backed_up();
    fs::write(node.live().join("page"), "new").expect("a page");
    let before = node.tree();
    fs::write(node.root().join("leaving"), "").expect("a file");
    let result = node.restore(&snapshot).run().ended_as(Outcome::Busy);
    assert!(result.operator_message.contains("being shut down"), "{result:?}");
    assert!(node.flag().exists(), "the site is open");
    fs::remove_file(node.root().join("leaving")).expect("no file");
    node.recover();
    assert!(!node.flag().exists(), "the site is closed");
    assert_eq!(node.tree(), before);
    let state = fs::read_to_string(node.root().join("php-fpm-42.service")).expect("a state");
    assert_eq!(state.trim(), "active");
    node.recover();
}

/// A process of the user `games`, who has none else; deaf if it does not end when it is asked to.
fn of_games(script: &str) -> Child {
    let mut shell = holdfast_tests::program("/usr/bin/setpriv");
    shell.args(["--reuid=games", "--clear-groups", "/bin/sh", "-c", script]);
    shell.env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = shell.spawn().expect("a process");
    let mut ready = [0];
    let stdout = child.stdout.as_mut().expect("its stdout");
    std::io::Read::read_exact(stdout, &mut ready).expect("a sign of life");
    child
}

#[test]
fn the_processes_of_the_sites_user_are_ended_those_too_that_do_not_listen() {
    let node = Node::with_site();
    let services = "[site.services]\nuser = \"games\"\nstop_seconds = 1\n";
    let own = node.root().join("etc/customers/42.toml");
    fs::write(&own, services).expect("an override");
    let snapshot = node.backed_up();
    let mut polite = of_games("echo; exec sleep 1000");
    let mut deaf = of_games("trap '' TERM; echo; while :; do sleep 1000; done");
    node.restore(&snapshot).run().completed();
    let how = |child: &mut Child| {
        std::os::unix::process::ExitStatusExt::signal(&child.wait().expect("its end"))
    };
    assert_eq!((how(&mut polite), how(&mut deaf)), (Some(15), Some(9)));
    node.recover();
}

#[test]
fn a_user_that_all_customers_would_share_and_one_that_is_not_there_are_refused() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let refused = |problem: &str| {
        let result = node.restore(&snapshot).run().ended_as(Outcome::Failed);
        assert!(result.operator_message.contains(problem), "{result:?}");
    };
    node.configure("", "[site.services]\nuser = \"www-data\"\n");
    refused("all customers would share it");
    node.configure("", "[site.services]\nuser = \"no-such-user-{id}\"\n");
    refused("there is no user no-such-user-42");
    node.configure("", "");
    let own = node.root().join("etc/customers/42.toml");
    fs::write(own, "[site.services]\nuser = \"root\"\n").expect("an override");
    refused("site.services.user");
}
