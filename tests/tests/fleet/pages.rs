//! The pages, as a browser without scripts meets them: whose they are, what a form needs, what is said.
//!
//! Needs: mariadb, redis, restic.

use std::io::{Read, Write};

use holdfast_job::JobId;
use holdfast_tests::{Answer, Browser, Fleet, eventually, fields};
use serde_json::json;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// The job that a page's form has ordered.
fn ordered(answer: &Answer) -> JobId {
    assert_eq!(answer.status, 303, "{}", answer.text);
    let to = answer.header("location").expect("a place");
    to.trim_start_matches("/backups/jobs/").parse().expect("a job")
}

/// Orders a backup as a person does: the form, the page behind it, the button.
fn save(browser: &mut Browser<'_>, note: &str) -> Answer {
    let list = browser.get("/backups").with(200);
    let check = browser.submit(&list, "/backups/create", &[("scope", "both"), ("note", note)]);
    let check = check.with(200);
    assert!(check.text.contains("Save the backup"), "{}", check.text);
    browser.submit(&check, "/backups/create", &[("note", note)])
}

#[test]
fn what_is_another_customers_is_not_there_by_any_address() {
    let fleet = Fleet::recording();
    let (backup, snapshot) = fleet.enter_made_backup(43, 1, "");
    let job = fleet.web.order_backup(43, "both");
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let before = fleet.written();
    for path in [
        format!("/backups/{snapshot}"),
        format!("/backups/{backup}"),
        format!("/backups/{snapshot}?restore=all"),
        format!("/backups/{snapshot}/delete"),
        format!("/backups/jobs/{job}"),
        format!("/backups/jobs/{job}/undo"),
        "/backups/none".to_owned(),
        "/backups/jobs/none".to_owned(),
        "/nothing".to_owned(),
    ] {
        let answer = browser.ask("GET", &path, &[("Accept", "text/html")], "").with(404);
        assert!(answer.text.contains("There is no such page"), "{path}: {}", answer.text);
    }
    // With a proof that is right for the address.
    let ours = fleet.enter_made_backup(42, 1, "").1;
    let page = browser.get(&format!("/backups/{ours}?restore=all")).with(200);
    let own = fields(&page.text, &format!("/backups/{ours}/restore"));
    for path in [
        format!("/backups/{snapshot}/restore"),
        format!("/backups/{snapshot}/delete"),
        format!("/backups/jobs/{job}/undo"),
        format!("/backups/jobs/{job}/stop"),
        format!("/backups/jobs/{job}/retry"),
    ] {
        browser.send(&path, &own).with(404);
    }
    let after = fleet.written();
    let theirs = |text: &str| text.lines().filter(|line| !line.contains("042-")).count();
    assert_eq!(theirs(&after), theirs(&before));
    for path in ["/backups", "/backups/history", "/sites", "/backups/events"] {
        Browser::new(&fleet.web).get(path).with(401);
    }
}

#[test]
fn a_form_without_its_proof_orders_nothing_and_is_shown_again_filled_in() {
    let fleet = Fleet::recording();
    let (_, snapshot) = fleet.enter_made_backup(42, 1, "");
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let mut other = Browser::logged_in(&fleet.web, "42");
    let path = format!("/backups/{snapshot}?restore=all");
    let address = format!("/backups/{snapshot}/restore");
    let page = browser.get(&path).with(200);
    let foreign = other.get(&path).with(200);
    let filled = [("word", "RESTORE"), ("note", "the shop is broken"), ("scope", "files")];
    let forged: Vec<(&str, Answer)> = vec![
        ("another session's", {
            let mut all = fields(&foreign.text, &address);
            all.extend(filled.map(|(name, value)| (name.to_owned(), value.to_owned())));
            browser.send(&address, &all)
        }),
        ("wrong", browser.submit(&page, &address, &[&filled[..], &[("proof", "none")]].concat())),
        ("none", {
            let all = filled.map(|(name, value)| (name.to_owned(), value.to_owned()));
            browser.send(&address, &all)
        }),
        ("another form's", {
            let mut all = fields(&page.text, "/logout");
            all.extend(filled.map(|(name, value)| (name.to_owned(), value.to_owned())));
            browser.send(&address, &all)
        }),
    ];
    for (which, answer) in forged {
        let answer = answer.with(403);
        assert!(answer.text.contains("Nothing was ordered"), "{which}: {}", answer.text);
        assert!(answer.text.contains("value=\"the shop is broken\""), "{which}: {}", answer.text);
        assert!(answer.text.contains("value=\"files\" checked"), "{which}: {}", answer.text);
    }
    // One that is right and comes from somewhere else.
    let mut all = fields(&page.text, &address);
    all.push(("word".to_owned(), "RESTORE".to_owned()));
    let body: Vec<_> = all.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for from in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
    ] {
        browser.ask("POST", &address, &[FORM, from], &body.join("&")).with(403);
    }
    assert_eq!(
        fleet.query("SELECT COUNT(*) FROM customer_backup_jobs WHERE job_type = 'restore'"),
        "0"
    );
    browser
        .ask("POST", &address, &[FORM, ("Sec-Fetch-Site", "same-origin")], &body.join("&"))
        .with(303);
}

