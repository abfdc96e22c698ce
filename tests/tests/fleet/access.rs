//! Who may: tokens that are believed and that are not, and whose backups they show.
//!
//! Needs: mariadb, redis, restic.

use std::{fs, path::Path, time::SystemTime};

use holdfast_job::Moment;
use holdfast_tests::{Answer, Fleet, TokenKey, built, output_of, program};
use serde_json::{Value, json};

const BACKUPS: &str = "/api/v1/customers/42/backups";
/// The secret that the installation's tokens are checked by.
const SECRET: [u8; 48] = [b't'; 48];

/// The key that the installation's tokens are checked by.
const OURS: TokenKey = TokenKey { algorithm: "HS256", secret: &SECRET };

/// What the installation believes, of an operator.
fn good() -> Value {
    json!({
        "sub": "eve", "exp": seconds() + 600, "iss": "host", "aud": "holdfast",
        "role": "operator", "scope": "backup:read backup:write",
    })
}

fn seconds() -> u64 {
    Moment::of(SystemTime::now()).unix_seconds()
}

/// These claims with one of them changed, or left out if it is null.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let members = claims.as_object_mut().expect("claims");
    members.remove(name);
    if !value.is_null() {
        members.insert(name.to_owned(), value);
    }
    claims
}

#[test]
fn only_a_token_that_is_right_in_every_part_is_believed() {
    let fleet = Fleet::recording();
    let web = &fleet.web;
    let believed = |claims: Value| OURS.token(&claims);
    let now = seconds();

    for accepted in [
        good(),
        with(good(), "nbf", json!(now - 60)),
        with(good(), "aud", json!(["other", "holdfast"])),
        with(good(), "name", json!("Eve")),
        // A NumericDate may have a fraction, and a number may be written in several ways.
        with(good(), "exp", json!(now as f64 + 600.25)),
        with(good(), "exp", json!(1.9e9)),
        with(good(), "nbf", json!(now as f64 - 60.5)),
        with(good(), "iat", json!(now as f64 - 60.5)),
    ] {
        web.get_as(&believed(accepted), BACKUPS).with(200);
    }

    let right = believed(good());
    let parts: Vec<&str> = right.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("{right}") };
    let mut refused = vec![
        ("empty", String::new()),
        ("garbage", "garbage".to_owned()),
        ("three dots", "a.b.c".to_owned()),
        ("no signature", format!("{header}.{claims}.")),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{right}.{signature}")),
        ("another's signature", {
            let other = with(good(), "sub", json!("mallory"));
            let other = believed(other);
            format!("{header}.{}.{signature}", other.split('.').nth(1).expect("claims"))
        }),
        ("another secret", TokenKey { secret: &[b'u'; 48], ..OURS }.token(&good())),
    ];
    for algorithm in ["none", "None", "", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA"] {
        let header = json!({ "alg": algorithm, "typ": "JWT" });
        let signed = OURS.token_with(&header, &good());
        let bare = signed.rsplit_once('.').expect("a signature").0.to_owned();
        refused.push((algorithm, signed));
        refused.push((algorithm, format!("{bare}.")));
    }
    for algorithm in ["HS384", "HS512"] {
        refused.push((algorithm, TokenKey { algorithm, secret: &SECRET }.token(&good())));
    }
    let critical = json!({ "alg": "HS256", "crit": ["novel"], "novel": true });
    refused.push(("a critical extension", OURS.token_with(&critical, &good())));
    for (why, name, value) in [
        ("expired", "exp", json!(now - 120)),
        ("an end in words", "exp", json!("never")),
        ("an end before all time", "exp", json!(-1)),
        ("without end", "exp", json!(null)),
        ("not yet", "nbf", json!(now + 600)),
        ("a beginning in words", "nbf", json!("always")),
        ("another issuer", "iss", json!("guest")),
        ("no issuer", "iss", json!(null)),
        ("another audience", "aud", json!("holdslow")),
        ("other audiences", "aud", json!(["a", "b"])),
        ("no audience", "aud", json!(null)),
        ("nobody", "sub", json!(null)),
        ("an empty name", "sub", json!("")),
        ("a number", "sub", json!(7)),
        ("an unknown role", "role", json!("king")),
        ("customers by number", "customers", json!([42])),
    ] {
        refused.push((why, believed(with(good(), name, value))));
    }
    for (why, token) in refused {
        for answer in [web.get_as(&token, BACKUPS), web.post_as(&token, BACKUPS, &json!({}))] {
            assert_eq!(answer.status, 401, "{why}: {:#}", answer.body);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{why}");
            let problem = answer.problem(401, "unauthorized");
            if ["an end in words", "a number", "customers by number"].contains(&why) {
                let detail = problem["detail"].as_str().expect("a text");
                assert!(detail.contains("`exp` and `nbf` are numbers"), "{why}: {detail}");
            }
        }
    }
}

