//! Schemathesis asks a whole installation for whatever the OpenAPI document allows, and for much that it
//! does not: no answer may be a 5xx, or one that is not in the document; what is good must be taken, and
//! what is bad refused. `tests/schemathesis` says how it asks.
//!
//! Needs: mariadb, redis, restic.

use std::{fmt::Display, fs, path::Path};

use holdfast_job::JobId;
use holdfast_tests::{Fleet, program};
use serde_json::json;

/// Jobs of customer 42 of several kinds and ends.
fn jobs(fleet: &Fleet, backup: JobId) -> Vec<JobId> {
    let mut jobs = Vec::new();
    for (outcome, status) in
        [("completed", "completed"), ("failed", "failed"), ("stopped", "stopped")]
    {
        fleet.outcome(outcome);
        let job = fleet.web.order_backup(42, "both");
        fleet.web.until(42, job, status);
        jobs.push(job);
    }
    fleet.outcome("completed");
    let path = format!("/api/v1/customers/42/backups/{backup}/restore");
    let restore = fleet.web.post(&path, &json!({ "confirm": "RESTORE" })).job();
    fleet.web.until(42, restore, "completed");
    fleet.query(&format!(
        "UPDATE customer_backup_jobs
             SET result = JSON_SET(result, '$.undo_until', 4000000000) WHERE uuid = '{restore}'"
    ));
    jobs.push(restore);
    jobs
}

/// Writes names, as Schemathesis reads them.
fn list<T: Display>(file: &Path, names: &[T]) {
    let lines: String = names.iter().map(|name| format!("\"{name}\"\n")).collect();
    fs::write(file, lines).expect("a file");
}

#[test]
fn schemathesis_finds_no_answer_that_is_not_in_the_document() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project");
    let schemathesis = project.join(".tools/schemathesis");
    assert!(
        schemathesis.join("installed.txt").exists(),
        "Schemathesis is not in {}: scripts/test installs it there with pip, and has said what went \
         wrong",
        schemathesis.display()
    );
    let mut fleet = Fleet::recording();
    let unlimited = "requests_per_address_per_second = 0";
    fleet.reconfigure_web(unlimited, &format!("{unlimited}\norders_per_customer_per_day = 0"));
    let _worker = fleet.worker("one", "");
    let mut backups = Vec::new();
    for (number, more) in
        [(1, ""), (2, "scope = 'db'"), (3, "held = TRUE"), (4, "state = 'deleting'")]
    {
        backups.push(fleet.enter_backup(42, number, more).0);
    }
    let folder = fleet.node.root().join("schemathesis");
    fs::create_dir(&folder).expect("a folder");
    for name in ["schemathesis.toml", "hooks.py"] {
        fs::copy(project.join("tests/schemathesis").join(name), folder.join(name)).expect("a file");
    }
    list(&folder.join("jobs.dict"), &jobs(&fleet, backups[0]));
    list(&folder.join("backups.dict"), &backups);

    let customer = fleet.token(&["--customer", "42"]);
    let read_only = fleet.token(&["--customer", "42", "--read-only"]);
    for (token, examples) in [(fleet.web.token(), "60"), (&customer, "30"), (&read_only, "15")] {
        let mut asks = program(schemathesis.join("bin/python"));
        asks.args(["-m", "schemathesis.cli", "run", "--max-examples", examples]);
        asks.arg(fleet.web.url("/api/v1/openapi.json"));
        asks.env("HOLDFAST_TOKEN", token).current_dir(&folder);
        let ended = asks.output().expect("Schemathesis");
        let said = [ended.stdout, ended.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        // It ends well, too, if there was nothing to ask.
        let asked = said.split_once(" generated").and_then(|(before, _)| before.rsplit(' ').next());
        let asked: u32 = asked.and_then(|number| number.parse().ok()).unwrap_or_default();
        assert!(ended.status.success() && asked > 1000, "{}\n{said}", ended.status);
        assert!(said.contains("Seed: "), "{said}");
    }
}
