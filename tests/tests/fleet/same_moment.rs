//! A person stops a job in the same moment in which something else happens to it: there is one outcome,
//! and every answer tells it as it was.
//!
//! Needs: mariadb, redis, restic.

use std::{collections::BTreeSet, thread};

use holdfast_job::JobId;
use holdfast_tests::{Answer, Fleet, eventually};
use serde_json::json;

const TOO_LATE: &str = "It could not be stopped any more.";

/// A job, and whose it is.
type Whose = (u32, JobId);

/// A backup of each of so many customers.
fn orders(fleet: &Fleet, customers: u32) -> Vec<Whose> {
    const FIRST: u32 = 1_000_001;
    fleet.enter_customers(FIRST..=FIRST + customers - 1);
    let order = |customer| (customer, fleet.web.order_backup(customer, "both"));
    (FIRST..FIRST + customers).map(order).collect()
}

fn stop(fleet: &Fleet, (customer, job): Whose) -> Answer {
    fleet.web.act(customer, job, "stop", &json!({}))
}

fn reset(fleet: &Fleet, (customer, job): Whose) -> Answer {
    fleet.web.act(customer, job, "reset", &json!({ "reason": "the same moment" }))
}

/// How it stands, by its answer, if it has ended.
fn ended(answer: &Answer) -> Option<String> {
    let told = match answer.status {
        200 => &answer.body["status"],
        409 => &answer.body["job_status"],
        _ => return None,
    };
    let told = told.as_str()?;
    ["completed", "failed", "stopped"].contains(&told).then(|| told.to_owned())
}

/// Each is stopped again and again until it has ended, all at the same time: what the last answer said,
/// and each kind that there was.
fn stopped_until_ended(fleet: &Fleet, jobs: &[Whose]) -> (Vec<String>, BTreeSet<String>) {
    let told = thread::scope(|scope| {
        let stop_one = |&whose: &Whose| {
            scope.spawn(move || {
                let mut kinds = BTreeSet::new();
                let last = eventually("an end", || {
                    let answer = stop(fleet, whose);
                    let kind = answer.body["type"].as_str().unwrap_or_default();
                    let kind = kind.rsplit(':').next().unwrap_or_default();
                    kinds.insert(format!("{} {kind}", answer.status));
                    ended(&answer)
                });
                (last, kinds)
            })
        };
        let turns: Vec<_> = jobs.iter().map(stop_one).collect();
        turns.into_iter().map(|turn| turn.join().expect("a caller")).collect::<Vec<_>>()
    });
    let (last, kinds): (Vec<_>, Vec<_>) = told.into_iter().unzip();
    (last, kinds.into_iter().flatten().collect())
}

/// What was told is how it is, it does not change any more, and was wished once.
fn assert_true(fleet: &Fleet, jobs: &[Whose], told: &[String]) {
    for (&(customer, job), told) in jobs.iter().zip(told) {
        let shown = fleet.web.job(customer, job);
        assert_eq!(shown["status"], told.as_str(), "{shown:#}");
        assert!(shown["completed_at"].is_string() && shown["stopping"] == false, "{shown:#}");
        let wishes =
            format!("SELECT COUNT(*) <= 1 FROM audit WHERE job_uuid = '{job}' AND action = 'stop'");
        assert_eq!(fleet.query(&wishes), "1", "{job}");
        // Its customer is free.
        fleet.web.order_backup(customer, "both");
    }
}

#[test]
fn a_stop_in_the_moment_of_a_claim_or_an_end_has_one_outcome_and_the_answer_is_true() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    let _workers = ["one", "two"].map(|name| fleet.worker(name, "slots = 4"));
    let ordered = orders(&fleet, 80);
    eventually("all slots in use", || (fleet.recorded().len() == 8).then_some(()));
    // What runs ends, what waits is claimed, and all of it is stopped.
    let stopped: Vec<_> = thread::scope(|scope| {
        let stop = |(customer, job)| {
            let fleet = &fleet;
            scope.spawn(move || (customer, job, stop(fleet, (customer, job))))
        };
        fleet.hold(false);
        let turns: Vec<_> = ordered.into_iter().map(stop).collect();
        turns.into_iter().map(|turn| turn.join().expect("a caller")).collect()
    });
    let recorded = fleet.recorded().join("\n");
    let mut seen = BTreeSet::new();
    for (customer, job, answer) in stopped {
        let shown = fleet.web.until_ended(customer, job);
        let status = shown["status"].as_str().expect("a status").to_owned();
        seen.insert((answer.status, status.clone()));
        match answer.status {
            200 => {
                assert_eq!(status, "stopped", "{shown:#}");
                assert!(!recorded.contains(&job.to_string()), "{job} was run");
            }
            202 if status == "completed" => {
                let message = shown["message"].as_str().expect("a text");
                assert!(message.ends_with(TOO_LATE), "{shown:#}");
            }
            202 => assert_eq!(status, "stopped", "{shown:#}"),
            _ => {
                let problem = answer.problem(409, "already-ended");
                assert_eq!(problem["job_status"], status.as_str());
                assert_eq!(status, "completed", "{shown:#}");
            }
        }
        let ends = fleet.events(job).into_iter().filter(|event| event == "completed").count();
        assert_eq!(ends, usize::from(status == "completed"));
    }
    assert!(seen.len() >= 2, "every stop met the same moment: {seen:?}");
}