/// A new key in this folder: the secret one in PKCS 8, and the public one's PEM, which is also written to
/// the file `<kind>.pem`.
fn key_pair(folder: &Path, kind: &str) -> (Vec<u8>, String) {
    let options: &[&str] = match kind {
        "p256" => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "p384" => &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "ed25519" => &["ED25519"],
        "short" => &["RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
        _ => &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    };
    let file = |end: &str| folder.join(format!("{kind}.{end}"));
    let (key, secret, public) = (file("key"), file("der"), file("pem"));
    let mut make = program("/usr/bin/openssl");
    make.args(["genpkey", "-quiet", "-out"]).arg(&key).arg("-algorithm").args(options);
    output_of(&mut make);
    let mut convert = program("/usr/bin/openssl");
    convert.args(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in"]).arg(&key);
    output_of(convert.arg("-out").arg(&secret));
    let mut publish = program("/usr/bin/openssl");
    output_of(publish.args(["pkey", "-pubout", "-in"]).arg(&key).arg("-out").arg(&public));
    (fs::read(secret).expect("a key"), fs::read_to_string(public).expect("a key"))
}

#[test]
fn where_tokens_are_checked_by_a_public_key_its_owner_alone_makes_them() {
    let mut fleet = Fleet::recording();
    let folder = fleet.web_folder();
    let keys = |word: &str, file: &str| {
        format!("algorithm = \"{word}\"\nkey_file = \"{}\"", folder.join(file).display())
    };
    let mut now = keys("HS256", "tokens.secret");
    let kinds = ["rsa", "p256", "p384", "ed25519"].map(|kind| (kind, key_pair(&folder, kind)));
    let rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"].map(|word| (word, "rsa"));
    let others = [("ES256", "p256"), ("ES384", "p384"), ("EdDSA", "ed25519")];
    for (algorithm, kind) in rsa.into_iter().chain(others) {
        let next = keys(algorithm, &format!("{kind}.pem"));
        fleet.reconfigure_web(&now, &next);
        now = next;

        let (_, (secret, pem)) = kinds.iter().find(|(name, _)| *name == kind).expect("a key");
        let right = TokenKey { algorithm, secret }.token(&good());
        fleet.web.get_as(&right, BACKUPS).with(200);
        let (bare, signature) = right.rsplit_once('.').expect("a signature");
        let public = TokenKey { algorithm: "HS256", secret: pem.as_bytes() };
        let other = public.token_with(&json!({ "alg": algorithm }), &good());
        let (signed, _) = other.rsplit_once('.').expect("a signature");
        for forged in [
            // The public key is no secret.
            public.token(&good()),
            TokenKey { secret: pem.trim().as_bytes(), ..public }.token(&good()),
            OURS.token(&good()),
            format!("{signed}.{signature}"),
            other.clone(),
            format!("{bare}."),
        ] {
            fleet.web.get_as(&forged, BACKUPS).problem(401, "unauthorized");
        }
        // A right signature by the same key in another way is not the one that was agreed on.
        for (word, _) in rsa.into_iter().filter(|(word, _)| kind == "rsa" && *word != algorithm) {
            let token = TokenKey { algorithm: word, secret }.token(&good());
            fleet.web.get_as(&token, BACKUPS).problem(401, "unauthorized");
        }
    }
}

#[test]
fn an_rsa_key_that_can_be_broken_is_refused_before_any_token_comes() {
    let fleet = Fleet::recording();
    let folder = fleet.web_folder();
    key_pair(&folder, "short");
    let config = fs::read_to_string(folder.join("enqueue.toml")).expect("a configuration");
    let (file, short) = (folder.join("short.toml"), folder.join("short.pem"));
    let secret = format!("{}", folder.join("tokens.secret").display());
    let config = config.replace("HS256", "RS256").replace(&secret, &short.display().to_string());
    fs::write(&file, config).expect("a configuration");
    let mut web = program(built("holdfast-enqueue"));
    let ended = web.arg("--config").arg(&file).arg("run").output().expect("the web side");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains("short.pem") && said.contains("less than 2048 bits"), "{said}");
}

#[test]
fn a_token_is_read_from_its_header_and_from_nowhere_else() {
    let fleet = Fleet::recording();
    let token = fleet.web.token();
    let get = |path: &str, headers: &[(&str, &str)]| fleet.web.ask("GET", path, headers, "");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        get(BACKUPS, &[("authorization", &format!("{scheme} {token}"))]).with(200);
    }
    for (path, headers) in [
        (BACKUPS.to_owned(), vec![]),
        (BACKUPS.to_owned(), vec![("authorization", token.to_owned())]),
        (BACKUPS.to_owned(), vec![("authorization", format!("Basic {token}"))]),
        (BACKUPS.to_owned(), vec![("authorization", "Bearer".to_owned())]),
        (BACKUPS.to_owned(), vec![("cookie", format!("token={token}"))]),
        (BACKUPS.to_owned(), vec![("x-authorization", format!("Bearer {token}"))]),
        (format!("{BACKUPS}?access_token={token}"), vec![]),
        (format!("{BACKUPS}?token={token}"), vec![]),
        (format!("/api/backups/status?customer=42&access_token={token}"), vec![]),
    ] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = get(&path, &headers);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        answer.problem(401, "unauthorized");
    }
    // The log repeats no token.
    let log = std::fs::read_to_string(fleet.web_folder().join("web.log")).expect("a log");
    assert!(log.contains("/api/backups/status") && !log.contains(token));
}

