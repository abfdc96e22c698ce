//! The worker: how it begins, how each job ends, how it ends itself.
//!
//! Needs: mariadb, redis, restic.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    process::{Command, Stdio},
    time::Duration,
};

use holdfast_tests::{Fleet, Node, Worker, eventually, output_of, program, remains};

/// What a worker that refuses to begin says.
fn refusal(command: &mut Command) -> String {
    let output = command.arg("run").output().expect("a worker");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

#[test]
fn a_worker_refuses_to_begin_with_what_cannot_work_and_says_what_to_change() {
    let fleet = Fleet::recording();
    let root = fleet.node.root();
    let as_root = |config: &std::path::Path| {
        let mut worker = program(holdfast_tests::built("holdfast-worker"));
        worker.arg("--config").arg(config);
        worker
    };
    let good = fleet.configure_worker("test-1", "good", "");
    assert!(refusal(&mut as_root(&good)).contains("it must not run as root"));
    for (name, more, says) in [
        ("slots", "slots = 0", "`slots` must be from 1 to 64"),
        ("unknown", "slotz = 1", "slotz"),
        ("lease", "lease_seconds = 1\nheartbeat_seconds = 0.9", "twice `heartbeat_seconds`"),
        ("none", "executor = []", "`executor` is empty"),
        ("relative", "executor = [\"holdfast-executor\"]", "an absolute path"),
        ("missing", "executor = [\"/nowhere/executor\"]", "/nowhere/executor is missing"),
        ("sudo", "executor = [\"/usr/bin/sudo\", \"-n\", \"/bin/true\"]", "sudoers/holdfast"),
    ] {
        let said = refusal(&mut fleet.worker_command(name, more));
        assert!(said.contains(says), "{name}: {said}");
    }
    let stranger = fleet.configure_worker("test-9", "stranger", "");
    let said = refusal(&mut Worker::command(None, &stranger));
    assert!(said.contains("test-9 is not registered: `holdfast-enqueue node add test-9"), "{said}");

    let mut bound = program("/usr/bin/setpriv");
    let inner = Worker::command(None, &good);
    bound.arg("--no-new-privs").arg(inner.get_program()).args(inner.get_args());
    assert!(refusal(&mut bound).contains("NoNewPrivileges is set"));

    fleet.query("UPDATE _sqlx_migrations SET success = FALSE ORDER BY version DESC LIMIT 1");
    let said = refusal(&mut fleet.worker_command("behind", ""));
    assert!(said.contains("run `holdfast-enqueue migrate`"), "{said}");
    assert!(!said.contains(&root.display().to_string()), "{said}");
}

#[test]
fn doctor_says_what_is_good_and_what_is_not() {
    let mut fleet = Fleet::recording();
    let said = output_of(fleet.worker_command("one", "").arg("doctor"));
    assert_eq!(said.lines().filter(|line| line.starts_with("good")).count(), 7, "{said}");
    fleet.redis.kill();
    let output =
        fleet.worker_command("one", "").args(["doctor", "--json"]).output().expect("doctor");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let bad: Vec<_> = said.lines().filter(|line| line.contains("\"good\":false")).collect();
    assert_eq!(bad.len(), 1, "{said}");
    assert!(bad[0].contains("jobs are found later without it"), "{said}");
    // Redis may be away when a worker begins.
    let _worker = fleet.worker("one", "");
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "completed");
}

#[test]
fn each_outcome_of_the_executor_ends_the_job_as_it_says() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    for (outcome, status, message) in [
        ("completed", "completed", "For the customer: Completed."),
        ("incomplete", "completed", "For the customer: Incomplete."),
        ("failed", "failed", "For the customer: Failed."),
        ("refused", "failed", "For the customer: Refused."),
        ("stopped", "stopped", "For the customer: Stopped."),
    ] {
        fleet.outcome(outcome);
        let job = fleet.web.order_backup(42, "both");
        let shown = fleet.web.until(42, job, status);
        assert_eq!(shown["message"], message, "{shown:#}");
        assert!(shown["completed_at"].is_string(), "{shown:#}");
        let error = fleet.column(job, "COALESCE(error_message, '')");
        assert_eq!(error, if status == "completed" { "" } else { message });
        assert_eq!(shown["operator"]["attempt"], 1);
    }
    let entered = fleet.query("SELECT COUNT(*) FROM customer_backups");
    assert_eq!(entered, "2", "only what was saved is in the catalogue");
}

