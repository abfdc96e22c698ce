//! What the API answers: lists, one backup, one job, and problems that tell nothing of the inside.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::{Answer, Fleet, Web, eventually};
use serde_json::{Value, json};

const BACKUPS: &str = "/api/v1/customers/42/backups";
const JOBS: &str = "/api/v1/customers/42/jobs";

/// 300 backups of customer 42, one a minute, and one of customer 43.
fn many_backups(fleet: &Fleet) {
    fleet.query(
        "INSERT INTO customer_backups (uuid, customer_id, repository, snapshot_id, kind, scope,
             state, sources, bytes, created_at)
         SELECT CONCAT('0193e5c0-0000-7000-8042-', LPAD(seq, 12, '0')), 42, 'manual',
             LPAD(seq, 64, '0'), IF(seq % 3 = 0, 'daily', 'manual'),
             ELT(1 + seq % 4, 'db', 'files', 'both', 'sources'),
             ELT(1 + seq % 10, 'deleted', 'deleting', 'active', 'active', 'active', 'active',
                 'active', 'active', 'active', 'active'),
             '[]', 1, '2026-01-01 00:00:00.700' + INTERVAL seq MINUTE FROM seq_1_to_300",
    );
    fleet.enter_backup(43, 1, "");
}

/// The numbers, by [`many_backups`], of what the pages of a list hold, one after the other.
fn listed(web: &Web, path: &str, limit: usize) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut cursor = String::new();
    loop {
        let body = web.get(&format!("{path}limit={limit}{cursor}")).with(200).body;
        let items = body["items"].as_array().expect("items");
        assert!(items.len() <= limit, "{body:#}");
        let number = |item: &Value| item["uuid"].as_str()?.rsplit('-').next()?.parse::<u32>().ok();
        numbers.extend(items.iter().map(|item| number(item).expect("a number")));
        let Some(next) = body["next_cursor"].as_str() else {
            assert_eq!(body["has_more"], false);
            return numbers;
        };
        assert_eq!((&body["has_more"], items.len()), (&json!(true), limit));
        cursor = format!("&cursor={next}");
    }
}

/// The numbers from 300 down to 1 of which this is true.
fn those(number: impl Fn(u32) -> bool) -> Vec<u32> {
    (1..=300).rev().filter(|seq| number(*seq)).collect()
}

#[test]
fn backups_are_listed_newest_first_page_by_page_and_by_what_they_are() {
    let mut fleet = Fleet::recording();
    fleet.reconfigure_web("plan_every_seconds = 0.3", "plan_every_seconds = 3600");
    many_backups(&fleet);
    let web = &fleet.web;
    let there = |seq: u32| !seq.is_multiple_of(10);
    // The last page may be full, or not, or hold one.
    for limit in [1, 7, 90, 100] {
        assert_eq!(listed(web, &format!("{BACKUPS}?"), limit), those(there), "{limit}");
    }
    let usual = web.get(BACKUPS).with(200).body;
    assert_eq!(usual["items"].as_array().map(Vec::len), Some(20));

    let by = |query: &str| listed(web, &format!("{BACKUPS}?{query}&"), 100);
    assert_eq!(by("kind=daily"), those(|seq| there(seq) && seq % 3 == 0));
    assert_eq!(by("kind=manual"), those(|seq| there(seq) && seq % 3 != 0));
    for (remainder, scope) in [(0, "db"), (1, "files"), (2, "both"), (3, "sources")] {
        let expected = those(|seq| there(seq) && seq % 4 == remainder);
        assert_eq!(by(&format!("scope={scope}")), expected);
    }
    assert_eq!(by("state=deleted"), those(|seq| seq % 10 == 0));
    assert_eq!(by("state=deleting"), those(|seq| seq % 10 == 1));
    assert_eq!(by("state=active"), those(|seq| seq % 10 > 1));
    assert_eq!(by("kind=daily&scope=db&state=deleting"), those(|seq| seq % 60 == 21 + 60));

    // As it is shown, an item's time finds the item and what is newer.
    let shown = web.get(&format!("{BACKUPS}/0193e5c0-0000-7000-8042-000000000060"));
    assert_eq!(shown.with(200).body["created_at"], "2026-01-01T01:00:00Z");
    assert_eq!(by("since=2026-01-01T01:00:00Z"), those(|seq| there(seq) && seq >= 60));
    assert_eq!(by("until=2026-01-01T01:00:00Z"), those(|seq| there(seq) && seq < 60));
    assert_eq!(by("since=2026-01-01T03:00:00%2B02:00"), those(|seq| there(seq) && seq >= 60));
    let between = "since=2026-01-01T01:01:00Z&until=2026-01-01T01:03:00Z";
    assert_eq!(by(between), [62, 61]);
    assert_eq!(by("since=1970-01-01T00:00:00Z&until=2999-01-01T00:00:00Z"), those(there));
    assert_eq!(by("since=2999-01-01T00:00:00Z"), [0; 0]);
    assert_eq!(by("since=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59-12:00"), those(there));
    assert_eq!(by("until=1969-12-31T23:59:59Z"), [0; 0]);
    assert_eq!(listed(web, "/api/v1/customers/43/backups?", 100), [1]);
}

