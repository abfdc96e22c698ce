//! Logging in to the pages and out: links, the host's tokens, cookies, sessions that end.
//!
//! Needs: mariadb, redis, restic.

use holdfast_tests::{Browser, Fleet, TokenKey, fields};
use serde_json::json;

#[test]
fn a_link_logs_in_once_and_a_look_at_it_uses_up_nothing() {
    let fleet = Fleet::recording();
    let link = Browser::link(&fleet.web, "42");
    let mut first = Browser::new(&fleet.web);
    // As programs do that show what is behind a link.
    first.get(&link).with(200);
    let page = first.get(&link).with(200);
    assert!(page.text.contains("Open my backups"), "{}", page.text);
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let answer = first.enter(&link).with(303);
    assert_eq!(answer.header("location"), Some("/backups"));
    let page = first.get("/backups").with(200);
    assert!(page.text.contains("Backups of <bdi>42</bdi>"), "{}", page.text);

    let mut second = Browser::new(&fleet.web);
    second.enter(&link).with(410);
    assert_eq!(second.session(), None);
    // A minute is over.
    let link = Browser::link(&fleet.web, "42");
    fleet.query("UPDATE login_codes SET expires_at = UTC_TIMESTAMP(3) WHERE used_at IS NULL");
    second.enter(&link).with(410);
    second.enter("/login/none").with(410);
    let log = std::fs::read_to_string(fleet.web_folder().join("web.log")).expect("a log");
    let code = link.trim_start_matches("/login/");
    assert!(log.contains("/login/{code}") && !log.contains(code), "a code stands in the log");
    let rows = fleet.query("SELECT * FROM login_codes; SELECT * FROM web_sessions");
    assert!(!rows.contains(code), "a code stands in the database: {rows}");
    assert!(!rows.contains(first.session().expect("a session")), "a token stands in the database");
    let audit =
        "SELECT actor, action, detail FROM audit WHERE action LIKE 'login%' ORDER BY id LIMIT 2";
    assert_eq!(
        fleet.query(audit),
        "user:root\tlogin_link\tfor alice: 42\nuser:alice\tlogin\tbackup:read backup:write"
    );
}

#[test]
fn only_operators_make_links_and_none_has_a_scope_that_its_maker_lacks() {
    let fleet = Fleet::recording();
    let links = "/api/v1/login-links";
    let customer = fleet.token(&["--customer", "42"]);
    let wanted = json!({ "customer": "42" });
    fleet.web.post_as(&customer, links, &wanted).problem(403, "operators-only");
    fleet.web.post_as("none", links, &wanted).problem(401, "unauthorized");
    let reader = fleet.token(&["--operator", "--read-only"]);
    let more = json!({ "customer": "42", "scopes": ["backup:write"] });
    fleet.web.post_as(&reader, links, &more).problem(403, "forbidden");
    for wrong in [
        json!({ "customer": "nobody" }),
        json!({ "customer": "42", "scopes": [] }),
        json!({ "customer": "42", "subject": "two\nlines" }),
        json!({ "customer": "42", "seconds": 86_400 }),
        json!({}),
    ] {
        fleet.web.post(links, &wrong).problem(422, "invalid-order");
    }
    // Whoever may look orders nothing by the pages either.
    let made = fleet.web.post_as(&reader, links, &wanted).with(201).body;
    let (_, code) = made["url"].as_str().expect("a link").split_once("/login/").expect("a code");
    let mut browser = Browser::new(&fleet.web);
    browser.enter(&format!("/login/{code}")).with(303);
    let page = browser.get("/backups").with(200);
    assert!(!page.text.contains("/backups/create"), "{}", page.text);
    let form = [("scope".to_owned(), "both".to_owned())];
    let refused = browser.send("/backups/create", &form).with(403);
    assert!(refused.text.contains("You may look, and not order"), "{}", refused.text);
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backup_jobs"), "0");
}