#[test]
fn a_token_does_no_more_than_its_scopes_say() {
    let fleet = Fleet::recording();
    let (backup, _) = fleet.enter_backup(42, 1, "");
    let before = fleet.written();
    let signed = |scope: Value| {
        let claims = with(with(good(), "role", Value::Null), "customers", json!(["42"]));
        OURS.token(&with(claims, "scope", scope))
    };
    let (web, order) = (&fleet.web, json!({ "scope": "db" }));
    let read_only = fleet.token(&["--customer", "42", "--read-only"]);
    web.get_as(&read_only, BACKUPS).with(200);
    for token in [&read_only, &signed(json!("backup:read backup:writes Backup:Write"))] {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        for (method, path, body) in [
            ("POST", BACKUPS.to_owned(), order.clone()),
            ("POST", format!("{BACKUPS}/{backup}/restore"), json!({ "confirm": "RESTORE" })),
            ("DELETE", format!("{BACKUPS}/{backup}"), json!({})),
            (
                "POST",
                format!("/api/v1/customers/42/jobs/{backup}/undo"),
                json!({ "confirm": "UNDO" }),
            ),
        ] {
            let problem = web.ask(method, &path, &headers, &body.to_string());
            let problem = problem.problem(403, "forbidden");
            assert_eq!(problem["detail"], "The token lacks the scope `backup:write`.");
        }
    }
    for scope in [Value::Null, json!(""), json!("openid"), json!("backup:write")] {
        let token = signed(scope);
        for path in [BACKUPS, "/api/v1/customers/42/jobs", "/api/backups/status"] {
            web.get_as(&token, path).problem(403, "forbidden");
        }
    }
    assert_eq!(fleet.written(), before);
    web.post_as(&signed(json!("backup:write")), BACKUPS, &order).job();
}