#[test]
fn jobs_are_listed_newest_first_page_by_page_and_by_what_they_are() {
    let fleet = Fleet::recording();
    fleet.query(
        "INSERT INTO customer_backup_jobs (uuid, customer_id, job_type, backup_type, status,
             created_at)
         SELECT CONCAT('0193e5c0-0000-7000-8042-', LPAD(seq, 12, '0')), IF(seq % 7 = 0, 43, 42),
             ELT(1 + seq % 4, 'backup', 'restore', 'undo', 'delete'), 'both',
             ELT(1 + seq % 3, 'completed', 'failed', 'skipped'),
             '2026-01-01 00:00:00.700' + INTERVAL seq MINUTE FROM seq_1_to_300",
    );
    let web = &fleet.web;
    fleet.admin(&["customer", "add", "42"]);
    let ours = |seq: u32| !seq.is_multiple_of(7);
    assert_eq!(listed(web, &format!("{JOBS}?"), 9), those(ours));
    assert_eq!(listed(web, "/api/v1/customers/43/jobs?", 100), those(|seq| !ours(seq)));
    let by = |query: &str| listed(web, &format!("{JOBS}?{query}&"), 100);
    for (remainder, kind) in [(0, "backup"), (1, "restore"), (2, "undo"), (3, "delete")] {
        assert_eq!(by(&format!("kind={kind}")), those(|seq| ours(seq) && seq % 4 == remainder));
    }
    assert_eq!(by("status=skipped"), those(|seq| ours(seq) && seq % 3 == 2));
    assert_eq!(by("status=running"), [0; 0]);
    assert_eq!(by("since=2026-01-01T04:00:00Z"), those(|seq| ours(seq) && seq >= 240));
    assert_eq!(by("until=2026-01-01T04:00:00Z&status=failed"), {
        those(|seq| ours(seq) && seq < 240 && seq % 3 == 1)
    });
    assert_eq!(by("until=2999-01-01T00:00:00Z"), those(ours));
}

#[test]
fn a_query_that_is_not_understood_is_refused() {
    let fleet = Fleet::recording();
    for path in [BACKUPS, JOBS] {
        for query in [
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=many",
            "limit=4294967297",
            "limit=5&limit=6",
            "cursor=0",
            "cursor=0193e5c0000070008042000000000060",
            "cursor='%20OR%201=1",
            "cursor=",
            "cursor=%ff",
            "kind=Manual",
            "kind=",
            "status=broken",
            "state=broken",
            "scope=everything",
            "since=yesterday",
            "since=2026-01-01",
            "order=oldest",
            "customer=43",
        ] {
            let refused = fleet.web.get(&format!("{path}?{query}")).problem(400, "bad-request");
            let detail = refused["detail"].as_str().expect("a detail");
            let (name, _) = query.split_once('=').expect("a parameter");
            // Bytes that are no text are nobody's name either.
            assert!(detail.contains(name) || query.contains("%ff"), "{detail}");
        }
    }
    let status = "/api/backups/status?customer=42&limit=1";
    fleet.web.get(status).problem(400, "bad-request");
}