#[test]
fn what_fails_for_now_is_tried_three_times_and_what_is_busy_as_often_as_it_takes() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    fleet.outcome("failed_for_now");
    let job = fleet.web.order_backup(42, "both");
    let shown = fleet.web.until(42, job, "failed");
    assert_eq!(shown["operator"]["attempt"], 3);
    assert_eq!(fleet.recorded().len(), 3);
    let events = ["claimed", "put_back", "claimed", "put_back", "claimed", "failed"];
    assert_eq!(fleet.events(job), events);

    fleet.outcome("busy");
    let job = fleet.web.order_backup(42, "both");
    eventually("five tries", || (fleet.recorded().len() >= 3 + 5).then_some(()));
    fleet.outcome("completed");
    let shown = fleet.web.until(42, job, "completed");
    assert_eq!(shown["operator"]["attempt"], 1);
}

#[test]
fn a_stuck_job_holds_its_customer_until_a_person_has_settled_the_site() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    fleet.recovered(Some("stuck"));
    fleet.outcome("stuck");
    let job = fleet.web.order_backup(42, "both");
    fleet.web.until(42, job, "stuck");
    let again = fleet.web.post("/api/v1/customers/42/backups", &serde_json::json!({"scope": "db"}));
    assert_eq!(again.problem(409, "active-job")["active_job"], job.to_string());
    let stuck = || fleet.web.job(42, job)["status"] == "stuck";
    assert!(remains(Duration::from_secs(2), stuck));
    eventually("the customer in the node's list", || {
        let unsettled = fleet.query("SELECT unsettled FROM nodes");
        unsettled.contains("\"customer\":42").then_some(())
    });
    fleet.recovered(Some("settled"));
    let shown = eventually("its end", || {
        let shown = fleet.web.job(42, job);
        (shown["status"] == "failed").then_some(shown)
    });
    assert!(shown["message"].as_str().expect("a text").contains("settled how it stands"));
    fleet.outcome("completed");
    let next = fleet.web.order_backup(42, "both");
    fleet.web.until(42, next, "completed");
}

#[test]
fn progress_is_seen_while_a_job_runs() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    fleet.hold(true);
    let job = fleet.web.order_backup(42, "both");
    let active = eventually("progress", || {
        let status = fleet.web.get("/api/v1/customers/42/status").with(200).body;
        (status["active"]["percent"] == 37).then(|| status["active"].clone())
    });
    assert_eq!(active["uuid"], job.to_string());
    assert_eq!(active["stage"]["name"], "snapshot");
    assert_eq!((&active["stage"]["number"], &active["stage"]["of"]), (&1.into(), &2.into()));
    assert_eq!((&active["bytes_done"], &active["bytes_total"]), (&37.into(), &100.into()));
    assert_eq!(active["detail"], "Saved 37 of 100 bytes");
    fleet.hold(false);
    fleet.web.until(42, job, "completed");
}

#[test]
fn a_worker_that_is_ended_lets_what_it_has_begun_end_by_itself() {
    let fleet = Fleet::recording();
    let mut worker = fleet.worker("one", "");
    fleet.hold(true);
    let begun = fleet.web.order_backup(42, "both");
    fleet.web.until(42, begun, "running");
    worker.tell();
    worker.until_said("nothing new is taken");
    let waits = fleet.web.order_backup(43, "both");
    fleet.hold(false);
    assert!(worker.ended().success());
    assert_eq!(fleet.web.job(42, begun)["status"], "completed");
    assert_eq!(fleet.web.job(43, waits)["status"], "pending");
}