#[test]
fn a_stop_in_the_moment_in_which_the_order_is_void_has_one_outcome() {
    let fleet = Fleet::recording();
    let jobs = orders(&fleet, 60);
    fleet.query(
        "UPDATE customer_backup_jobs SET not_after = NOW(3) - INTERVAL 1 SECOND, \
                 run_after = NOW(3) + INTERVAL 1 HOUR",
    );
    let _worker = fleet.worker("one", "");
    let failed = "SELECT COUNT(*) > 0 FROM customer_backup_jobs WHERE status = 'failed'";
    eventually("the first that is void", || (fleet.query(failed) == "1").then_some(()));
    let (told, kinds) = stopped_until_ended(&fleet, &jobs);
    assert_true(&fleet, &jobs, &told);
    assert!(kinds.contains("409 already-ended"), "{kinds:?}");
    assert!(told.iter().all(|told| ["failed", "stopped"].contains(&told.as_str())), "{told:?}");
    let begun: Vec<_> = jobs.iter().map(|(_, job)| job.to_string()).collect();
    let recorded = fleet.recorded();
    assert!(
        !recorded.iter().any(|line| begun.iter().any(|job| line.contains(job))),
        "{recorded:?}"
    );
}

#[test]
fn a_stop_and_a_reset_in_the_same_moment_have_one_outcome() {
    let fleet = Fleet::recording();
    let jobs = orders(&fleet, 40);
    let answers = thread::scope(|scope| {
        let both = |&whose: &Whose| {
            let fleet = &fleet;
            [stop, reset].map(|act| scope.spawn(move || act(fleet, whose)))
        };
        let turns: Vec<_> = jobs.iter().map(both).collect();
        let join = |turn: thread::ScopedJoinHandle<'_, Answer>| turn.join().expect("a caller");
        turns.into_iter().map(|both| both.map(join)).collect::<Vec<_>>()
    });
    let mut told = Vec::new();
    for [stopped, reset] in answers {
        let ends = [&stopped, &reset].map(|answer| ended(answer).expect("an end"));
        assert_eq!(ends[0], ends[1], "{:#} {:#}", stopped.body, reset.body);
        let (first, second, end) = match stopped.status {
            200 => (stopped, reset, "stopped"),
            _ => (reset, stopped, "failed"),
        };
        assert_eq!(first.with(200).body["status"], end);
        assert_eq!(second.problem(409, "already-ended")["job_status"], end);
        told.push(end.to_owned());
    }
    assert_true(&fleet, &jobs, &told);
}

#[test]
fn a_reset_in_the_moment_of_a_claim_has_one_outcome() {
    let fleet = Fleet::recording();
    let jobs = orders(&fleet, 40);
    let _workers = ["one", "two"].map(|name| fleet.worker(name, "slots = 4"));
    eventually("the first claim", || (!fleet.recorded().is_empty()).then_some(()));
    let answers = thread::scope(|scope| {
        let reset = |&whose: &Whose| {
            let fleet = &fleet;
            scope.spawn(move || reset(fleet, whose))
        };
        let turns: Vec<_> = jobs.iter().map(reset).collect();
        turns.into_iter().map(|turn| turn.join().expect("a caller")).collect::<Vec<_>>()
    });
    for (&(customer, job), answer) in jobs.iter().zip(answers) {
        let shown = fleet.web.until_ended(customer, job);
        let runs = fleet.recorded().iter().filter(|run| run.contains(&job.to_string())).count();
        match answer.status {
            200 => assert_eq!((&shown["status"], runs), (&json!("failed"), 0), "{shown:#}"),
            _ => {
                assert_eq!((&shown["status"], runs), (&json!("completed"), 1), "{shown:#}");
                let kind = answer.with(409).body["type"].as_str().expect("a kind").to_owned();
                let kind = kind.rsplit(':').next().unwrap_or_default();
                assert!(["under-way", "already-ended"].contains(&kind), "{kind}");
            }
        }
    }
}

#[test]
fn a_stop_in_the_moment_in_which_a_job_is_put_back_or_stuck_and_settled_has_one_outcome() {
    let fleet = Fleet::recording();
    for outcome in ["busy", "stuck"] {
        fleet.hold(true);
        fleet.outcome(outcome);
        let worker = fleet.worker(outcome, "slots = 8\nbusy_retry_seconds = 1");
        let jobs = orders(&fleet, 8);
        eventually("all slots in use", || {
            let running = "SELECT COUNT(*) FROM customer_backup_jobs WHERE status = 'running'";
            (fleet.query(running) == "8").then_some(())
        });
        fleet.hold(false);
        let (told, kinds) = thread::scope(|scope| {
            let stops = scope.spawn(|| stopped_until_ended(&fleet, &jobs));
            let left = "SELECT COUNT(*) < 8 FROM customer_backup_jobs WHERE status = 'running'";
            eventually("one that is not run any more", || (fleet.query(left) == "1").then_some(()));
            // Whoever takes up what was put back hears the wish.
            fleet.outcome("stopped");
            stops.join().expect("callers")
        });
        let event = if outcome == "busy" { "put_back" } else { "stuck" };
        let mut events = jobs.iter().flat_map(|(_, job)| fleet.events(*job));
        assert!(events.any(|seen| seen == event), "none was {event}");
        assert!(kinds.len() >= 2, "{outcome}: every stop met the same moment: {kinds:?}");
        fleet.outcome("completed");
        assert_true(&fleet, &jobs, &told);
        eventually("all of them", || {
            let open =
                "SELECT COUNT(*) FROM customer_backup_jobs WHERE active_customer IS NOT NULL";
            (fleet.query(open) == "0").then_some(())
        });
        drop(worker);
    }
}