#[test]
fn a_backup_is_found_by_its_uuid_and_by_its_snapshot() {
    let fleet = Fleet::recording();
    let more = "note = 'Vor dem Umbau 🐦', requested_by = 'user:eve', incomplete = TRUE,
                unreadable = '[\"a\"]', created_at = '2026-01-01 01:00:00.999',
                verified_at = '2038-01-19 03:14:08'";
    let (uuid, snapshot) = fleet.enter_backup(42, 1, more);
    let by_uuid = fleet.web.get(&format!("{BACKUPS}/{uuid}")).with(200).body;
    let by_snapshot = fleet.web.get(&format!("{BACKUPS}/{snapshot}")).with(200).body;
    assert_eq!(by_uuid, by_snapshot);
    let expected = json!({
        "uuid": uuid, "snapshot_id": snapshot.to_string(), "kind": "manual", "scope": "both",
        "state": "active", "created_at": "2026-01-01T01:00:00Z", "bytes": 100,
        "sources": [{ "id": "web", "name": "Website", "bytes": 100, "entries": 10 }],
        "incomplete": true, "unreadable": ["a"], "held": false,
        "verified_at": "2038-01-19T03:14:08Z", "requested_by": "user:eve",
        "note": "Vor dem Umbau 🐦",
    });
    assert_eq!(by_uuid, expected);
    let prefix = &snapshot.as_str()[..8];
    for none in ["latest", prefix, "1", "%00", "%c3%a9", &"%c3%a9".repeat(32), &"a".repeat(64)] {
        fleet.web.get(&format!("{BACKUPS}/{none}")).problem(404, "not-found");
        fleet.web.delete(&format!("{BACKUPS}/{none}")).problem(404, "not-found");
        fleet.web.get(&format!("{JOBS}/{none}")).problem(404, "not-found");
    }
}