/// The routes of a customer, with the names of a backup and a job.
fn routes(customer: &str, backup: &str, job: &str) -> Vec<(&'static str, String)> {
    let at = |path: &str| format!("/api/v1/customers/{customer}{path}");
    vec![
        ("GET", at("/backups")),
        ("POST", at("/backups")),
        ("GET", at(&format!("/backups/{backup}"))),
        ("DELETE", at(&format!("/backups/{backup}"))),
        ("POST", at(&format!("/backups/{backup}/restore"))),
        ("GET", at("/jobs")),
        ("GET", at(&format!("/jobs/{job}"))),
        ("POST", at(&format!("/jobs/{job}/undo"))),
        ("GET", at("/status")),
        ("GET", at("/events")),
        ("GET", format!("/api/backups/status?customer={customer}")),
    ]
}

/// Asks for each, with a body that would do.
fn ask_all(fleet: &Fleet, token: &str, routes: &[(&'static str, String)]) -> Vec<Answer> {
    let bearer = format!("Bearer {token}");
    // All by one name, so that nothing but what they ask for tells them apart.
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("x-request-id", "the-same"),
    ];
    let body = |path: &str| match path.rsplit('/').next() {
        Some("restore") => "{\"confirm\":\"RESTORE\"}",
        Some("undo") => "{\"confirm\":\"UNDO\"}",
        _ => "{\"scope\":\"db\"}",
    };
    let ask = |(method, path): &(&str, String)| fleet.web.ask(method, path, &headers, body(path));
    routes.iter().map(ask).collect()
}

#[test]
fn anothers_customer_is_as_though_it_did_not_exist() {
    let fleet = Fleet::recording();
    fleet.admin(&["customer", "add", "42", "--external-id", "acme"]);
    fleet.admin(&["customer", "add", "43", "--external-id", "globex"]);
    let (backup, snapshot) = fleet.enter_backup(43, 1, "note = 'of globex'");
    let job = fleet.web.post("/api/v1/customers/globex/backups", &json!({ "scope": "db" })).job();
    let globex = fleet.query("SELECT uuid FROM backup_customers WHERE customer_id = 43");
    let ours = fleet.token(&["--customer", "acme"]);
    let before = fleet.written();
    let customers = || fleet.query("SELECT * FROM backup_customers");
    let known = customers();

    let nobodys = routes("nobody", &backup.to_string(), &job.to_string());
    let nobodys: Vec<_> = ask_all(&fleet, &ours, &nobodys).into_iter().map(hidden).collect();
    for foreign in ["globex", globex.as_str(), "43", "44", "9999", "Acme", "acme%20"] {
        let routes = routes(foreign, snapshot.as_str(), &job.to_string());
        let answers: Vec<_> = ask_all(&fleet, &ours, &routes).into_iter().map(hidden).collect();
        assert_eq!(answers, nobodys, "{foreign}");
    }
    // Nobody is entered by the mere question of somebody who may not see them.
    assert_eq!((fleet.written(), customers()), (before.clone(), known));

    // With their own name, what is another's is not there either.
    let unknown = "0193e5c0-0000-7000-8000-000000000000";
    let none: Vec<_> =
        ask_all(&fleet, &ours, &own_routes(unknown, unknown)).into_iter().map(hidden).collect();
    for backup in [backup.to_string(), snapshot.to_string()] {
        let routes = own_routes(&backup, &job.to_string());
        let answers: Vec<_> = ask_all(&fleet, &ours, &routes).into_iter().map(hidden).collect();
        assert_eq!(answers, none);
    }
    assert_eq!(fleet.written(), before);
    for path in ["backups", "jobs", "status"] {
        let body =
            fleet.web.get_as(&ours, &format!("/api/v1/customers/acme/{path}")).with(200).body;
        assert_eq!(body["items"].as_array().or(body["recent"].as_array()), Some(&vec![]), "{path}");
    }
}

/// What the routes are that name a backup or a job of another, under our own name.
fn own_routes(backup: &str, job: &str) -> Vec<(&'static str, String)> {
    let mut routes = routes("acme", backup, job);
    routes.retain(|(_, path)| path.contains(backup) || path.contains(job));
    routes
}

/// Everything of a 404.
fn hidden(answer: Answer) -> String {
    answer.problem(404, "not-found").to_string()
}
