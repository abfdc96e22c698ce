//! Whatever breaks on the way: an order is given once, and whoever watches goes on when the server is
//! back.
//!
//! Needs: mariadb, redis, restic.

use std::{io::Read, process::Stdio};

use holdfast_tests::{AnswerProxy, Fleet, eventually, signal};

use super::{Desk, Said};

#[test]
fn an_order_whose_answer_is_lost_is_given_again_and_carried_out_once() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    for losses in 1..=3 {
        let proxy = AnswerProxy::start(&fleet.web.url(""), losses);
        let mut desk = Desk::new(&fleet);
        desk.environment.push(("HOLDFAST_URL", proxy.url()));
        let before = fleet.recorded().len();
        let ended = desk.call(&["backup", "--wait"]).ended(0).warns("Trying again.");
        let backup =
            ended.out.lines().find_map(|line| line.strip_prefix("  backup ")).expect("an id");
        assert_eq!(proxy.lost(), losses);
        let recorded = fleet.recorded();
        let [only] = &recorded[before..] else { panic!("{recorded:#?}") };
        assert!(only.starts_with(backup), "{only}: {ended:?}");
    }
    let proxy = AnswerProxy::start(&fleet.web.url(""), 2);
    let mut desk = Desk::new(&fleet);
    let backup = desk.call(&["list", "--json", "--limit", "1"]).json();
    desk.environment.push(("HOLDFAST_URL", proxy.url()));
    let backup = backup["uuid"].as_str().expect("an id");
    desk.call(&["delete", backup, "--yes", "--wait"]).ended(0).says("For the customer: Completed.");
    let deletions = "SELECT COUNT(*) FROM customer_backup_jobs WHERE job_type = 'delete'";
    assert_eq!(fleet.query(deletions), "1");
}

#[test]
fn an_order_of_which_nobody_hears_may_have_been_taken_and_the_message_says_so() {
    let fleet = Fleet::recording();
    let mut desk = Desk::new(&fleet);
    let proxy = AnswerProxy::start(&fleet.web.url(""), usize::MAX);
    let straight = Desk::new(&fleet);
    desk.environment.push(("HOLDFAST_URL", proxy.url()));
    let lost = desk.call(&["backup", "--customer", "42"]).ended(8);
    lost.warns("may have been taken").warns("holdfast --customer 42 watch");
    let job = straight.call(&["jobs", "--json"]).ended(0).json();
    straight.call(&["stop"]).ended(0);
    let lost = desk.call(&["backup", "--json"]).ended(8).problem();
    assert_eq!(lost["type"], "urn:holdfast:cli:order-unknown");
    assert_eq!((&lost["exit"], &job["status"]), (&8.into(), &"pending".into()));
    assert!(lost["detail"].as_str().expect("a text").contains("holdfast jobs"), "{lost}");
    // What asks for nothing says nothing of an order.
    let looked = desk.call(&["list"]).ended(8);
    assert!(!looked.err.contains("may have been taken"), "{looked:?}");

    // Told to end while nobody has answered yet.
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", held.local_addr().expect("an address"));
    desk.environment.push(("HOLDFAST_URL", address));
    let mut ordering = desk.command(&["backup"]);
    ordering.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ordering = ordering.spawn().expect("holdfast");
    let (mut asked, _) = held.accept().expect("a request");
    asked.read_exact(&mut [0; 4]).expect("its beginning");
    signal("INT", &ordering.id().to_string());
    let ended = ordering.wait_with_output().expect("its end");
    Said::of(&["backup"], ended).ended(130).warns("may have been taken");
}

#[test]
fn who_watches_goes_on_when_the_server_is_back() {
    let mut fleet = Fleet::recording();
    fleet.hold(true);
    let _worker = fleet.worker("one", "");
    let desk = Desk::new(&fleet);
    let job = desk.call(&["backup", "-q"]).ended(0).out.trim().to_owned();
    fleet.web.until(42, job.parse().expect("a job"), "running");
    let log = desk.home.join("watched");
    let mut watching = desk.command(&["watch"]);
    watching.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).expect("a file"));
    let watching = watching.spawn().expect("holdfast");
    let said = |what: &str, times: usize| {
        eventually(what, || {
            let said = std::fs::read_to_string(&log).expect("a file");
            (said.matches(what).count() >= times).then_some(())
        });
    };
    said("backup: snapshot (1 of 2)", 1);
    fleet.web.kill();
    said("Trying again", 1);
    let folder = fleet.web_folder();
    fleet.web.start_again(&folder);
    said("The server answers again.", 1);
    fleet.hold(false);
    let ended = watching.wait_with_output().expect("its end");
    Said::of(&["watch"], ended).ended(0).says("For the customer: Completed.");
    let said = std::fs::read_to_string(&log).expect("a file");
    assert_eq!(said.matches("Trying again").count(), 1, "{said}");
}