#[test]
fn a_job_is_shown_without_what_is_for_operators_alone() {
    let fleet = Fleet::recording();
    let job = fleet.web.order_backup(42, "both");
    let result = json!({
        "version": 1, "job": job, "outcome": "completed", "customer_message": "All is saved.",
        "operator_message": "restic at /srv/42", "sources": [], "closed_ms": 312,
        "services_ms": 40, "undo_until": 1_795_201_850, "healthy": true,
    });
    fleet.query(&format!(
        "UPDATE customer_backup_jobs SET status = 'completed', result = '{result}',
             operator_message = 'restic at /srv/42', attempt = 2, fence = 9,
             leased_by = 'test-1/one', created_at = '2026-01-01 01:00:00.999',
             completed_at = '2026-01-01 01:02:00.5'"
    ));
    let path = format!("{JOBS}/{job}");
    let customers = fleet.token(&["--customer", "42"]);
    let shown = fleet.web.get_as(&customers, &path).with(200).body;
    for (member, expected) in [
        ("uuid", json!(job)),
        ("kind", json!("backup")),
        ("status", json!("completed")),
        ("message", json!("All is saved.")),
        ("created_at", json!("2026-01-01T01:00:00Z")),
        ("completed_at", json!("2026-01-01T01:02:00Z")),
        ("closed_ms", json!(312)),
        ("services_ms", json!(40)),
        ("undo_until", json!("2026-11-20T19:10:50Z")),
        ("healthy", json!(true)),
        ("requested_by", json!("user:root")),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    let lists = ["/api/v1/customers/42/jobs", "/api/backups/status"];
    for path in lists.into_iter().chain([path.as_str()]) {
        let body = fleet.web.get_as(&customers, path).with(200).body.to_string();
        assert!(body.contains(&job.to_string()), "{body}");
        for hidden in ["operator", "/srv", "attempt", "pool", "fence", "lease", "test-1", "ticket"]
        {
            assert!(!body.contains(hidden), "{hidden}: {body}");
        }
    }
    let shown = fleet.web.get(&path).with(200).body;
    let expected = json!({ "message": "restic at /srv/42", "attempt": 2, "pool": "default" });
    assert_eq!(shown["operator"], expected);
}

/// The answer is a problem, and says nothing of paths, tables, programs or numbers of the inside.
fn tells_nothing(answer: Answer, status: u16) {
    let answer = answer.with(status);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.body["status"], status);
    for member in ["type", "title", "detail"] {
        assert!(answer.body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
    }
    let text = answer.body.to_string();
    for inside in [
        "SELECT",
        "INSERT",
        "SQL",
        "sql",
        "customer_backup",
        "audit",
        "/tmp",
        "/var",
        "/home",
        env!("CARGO_MANIFEST_DIR"),
        ".rs",
        ".sock",
        "axum",
        "serde",
        "holdfast_",
        "denied",
        "1146",
        "1142",
        "1054",
    ] {
        assert!(!text.contains(inside), "{inside}: {text}");
    }
}

#[test]
fn every_error_is_a_problem_that_tells_nothing_of_the_inside() {
    let mut fleet = Fleet::recording();
    let (backup, _) = fleet.enter_backup(42, 1, "");
    let bearer = format!("Bearer {}", fleet.web.token());
    let ask = |web: &Web, method: &str, path: &str, body: &str| {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        web.ask(method, path, &headers, body)
    };
    let web = &fleet.web;
    for path in [
        "/nothing",
        "/api/v1",
        "/api/v1/customers",
        "/api/v1/customers/42",
        "/api/v1/customers/42/",
        "/api/v1/customers/42/backups/",
        "/api/v1/customers/42/secrets",
        "/api/v1/customers//backups",
        "/api/v1/customers/9999/backups",
        "/api/v1/customers/%c3%a9/backups",
        "/api/v1/customers/%00/backups",
        "/api/v1/customers/%ff/backups",
        "/api/v1/customers/42/backups/%ff",
        "/api/v1/customers/42/jobs/%ff",
        "/api/v1/customers/..%2f42/backups",
        "/healthz/",
    ] {
        tells_nothing(ask(web, "GET", path, ""), 404);
    }
    tells_nothing(
        ask(web, "GET", &format!("/api/v1/customers/{}/jobs", "x".repeat(5000)), ""),
        404,
    );
    for (method, path) in [
        ("PUT", "/api/v1/customers/42/backups"),
        ("DELETE", "/api/v1/customers/42/backups"),
        ("POST", "/api/v1/customers/42/jobs"),
        ("POST", "/api/backups/status"),
        ("POST", "/healthz"),
        ("OPTIONS", "/api/v1/customers/42/backups"),
    ] {
        let answer = ask(web, method, path, "{}");
        assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{answer:?}");
        tells_nothing(answer, 405);
    }
    tells_nothing(ask(web, "POST", BACKUPS, "{"), 400);
    tells_nothing(ask(web, "POST", BACKUPS, "{\"scope\":\"db\",\"x\":1}"), 422);
    tells_nothing(ask(web, "POST", BACKUPS, &" ".repeat(20_000)), 413);
    tells_nothing(ask(web, "GET", "/api/v1/customers/42/backups?limit=0", ""), 400);
    tells_nothing(web.ask("GET", BACKUPS, &[], ""), 401);

    // What should not be: a row that cannot be read, a table that is gone, no database at all.
    fleet.query("UPDATE customer_backups SET sources = 'customer_backup_jobs'");
    tells_nothing(ask(web, "GET", &format!("{BACKUPS}/{backup}"), ""), 500);
    let admitted = fleet.written();
    fleet.query("RENAME TABLE audit TO audit_elsewhere");
    tells_nothing(ask(web, "POST", BACKUPS, "{\"scope\":\"db\"}"), 500);
    fleet.query("RENAME TABLE audit_elsewhere TO audit");
    assert_eq!(fleet.written(), admitted);
    fleet.control.stop();
    tells_nothing(ask(&fleet.web, "POST", BACKUPS, "{\"scope\":\"db\"}"), 503);
    fleet.control.start_again();
}

#[test]
fn it_is_ready_while_the_database_answers_and_its_schema_is_there() {
    let mut fleet = Fleet::recording();
    assert_eq!(fleet.web.get("/healthz").with(200).body, "alive\n");
    assert_eq!(fleet.web.get("/readyz").with(200).body, "ready\n");
    fleet.query("UPDATE _sqlx_migrations SET success = FALSE ORDER BY version DESC LIMIT 1");
    fleet.web.get("/readyz").problem(503, "schema-behind");
    fleet.query("RENAME TABLE _sqlx_migrations TO elsewhere");
    fleet.web.get("/readyz").problem(503, "schema-behind");
    // A later schema than this build's is ready.
    fleet.query(
        "RENAME TABLE elsewhere TO _sqlx_migrations; UPDATE _sqlx_migrations SET success = TRUE;
         INSERT INTO _sqlx_migrations SELECT 9999, 'later', installed_on, TRUE, checksum, 1
             FROM _sqlx_migrations LIMIT 1",
    );
    fleet.web.get("/readyz").with(200);
    fleet.control.stop();
    fleet.web.get("/readyz").problem(503, "store-away");
    fleet.web.get("/healthz").with(200);
    fleet.control.start_again();
    eventually("readiness", || (fleet.web.get("/readyz").status == 200).then_some(()));
}