#[test]
fn a_wrong_word_keeps_the_answers_and_the_right_one_is_taken_in_any_case() {
    let fleet = Fleet::recording();
    let (_, snapshot) = fleet.enter_made_backup(42, 1, "");
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let page = browser.get(&format!("/backups/{snapshot}?restore=all")).with(200);
    let address = format!("/backups/{snapshot}/restore");
    let wrong = [("word", "RESTROE"), ("note", "help"), ("scope", "db")];
    let again = browser.submit(&page, &address, &wrong).with(422);
    for said in [
        "<title>Error: Restore to ",
        "There is a problem",
        "aria-invalid=\"true\"",
        "value=\"RESTROE\"",
        "value=\"help\"",
        "value=\"db\" checked",
    ] {
        assert!(again.text.contains(said), "{said}: {}", again.text);
    }
    let long = "x".repeat(256);
    let filled = [("word", "RESTORE"), ("note", long.as_str())];
    browser.submit(&page, &address, &filled).with(422);
    let right = [("word", " restore "), ("note", "help"), ("scope", "db")];
    let job = ordered(&browser.submit(&again, &address, &right));
    assert_eq!(fleet.column(job, "job_type, backup_type, note"), "restore\tdb\thelp");
    // A second click, and a second tab with the form of then.
    for page in [&again, &page] {
        assert_eq!(ordered(&browser.submit(page, &address, &right)), job);
    }
    let other = [("word", "RESTORE"), ("scope", "all")];
    let answer = browser.submit(&page, &address, &other).with(409);
    assert!(answer.text.contains(&format!("/backups/jobs/{job}")), "{}", answer.text);
    // A form of now, while that one is under way.
    let page = browser.get(&format!("/backups/{snapshot}?restore=all")).with(200);
    assert!(!page.text.contains("name=\"word\""), "{}", page.text);
    assert_eq!(
        fleet.query("SELECT COUNT(*) FROM customer_backup_jobs WHERE job_type = 'restore'"),
        "1"
    );
}

#[test]
fn a_backup_is_ordered_seen_and_deleted() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let empty = browser.get("/backups").with(200);
    assert!(empty.text.contains("There is no backup of your site yet"), "{}", empty.text);
    fleet.hold(true);
    let answer = save(&mut browser, "before the sale");
    let job = ordered(&answer);
    let path = format!("/backups/jobs/{job}");
    let running = browser.get(&path).with(200);
    assert!(running.text.contains("<meta http-equiv=\"refresh\""), "{}", running.text);
    // The status that programs poll is there for the session too.
    let status = browser.get("/api/backups/status").with(200).body;
    assert_eq!(status["active"]["uuid"], job.to_string());
    browser.get("/api/v1/customers/42/status").problem(401, "unauthorized");
    fleet.hold(false);
    eventually("the end of the job", || {
        browser.get(&path).with(200).text.contains("Your backup is made").then_some(())
    });
    assert_eq!(fleet.column(job, "requested_by, note"), "user:alice\tbefore the sale");
    let list = browser.get("/backups").with(200);
    for said in ["Your site is backed up", "before the sale", "1 backup made", "Restore …"] {
        assert!(list.text.contains(said), "{said}: {}", list.text);
    }
    let snapshot = fleet.column(job, "snapshot_id");
    let delete = format!("/backups/{snapshot}/delete");
    let page = browser.get(&delete).with(200);
    browser.submit(&page, &delete, &[("word", "RESTORE")]).with(422);
    let gone = ordered(&browser.submit(&page, &delete, &[("word", "Delete")]));
    fleet.web.until(42, gone, "completed");
    let list = browser.get("/backups").with(200);
    assert!(!list.text.contains(&format!("{snapshot}?restore")), "{}", list.text);
    let history = browser.get("/backups/history").with(200);
    for said in ["Saved", "Deleted", "alice"] {
        assert!(history.text.contains(said), "{said}: {}", history.text);
    }
    let csv = browser.get("/backups/history.csv").with(200);
    assert_eq!(csv.text.lines().count(), 3, "{}", csv.text);
}

