//! What web side and worker write down: about a job its id, in the text and as a field; and into a file
//! that may be rotated at any moment.
//!
//! Needs: mariadb, redis, restic.

use std::{collections::BTreeMap, fs, path::Path};

use holdfast_tests::{Fleet, Node, output_of, program};
use serde_json::{Value, json};

/// Each line of a log, as JSON.
fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

fn text<'l>(line: &'l Value, field: &str) -> &'l str {
    line[field].as_str().unwrap_or_default()
}

#[test]
fn each_line_about_a_job_has_its_id_in_the_text_and_as_a_field() {
    let fleet = Fleet::new(Node::with_site());
    let mut worker = fleet.worker("one", "");
    let web = &fleet.web;
    let backup = web.order_backup(42, "both");
    let done = web.until(42, backup, "completed");
    let snapshot = done["snapshot_id"].as_str().expect("a snapshot");
    let path = format!("/api/v1/customers/42/backups/{snapshot}/restore");
    let restore = web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    web.until(42, restore, "completed");
    let failed = web.order_backup(42, "db");
    web.until(42, failed, "failed");
    let undo = web.act(42, restore, "undo", &json!({ "confirm": "UNDO" })).job();
    web.until(42, undo, "completed");
    let delete = web.delete(&format!("/api/v1/customers/42/backups/{backup}")).job();
    web.until(42, delete, "completed");
    worker.tell();
    worker.ended();

    let jobs = [backup, restore, failed, undo, delete].map(|job| job.to_string());
    let of_web = fs::read_to_string(fleet.web_folder().join("web.log")).expect("a log");
    for (log, least) in [(worker.log(), 4), (of_web, 1)] {
        let mut about: BTreeMap<&str, usize> = BTreeMap::new();
        let lines = lines(&log);
        for line in &lines {
            let (job, message) = (text(line, "job"), text(line, "message"));
            assert!(!message.is_empty() && !text(line, "level").is_empty(), "{line}");
            // A request has a name of its own, and its address may have a job in it.
            let asked = line["request_id"].is_string() && line["route"].is_string();
            for known in &jobs {
                let (in_text, as_field) = (message.contains(known.as_str()), job == known);
                assert!(asked || in_text == as_field, "{line}");
            }
            let stranger = message.contains("job ") && !jobs.iter().any(|known| known == job);
            assert!(!stranger, "about which job? {line}");
            *about.entry(job).or_default() += 1;
        }
        for job in &jobs {
            let count = about.get(job.as_str()).copied().unwrap_or(0);
            assert!(count >= least, "{count} lines about {job}:\n{log}");
        }
    }
}

/// The file and those that it was rotated to, unpacked.
fn rotated(log: &Path) -> Vec<String> {
    let (folder, name) = (log.parent().expect("a folder"), log.file_name().expect("a name"));
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let ours =
        entries.filter(|it| it.file_name().to_string_lossy().starts_with(&*name.to_string_lossy()));
    ours.map(|it| output_of(program("/usr/bin/zcat").arg("--force").arg(it.path()))).collect()
}

#[test]
fn a_log_file_is_rotated_beside_a_worker_at_work_and_no_line_is_lost() {
    let fleet = Fleet::recording();
    let root = fleet.node.root();
    // Where the harness looks for what the worker says.
    let log = root.join("one.log");
    let mut install = program("/usr/bin/install");
    install.args(["-o", Node::WORKER, "-g", "nogroup", "-m", "640", "/dev/null"]);
    output_of(install.arg(&log));
    let shipped = include_str!("../../../logrotate/holdfast");
    let rules = shipped
        .replace("/var/log/holdfast/worker.log", &log.display().to_string())
        .replace("/var/log/holdfast/enqueue.log", &root.join("two.log").display().to_string())
        .replace("holdfast-web adm", "nobody nogroup")
        .replace("holdfast adm", "nobody nogroup");
    assert!(!rules.contains("/var/log"), "{rules}");
    let file = root.join("logrotate.conf");
    fs::write(&file, rules).expect("a file");
    let rotate = || {
        let mut logrotate = program("/usr/sbin/logrotate");
        logrotate.arg("--force").arg("--state").arg(root.join("logrotate.state"));
        output_of(logrotate.arg(&file));
    };

    let mut worker = fleet.worker("one", &format!("log_file = {log:?}"));
    let mut jobs = Vec::new();
    for round in 0..4 {
        for customer in [42, 43, 44] {
            jobs.push((customer, fleet.web.order_backup(customer, "files")));
        }
        // At whatever they are just now.
        rotate();
        for (customer, job) in &jobs[round * 3..] {
            fleet.web.until_ended(*customer, *job);
        }
    }
    worker.tell();
    assert!(worker.ended().success());
    let files = rotated(&log);
    assert_eq!(files.len(), 5, "{files:#?}");
    assert!(files.iter().filter(|text| !text.is_empty()).count() >= 4, "{files:#?}");
    let all: Vec<Value> = files.iter().flat_map(|text| lines(text)).collect();
    for (_, job) in &jobs {
        let job = job.to_string();
        let about: Vec<&str> = all
            .iter()
            .filter(|line| text(line, "job") == job)
            .map(|line| text(line, "message"))
            .collect();
        let says = |what: &str| about.iter().filter(|said| said.contains(what)).count();
        let claimed = says("backup for customer");
        assert_eq!((claimed, says(": completed: ")), (1, 1), "{job}: {about:?}");
    }
    assert_eq!(all.iter().filter(|line| line["message"] == "ended").count(), 1);
}

/// Names and paths are a tenant's, and may be of any length.
#[test]
fn no_line_of_the_log_is_longer_than_somebody_would_read() {
    let fleet = Fleet::recording();
    let path = format!("/{}", "x".repeat(3 << 20));
    fs::write(fleet.node.root().join("recorder/said"), &path).expect("a file");
    fleet.outcome("failed");
    let mut worker = fleet.worker("one", "");
    let job = fleet.web.order_backup(42, "files");
    fleet.web.until(42, job, "failed");
    worker.tell();
    worker.ended();
    let log = worker.log();
    let longest = log.lines().map(str::len).max().expect("a line");
    assert!(longest < 20_000, "a line of {longest} bytes");
    let told = lines(&log).into_iter().filter(|line| text(line, "message").contains("left out"));
    assert!(told.count() >= 2, "on its way, and at its end: {}", log.len());
}

#[test]
fn a_log_file_that_cannot_be_written_is_refused_by_its_key() {
    let fleet = Fleet::recording();
    let log = fleet.node.root().join("nowhere/worker.log");
    let mut worker = fleet.worker_command("one", &format!("log_file = {log:?}"));
    let output = worker.arg("run").output().expect("a worker");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("`log_file`: {} cannot be written", log.display())), "{said}");
}