#[test]
fn at_a_terminal_the_bar_has_a_number_where_there_is_one_and_leaves_no_copies_of_itself() {
    let mut fleet = Fleet::recording();
    let desk = Desk::new(&fleet);
    desk.call(&["backup"]).ended(0);
    let log = desk.home.join("seen");
    let mut watching = desk.at_terminal(&["watch"]);
    watching.stdout(std::fs::File::create(&log).expect("a file"));
    let watching = watching.spawn().expect("script");
    let seen = || std::fs::read_to_string(&log).expect("a file");
    let sees = |what: &str| eventually(what, || seen().contains(what).then_some(()));
    sees("pending");
    assert!(!seen().contains('%'), "it waits, and is nowhere yet: {}", seen());
    fleet.web.kill();
    sees("Trying again");
    let folder = fleet.web_folder();
    fleet.web.start_again(&folder);
    sees("answers again.");
    fleet.hold(true);
    let _worker = fleet.worker("one", "");
    sees("37 %  snapshot");
    fleet.hold(false);
    let ended = Said::of(&["watch"], watching.wait_with_output().expect("its end")).ended(0);
    assert_eq!(seen().matches("Trying again").count(), 1, "{} {ended:?}", seen());
    // What is left of a line is what was written after it was last cleared.
    let seen = seen();
    let left = seen.lines().filter_map(|line| line.rsplit("\u{1b}[2K").next());
    let copies: Vec<_> = left.filter(|line| line.contains("  pending")).collect();
    assert!(copies.is_empty(), "{copies:?} {seen:?}");
}

#[test]
fn at_a_terminal_the_bar_tells_rate_and_time_left_of_a_stage_that_goes_on() {
    let fleet = Fleet::recording();
    let desk = Desk::new(&fleet);
    fleet.hold(true);
    let _worker = fleet.worker("one", "");
    let job = desk.call(&["backup", "-q"]).ended(0).out.trim().to_owned();
    fleet.web.until(42, job.parse().expect("a job"), "running");
    let log = desk.home.join("seen");
    let mut watching = desk.at_terminal(&["watch"]);
    watching.stdout(std::fs::File::create(&log).expect("a file"));
    let watching = watching.spawn().expect("script");
    let seen = || std::fs::read_to_string(&log).expect("a file");
    let mut megabytes = 100;
    let goes_on = || {
        megabytes += 1;
        fleet.query(&format!(
            "UPDATE customer_backup_jobs SET bytes_done = {megabytes}e6, bytes_total = 9e9, \
                     updated_at = NOW(3) WHERE uuid = '{job}'"
        ));
        let last = seen();
        let line = last.rsplit("  snapshot").next().unwrap_or_default();
        // All of it on the 80 columns of a usual terminal.
        (line.contains("of 9.0 GB, ") && line.contains(" left, ") && line.contains("MB/s"))
            .then_some(())
    };
    eventually("rate and time left", goes_on);
    fleet.hold(false);
    Said::of(&["watch"], watching.wait_with_output().expect("its end")).ended(0);
}

#[test]
fn who_watches_hears_by_the_stream_and_looks_where_there_is_none() {
    let mut fleet = Fleet::recording();
    fleet.reconfigure_web("[limits]", "[limits]\nstreams_per_customer = 1");
    fleet.hold(true);
    let _worker = fleet.worker("one", "");
    let desk = Desk::new(&fleet);
    let job = desk.call(&["backup", "-q"]).ended(0).out.trim().to_owned();
    let watching: Vec<_> = ["by stream", "by looking"]
        .map(|name| {
            let log = desk.home.join(name);
            let mut watching = desk.command(&["watch", &job]);
            watching.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).expect("a file"));
            let watching = watching.spawn().expect("holdfast");
            eventually("a first look", || {
                std::fs::read_to_string(&log).expect("a file").contains("snapshot").then_some(())
            });
            watching
        })
        .into();
    let log = || std::fs::read_to_string(fleet.web_folder().join("web.log")).expect("a log");
    eventually("one stream and one refusal", || {
        let answers = |status: &str| {
            log().lines().filter(|line| line.contains(&format!("/events {status}"))).count()
        };
        (answers("200") == 1 && answers("429") == 1).then_some(())
    });
    fleet.hold(false);
    for one in watching {
        let ended = one.wait_with_output().expect("its end");
        Said::of(&["watch"], ended).ended(0).says("For the customer: Completed.");
    }
}