#[test]
fn a_worker_that_must_end_at_once_gives_its_jobs_back_and_it_costs_no_attempt() {
    let fleet = Fleet::recording();
    fleet.hold(true);
    for (name, grace) in [("one", "grace_seconds = 0.2"), ("two", "grace_seconds = 600")] {
        let mut worker = fleet.worker(name, grace);
        let job = match fleet.web.get("/api/v1/customers/42/status").body["active"]["uuid"].as_str()
        {
            Some(job) => job.parse().expect("a job"),
            None => fleet.web.order_backup(42, "both"),
        };
        fleet.web.until(42, job, "running");
        worker.tell();
        worker.until_said("nothing new is taken");
        if grace.ends_with("600") {
            worker.tell();
        }
        assert!(worker.ended().success());
        assert_eq!(fleet.column(job, "status, attempt, leased_by IS NULL"), "pending\t0\t1");
    }
    fleet.hold(false);
    let _worker = fleet.worker("three", "");
    let recent = eventually("its end", || {
        let status = fleet.web.get("/api/v1/customers/42/status").body;
        status["recent"].get(0).cloned()
    });
    assert_eq!(
        (&recent["status"], &recent["operator"]["attempt"]),
        (&"completed".into(), &1.into())
    );
}

#[test]
fn run_once_works_off_what_is_due_and_ends() {
    let fleet = Fleet::recording();
    let jobs = [42, 43, 44].map(|customer| (customer, fleet.web.order_backup(customer, "both")));
    let output =
        fleet.worker_command("one", "").args(["run", "--once"]).output().expect("a worker");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (customer, job) in jobs {
        assert_eq!(fleet.web.job(customer, job)["status"], "completed");
    }
}

#[test]
fn an_order_that_was_not_begun_in_time_fails_and_frees_its_customer() {
    let fleet = Fleet::recording();
    let job = fleet.web.order_backup(42, "both");
    fleet.query(
        "UPDATE customer_backup_jobs SET not_after = NOW(3) - INTERVAL 1 SECOND, \
                 run_after = NOW(3) + INTERVAL 1 HOUR",
    );
    let _worker = fleet.worker("one", "");
    let shown = fleet.web.until_ended(42, job);
    assert_eq!(shown["status"], "failed");
    assert!(shown["message"].as_str().expect("a text").contains("Order it again"));
    assert_eq!(fleet.recorded(), [""; 0]);
    let next = fleet.web.order_backup(42, "both");
    fleet.web.until(42, next, "completed");
}

#[test]
fn a_worker_of_the_real_executor_needs_no_more_than_its_lines_of_sudoers() {
    let fleet = Fleet::new(Node::with_site());
    let said = output_of(fleet.worker_command("one", "").arg("doctor"));
    assert!(said.lines().all(|line| line.starts_with("good")), "{said}");

    fleet.admin(&["node", "add", "test-2", "--pool", "other"]);
    let other = fleet.configure_worker("test-2", "other", "");
    let doctor = |mut command: Command| {
        let output = command.arg("doctor").output().expect("doctor");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = doctor(Worker::command(fleet.rules.as_ref(), &other));
    assert!(said.contains("it is of node test-1, and this worker's is test-2"), "{said}");
    fs::remove_file(fleet.node.root().join("etc/ticket-keys/web-1.pub")).expect("a key");
    let said = doctor(fleet.worker_command("one", ""));
    assert!(said.contains("BAD   the executor's doctor: ticket keys"), "{said}");
}

#[test]
fn systemd_is_told_that_it_is_ready_that_its_loops_go_round_and_that_it_ends() {
    let fleet = Fleet::recording();
    let socket = fleet.node.root().join("notify");
    let systemd = UnixDatagram::bind(&socket).expect("a socket");
    fs::set_permissions(&socket, Permissions::from_mode(0o777)).expect("a mode");
    systemd.set_nonblocking(true).expect("a socket that does not wait");
    let hear = |what: &str| {
        eventually(what, || {
            let mut said = [0; 256];
            let length = systemd.recv(&mut said).ok()?;
            (&said[..length] == what.as_bytes()).then_some(())
        });
    };
    let mut command = fleet.worker_command("one", "");
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "300000").arg("run");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    fleet.hold(true);
    let mut worker = command.spawn().expect("a worker");
    hear("READY=1\n");
    // While all slots are in use as well.
    let jobs = [42, 43].map(|customer| fleet.web.order_backup(customer, "both"));
    for (customer, job) in [42, 43].into_iter().zip(jobs) {
        fleet.web.until(customer, job, "running");
        hear("WATCHDOG=1\n");
    }
    fleet.hold(false);
    holdfast_tests::signal("TERM", &worker.id().to_string());
    hear("STOPPING=1\n");
    eventually("its end", || worker.try_wait().expect("a child"));
}