#[test]
fn an_order_is_stopped_and_tried_again() {
    let fleet = Fleet::recording();
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let job = ordered(&save(&mut browser, ""));
    let path = format!("/backups/jobs/{job}");
    let page = browser.get(&path).with(200);
    assert!(page.text.contains("Your backup is waiting"), "{}", page.text);
    let stop = format!("{path}/stop");
    browser.submit(&page, &stop, &[("proof", "none")]).with(403);
    assert_eq!(fleet.column(job, "status"), "pending");
    browser.submit(&page, &stop, &[]).with(303);
    let page = browser.get(&path).with(200);
    assert!(page.text.contains("The backup was stopped"), "{}", page.text);
    let retry = format!("{path}/retry");
    let again = ordered(&browser.submit(&page, &retry, &[]));
    assert_eq!(fleet.column(again, "retry_of, requested_by"), format!("{job}\tuser:alice"));
    assert_eq!(ordered(&browser.submit(&page, &retry, &[])), again);
    // Past the point of no return.
    fleet.query(&format!(
        "UPDATE customer_backup_jobs SET status = 'running', job_type = 'restore', fence = 1,
             stage = 'swap_files', stage_number = 6, stage_count = 10 WHERE uuid = '{again}'"
    ));
    let path = format!("/backups/jobs/{again}");
    let page = browser.get(&path).with(200);
    assert!(page.text.contains("Your site is closed for a moment"), "{}", page.text);
    assert!(!page.text.contains("/stop"), "{}", page.text);
}

#[test]
fn an_undo_is_one_page_and_one_button_while_there_is_a_way_back() {
    let fleet = Fleet::recording();
    let (_, snapshot) = fleet.enter_made_backup(42, 1, "");
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let page = browser.get(&format!("/backups/{snapshot}?restore=all")).with(200);
    let address = format!("/backups/{snapshot}/restore");
    let job = ordered(&browser.submit(&page, &address, &[("word", "RESTORE")]));
    let undo = format!("/backups/jobs/{job}/undo");
    browser.get(&undo).with(422);
    let result = |until: &str| {
        fleet.query(&format!(
            "UPDATE customer_backup_jobs SET status = 'completed', completed_at = UTC_TIMESTAMP(3),
                 result = JSON_OBJECT('version', 1, 'job', '{job}', 'outcome', 'completed',
                     'customer_message', '', 'operator_message', '', 'sources', JSON_ARRAY(),
                     'closed_ms', 170, 'healthy', TRUE, 'undo_until', UNIX_TIMESTAMP() + {until})
             WHERE uuid = '{job}'"
        ));
    };
    result("3600");
    let list = browser.get("/backups").with(200);
    for said in ["Your site was restored", "You can undo this until", &undo] {
        assert!(list.text.contains(said), "{said}: {}", list.text);
    }
    let done = browser.get(&format!("/backups/jobs/{job}")).with(200);
    for said in ["Your site is restored", "0.17 seconds", "answers as it should", &undo] {
        assert!(done.text.contains(said), "{said}: {}", done.text);
    }
    let page = browser.get(&undo).with(200);
    assert!(!page.text.contains("name=\"word\""), "{}", page.text);
    let back = ordered(&browser.submit(&page, &undo, &[]));
    assert_eq!(fleet.column(back, "undo_of, status"), format!("{job}\tpending"));
    assert_eq!(ordered(&browser.submit(&page, &undo, &[])), back);
    fleet.end_jobs();
    let taken = browser.get(&undo).with(422);
    assert!(taken.text.contains("This was undone already"), "{}", taken.text);
    fleet
        .query(&format!("UPDATE customer_backup_jobs SET status = 'failed' WHERE uuid = '{back}'"));
    result("-3600");
    let late = browser.get(&undo).with(422);
    assert!(late.text.contains("The way back is gone"), "{}", late.text);
}

#[test]
fn names_and_notes_with_markup_come_out_as_text() {
    let fleet = Fleet::recording();
    let markup = "<script>alert(1)</script>\"'&";
    let sources = json!([{
        "id": "web", "name": markup, "what": "saved", "bytes": 100, "entries": 10,
    }]);
    let sources = sources.to_string().replace('\\', "\\\\").replace('\'', "\\'");
    let note = markup.replace('\'', "\\'");
    // Whoever is asked for is entered.
    fleet.web.get("/api/v1/customers/42/backups").with(200);
    let (backup, snapshot) = fleet.enter_made_backup(
        42,
        1,
        &format!(
            "sources = '{sources}', note = '{note}', incomplete = TRUE,
             unreadable = '[\"wp/<img src=x>\"]', requested_by = 'user:<b>'"
        ),
    );
    fleet.query(&format!(
        "UPDATE customer_backup_jobs SET note = '{note}', requested_by = 'user:=cmd',
             status = 'failed', error_message = '<i>why</i>' WHERE uuid = '{backup}';
         UPDATE backup_customers SET external_id = '<u>42</u>' WHERE customer_id = 42"
    ));
    let mut browser = Browser::logged_in(&fleet.web, "<u>42</u>");
    for path in [
        "/backups".to_owned(),
        format!("/backups/{snapshot}"),
        format!("/backups/{snapshot}?restore=all"),
        format!("/backups/{snapshot}/delete"),
        format!("/backups/jobs/{backup}"),
        "/backups/history".to_owned(),
    ] {
        let page = browser.get(&path).with(200).text;
        for live in ["<script>alert", "<img src=x", "<b>", "<i>why", "<u>42"] {
            assert!(!page.contains(live), "{path}: {live}: {page}");
        }
        assert!(page.contains("&lt;u&gt;42&lt;/u&gt;"), "{path}: {page}");
    }
    let csv = browser.get("/backups/history.csv").with(200);
    assert!(csv.text.contains("\"'=cmd\""), "{}", csv.text);
}

