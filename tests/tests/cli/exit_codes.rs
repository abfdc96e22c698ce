//! Each way in which a call ends, and its number.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::{Fleet, eventually, signal};

use super::{Desk, Said};

#[test]
fn a_call_that_waits_ends_as_the_job_does() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    let desk = Desk::new(&fleet);
    for (outcome, code, status) in [
        ("completed", 0, "completed"),
        ("failed", 1, "failed"),
        ("incomplete", 3, "completed"),
        ("stopped", 7, "stopped"),
        ("stuck", 6, "stuck"),
    ] {
        fleet.outcome(outcome);
        fleet.recovered((outcome == "stuck").then_some("stuck"));
        let ended = desk.call(&["backup", "--wait", "--json"]).ended(code).json();
        assert_eq!(ended["status"], status);
        if code < 6 {
            let quiet = desk.call(&["backup", "--wait", "--quiet"]).ended(code);
            assert!(quiet.out.trim().parse::<holdfast_job::JobId>().is_ok(), "{quiet:?}");
            assert_eq!(quiet.err.is_empty(), code == 0, "{quiet:?}");
        }
    }
    desk.call(&["watch"]).ended(6).says("for the operator: Stuck");
}

#[test]
fn a_call_that_is_refused_says_why_and_what_to_do_and_ends_by_its_number() {
    let mut fleet = Fleet::recording();
    let mut desk = Desk::new(&fleet);
    let nothing = "0193e5c0-0000-7000-8000-000000000000";
    desk.call(&["backup", "--scope", "Web"]).ended(2).warns("--scope");
    desk.call(&["--json", "nonsense"]).ended(2);
    desk.call(&["list", "--limit", "0"]).ended(2).warns("--limit");
    desk.call(&["jobs", "nonsense"]).ended(2).warns("give the job's UUID");
    desk.call(&["show", nothing]).ended(4).warns("There is no such backup.").warns("holdfast list");
    desk.call(&["jobs", nothing]).ended(4).warns("There is no such job.");
    let unseen = desk.call(&["list", "--customer", "nobody"]).ended(4);
    unseen.warns("There is no such customer.").warns("holdfast --customer nobody token show");
    let wrong = desk.call(&["delete", nothing, "--yes"]).ended(4);
    wrong.warns(&format!("{nothing}: There is no such backup."));
    let page = desk.call(&["list", "--url", &fleet.web.url("/api/v1")]).ended(2);
    page.warns("give it without /api");
    desk.call(&["undo", "--yes"]).ended(4).warns("no restore that can be taken back");
    desk.call(&["watch"]).ended(0).warns("No backup, restore or undo of 42 is under way.");

    let first = desk.call(&["backup", "--quiet"]).ended(0);
    let (first, busy) = (first.out.trim(), desk.call(&["backup"]).ended(5));
    busy.warns(&format!("holdfast watch {first}"));
    let problem = desk.call(&["backup", "--json"]).ended(5).problem();
    assert_eq!(problem["type"], "urn:holdfast:problem:active-job");
    assert_eq!((&problem["status"], &problem["exit"]), (&409.into(), &5.into()));
    assert_eq!(problem["active_job"], first);
    let misuse = desk.call(&["--json", "restore"]).ended(2).problem();
    assert_eq!((&misuse["type"], &misuse["exit"]), (&"urn:holdfast:cli:misuse".into(), &2.into()));

    for words in [&["jobs"][..], &["man"], &["completions", "bash"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
        let unsaid = desk.command(words).stdout(full).output().expect("holdfast");
        Said::of(words, unsaid).ended(9).warns("cannot be written to stdout");
    }
    let read_only = fleet.token(&["--customer", "42", "--read-only"]);
    desk.environment.push(("HOLDFAST_TOKEN", read_only));
    desk.call(&["backup"]).ended(4).warns("lacks the scope `backup:write`");
    desk.environment.push(("HOLDFAST_TOKEN", "no.token.atall".into()));
    let refused = desk.call(&["list"]).ended(4).warns("not accepted").warns("holdfast token set");
    assert!(!refused.err.contains("atall"), "{refused:?}");

    // It speaks no TLS, now as later.
    let secure = fleet.web.url("").replace("http:", "https:");
    let strange = desk.call(&["list", "--url", &secure]).ended(8);
    assert!(!strange.err.contains("Trying again."), "{strange:?}");

    fleet.web.kill();
    let silent = desk.call(&["list"]).ended(8).warns("Trying again.");
    assert_eq!(silent.err.matches("Trying again.").count(), 4, "{silent:?}");
    let silent = desk.call(&["backup", "--json"]).ended(8).problem();
    assert_eq!(silent["type"], "urn:holdfast:cli:no-answer");
}

#[test]
fn ctrl_c_ends_the_watching_and_not_the_job() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    let _worker = fleet.worker("one", "");
    let desk = Desk::new(&fleet);
    let job = desk.call(&["backup", "-q"]).ended(0).out.trim().to_owned();
    fleet.web.until(42, job.parse().expect("a job"), "running");
    for words in [&["watch"][..], &["watch", "--json"]] {
        let log = fleet.node.root().join("home/watched");
        let file = std::fs::File::create(&log).expect("a file");
        let mut watching = desk.command(words);
        watching.stdout(file.try_clone().expect("a file")).stderr(file);
        let mut watching = watching.spawn().expect("holdfast");
        let said = || std::fs::read_to_string(&log).expect("a file");
        eventually("a first look", || said().contains("snapshot").then_some(()));
        signal("INT", &watching.id().to_string());
        assert_eq!(watching.wait().expect("its end").code(), Some(130), "{}", said());
        let watch_on = format!("holdfast watch {job}");
        assert!(said().contains(&watch_on) && said().contains("holdfast stop"), "{}", said());
    }
    fleet.hold(false);
    desk.call(&["watch", &job]).ended(0);
}