#[test]
fn a_session_ends_by_logging_out_by_time_and_by_hand_and_a_planted_one_with_the_login() {
    let fleet = Fleet::recording();
    let mut browser = Browser::logged_in(&fleet.web, "42");
    let page = browser.get("/backups").with(200);
    let token = browser.session().expect("a session").to_owned();
    let answer = browser.submit(&page, "/logout", &[]).with(303);
    assert_eq!(answer.header("location"), Some("/login"));
    assert_eq!(browser.session(), None);
    browser.set_session(&token);
    let out = browser.get("/backups").with(401);
    assert!(out.text.contains("You are logged out"), "{}", out.text);

    let mut browser = Browser::logged_in(&fleet.web, "42");
    browser.get("/backups").with(200);
    fleet.query("UPDATE web_sessions SET expires_at = UTC_TIMESTAMP(3)");
    browser.get("/backups").with(401);
    browser.get("/api/backups/status").problem(401, "unauthorized");

    // What somebody else has put there before the login is no session after it.
    let mut planted = Browser::logged_in(&fleet.web, "43");
    let known = planted.session().expect("a session").to_owned();
    let link = Browser::link(&fleet.web, "42");
    planted.enter(&link).with(303);
    assert_ne!(planted.session(), Some(known.as_str()));
    let mut other = Browser::new(&fleet.web);
    other.set_session(&known);
    other.get("/backups").with(401);
    for none in ["", "x", &"A".repeat(43), &"=".repeat(43)] {
        other.set_session(none);
        other.get("/backups").with(401);
    }
}

#[test]
fn the_hosts_own_token_logs_in_once() {
    let fleet = Fleet::recording();
    let (ours, others) = ("t".repeat(48), "u".repeat(48));
    let key = TokenKey { algorithm: "HS256", secret: ours.as_bytes() };
    let other = TokenKey { algorithm: "HS256", secret: others.as_bytes() };
    let claims = |jti: &str, seconds: u64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        json!({
            "iss": "host", "aud": "holdfast", "sub": "bob", "customers": ["42", "43"],
            "scope": "backup:read backup:write", "jti": jti,
            "exp": now.expect("a time").as_secs() + seconds,
        })
    };
    let sso = |browser: &mut Browser<'_>, token: &str| {
        browser.send("/sso", &[("token".to_owned(), token.to_owned())])
    };
    let mut browser = Browser::new(&fleet.web);
    let token = key.token(&claims("01234567-a", 60));
    sso(&mut browser, &token).with(303);
    sso(&mut Browser::new(&fleet.web), &token).with(410);
    for wrong in [
        key.token(&claims("01234567-b", 3600)),
        key.token(&claims("short", 60)),
        other.token(&claims("01234567-c", 60)),
        "none".to_owned(),
    ] {
        sso(&mut Browser::new(&fleet.web), &wrong).with(401);
    }
    // A login that may see several chooses.
    let answer = browser.get("/backups").with(303);
    assert_eq!(answer.header("location"), Some("/sites"));
    let sites = browser.get("/sites").with(200);
    browser.submit(&sites, "/sites", &[("site", "44")]).with(404);
    browser.submit(&sites, "/sites", &[("site", "43")]).with(303);
    let page = browser.get("/backups").with(200);
    assert!(page.text.contains("Backups of <bdi>43</bdi>"), "{}", page.text);
    // A form of one site orders nothing for another.
    let proof = fields(&page.text, "/backups/create");
    browser.submit(&sites, "/sites", &[("site", "42")]).with(303);
    let mut sent = proof;
    sent.push(("confirmed".to_owned(), "yes".to_owned()));
    browser.send("/backups/create", &sent).with(403);
    assert_eq!(fleet.query("SELECT COUNT(*) FROM customer_backup_jobs"), "0");
}

#[test]
fn the_cookie_is_for_this_host_alone_and_for_no_script() {
    let mut fleet = Fleet::recording();
    let cookie = |fleet: &Fleet| {
        let answer = Browser::new(&fleet.web).enter(&Browser::link(&fleet.web, "42")).with(303);
        let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
        let (pair, attributes) = cookie.split_once("; ").expect("attributes");
        (pair.split('=').next().unwrap_or_default().to_owned(), attributes.to_owned())
    };
    let usual = "Path=/; Max-Age=28800; HttpOnly; SameSite=Lax";
    assert_eq!(cookie(&fleet), ("holdfast".to_owned(), usual.to_owned()));
    // Without TLS, nobody but this machine is let in.
    let link = Browser::link(&fleet.web, "42");
    let form =
        [("Host", "backups.example.org"), ("Content-Type", "application/x-www-form-urlencoded")];
    let code = format!("code={}", link.trim_start_matches("/login/"));
    let answer = fleet.web.browse("POST", "/login", &form, &code).with(403);
    assert_eq!(answer.header("set-cookie"), None);
    fleet.reconfigure_web("plain_http = true", "plain_http = false");
    let name = "__Host-holdfast".to_owned();
    assert_eq!(cookie(&fleet), (name.clone(), format!("{usual}; Secure")));
    fleet.reconfigure_web("plain_http = false", "embedding = \"partitioned\"");
    let partitioned = "Path=/; Max-Age=28800; HttpOnly; SameSite=None; Secure; Partitioned";
    assert_eq!(cookie(&fleet), (name, partitioned.to_owned()));
}