#[test]
fn every_page_keeps_itself_to_itself() {
    let mut fleet = Fleet::recording();
    let (_, snapshot) = fleet.enter_made_backup(42, 1, "");
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                  connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let paths = ["/backups", "/login", "/login/x", "/sites", "/backups/history", "/backups/none"];
    let backup = format!("/backups/{snapshot}");
    for path in paths.into_iter().chain([backup.as_str()]) {
        let page = browser.get(path);
        for (name, value) in [
            ("content-security-policy", policy),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(page.header(name), Some(value), "{path}: {name}");
        }
        for inline in ["<style", " style=", " onclick=", "javascript:", "://"] {
            assert!(!page.text.contains(inline), "{path}: {inline}: {}", page.text);
        }
        for named in page.text.split("=\"/static/").skip(1) {
            let file = format!("/static/{}", named.split('"').next().unwrap_or_default());
            let file = browser.get(&file).with(200);
            let kept = "public, max-age=31536000, immutable";
            assert_eq!(file.header("cache-control"), Some(kept));
        }
    }
    browser.get("/static/style-0.css").with(404);
    let session = browser.session().expect("a session").to_owned();
    fleet.reconfigure_web(
        "plain_http = true",
        "plain_http = true\nframe_ancestors = [\"https://panel.example.org\"]",
    );
    let mut browser = Browser::new(&fleet.web);
    browser.set_session(&session);
    let page = browser.get("/backups").with(200);
    let framed = page.header("content-security-policy").expect("a policy");
    assert!(framed.ends_with("frame-ancestors 'self' https://panel.example.org"), "{framed}");
    assert_eq!(page.header("x-frame-options"), None);
}

#[test]
fn times_are_told_in_the_configured_zone() {
    let mut fleet = Fleet::recording();
    fleet.reconfigure_web("plain_http = true", "plain_http = true\ntime_zone = \"Asia/Kolkata\"");
    let more = "created_at = '2026-03-27 20:41:00', verified_at = '2026-03-27 20:41:00'";
    let (_, snapshot) = fleet.enter_made_backup(42, 1, more);
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let page = browser.get(&format!("/backups/{snapshot}")).with(200);
    assert!(page.text.contains("Saturday 28 March 2026, 02:11"), "{}", page.text);
    assert!(page.text.contains("datetime=\"2026-03-27T20:41:00Z\""), "{}", page.text);
    assert!(page.text.contains("Asia/Kolkata (GMT+5:30)"), "{}", page.text);
    // The day's filter is a day of that zone.
    let there = browser.get("/backups?day=2026-03-28").with(200);
    assert!(there.text.contains(snapshot.as_str()), "{}", there.text);
    let before = browser.get("/backups?day=2026-03-27").with(200);
    assert!(!before.text.contains(snapshot.as_str()), "{}", before.text);
}

#[test]
fn a_stream_of_the_pages_ends_with_its_session() {
    let fleet = Fleet::recording();
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let cookie = format!("holdfast={}", browser.session().expect("a session"));
    let mut stream = std::net::TcpStream::connect(fleet.web.address()).expect("a connection");
    let head = "GET /backups/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n";
    write!(stream, "{head}Cookie: {cookie}\r\n\r\n").expect("a request");
    let (mut said, mut part) = (String::new(), [0; 1024]);
    while !said.contains("event: status") {
        let read = stream.read(&mut part).expect("a part");
        assert!(read > 0, "{said}");
        said += &String::from_utf8_lossy(&part[..read]);
    }
    let page = browser.get("/backups").with(200);
    browser.submit(&page, "/logout", &[]).with(303);
    // The next change is not told any more.
    fleet.web.order_backup(42, "both");
    stream.read_to_string(&mut said).expect("the end");
    assert!(!said.contains("pending"), "{said}");
}
