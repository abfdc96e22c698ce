//! What `holdfast-enqueue` refuses at the shell, and that it says what to change.
//!
//! Needs: mariadb, redis, restic.

use std::{fs, os::unix::fs::PermissionsExt};

use holdfast_tests::{Fleet, MariaDb, built, program};

/// What the program says that fails with these words.
fn refused(words: &[&str]) -> String {
    let mut enqueue = program(built("holdfast-enqueue"));
    let said = MariaDb::run(enqueue.args(words), b"").expect_err("a refusal");
    assert!(said.starts_with("exit status: 2: holdfast-enqueue: "), "{said}");
    said
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_file_and_key() {
    let mut fleet = Fleet::recording();
    fleet.web.kill();
    let folder = fleet.web_folder();
    let good = fs::read_to_string(folder.join("enqueue.toml")).expect("a configuration");
    fs::write(folder.join("short.secret"), "short\n").expect("a file");
    fs::write(folder.join("web-2.key"), "no key\n").expect("a file");
    let file = folder.join("other.toml");
    for (from, to, says) in [
        ("plan_every_seconds", "keep_manual = 0\nplan_every_seconds", "`keep_manual`"),
        ("plan_every_seconds = 0.3", "plan_every_seconds = 0", "`plan_every_seconds`"),
        ("plan_every_seconds = 0.3", "plan_every = 1", "plan_every"),
        ("plan_every_seconds", "repository = \"My Own\"\nplan_every_seconds", "`repository`"),
        ("listen = \"127", "listen = \"localhost", "listen"),
        ("redis = \"redis+unix", "redis = \"http", "`redis`"),
        ("web-1.key", "web-9.key", "holdfast-enqueue keygen"),
        ("web-1.key", "web-2.key", "is no key"),
        ("tokens.secret", "none.secret", "none.secret: cannot be read"),
        ("tokens.secret", "short.secret", "openssl rand"),
        ("HS256", "none", "algorithm"),
        ("issuer = \"host\"\n", "", "issuer"),
        ("web.password", "none.password", "`database.password_file`"),
        ("schema = ", "schemas = ", "schema"),
        ("[tokens]", "[tokens", "not a valid configuration"),
    ] {
        assert!(good.contains(from), "{from}");
        fs::write(&file, good.replace(from, to)).expect("a configuration");
        let said = refused(&["--config", &file.display().to_string(), "run"]);
        assert!(said.contains(says), "{to}: {said}");
    }
    let said = refused(&["--config", "/nowhere/enqueue.toml", "run"]);
    assert!(said.contains("/nowhere/enqueue.toml"), "{said}");
}

#[test]
fn it_does_not_start_on_a_schema_that_is_behind() {
    let mut fleet = Fleet::recording();
    fleet.web.kill();
    fleet.query("UPDATE _sqlx_migrations SET success = FALSE ORDER BY version DESC LIMIT 1");
    let file = fleet.web_folder().join("enqueue.toml").display().to_string();
    let said = refused(&["--config", &file, "run"]);
    assert!(said.contains("run `holdfast-enqueue migrate`"), "{said}");
    fleet.admin(&["migrate"]);
    let folder = fleet.web_folder();
    fleet.web.start_again(&folder);
    fleet.web.get("/readyz").with(200);
}

#[test]
fn a_key_is_made_once_and_for_its_owner_alone() {
    let fleet = Fleet::recording();
    let folder = fleet.web_folder();
    let here = folder.display().to_string();
    let content = |name: &str| fs::read_to_string(folder.join(name)).expect("a file");
    let mode =
        |name: &str| fs::metadata(folder.join(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!((mode("web-1.key"), mode("web-1.pub")), (0o600, 0o644));
    let (secret, public) = (content("web-1.key"), content("web-1.pub"));
    assert_ne!(secret, public);
    let said = refused(&["keygen", "web-1", "--folder", &here]);
    assert!(said.contains("web-1.pub"), "{said}");
    assert_eq!((content("web-1.key"), content("web-1.pub")), (secret, public));
    // Nor is half of a pair made.
    fs::write(folder.join("web-3.pub"), "another's\n").expect("a file");
    refused(&["keygen", "web-3", "--folder", &here]);
    assert!(!folder.join("web-3.key").exists());
    assert_eq!(content("web-3.pub"), "another's\n");
}

#[test]
fn a_pool_has_one_node_and_a_node_one_pool() {
    let fleet = Fleet::recording();
    let admin = fleet.node.root().join("admin.toml").display().to_string();
    let said = refused(&["--config", &admin, "node", "add", "test-2"]);
    assert!(said.contains("has the node `test-1` already"), "{said}");
    let nodes = || fleet.query("SELECT name, pool, draining FROM nodes ORDER BY name");
    fleet.query("UPDATE nodes SET draining = TRUE");
    fleet.admin(&["node", "add", "test-1"]);
    assert_eq!(nodes(), "test-1\tdefault\t1");
    fleet.admin(&["node", "add", "test-1", "--pool", "far"]);
    fleet.admin(&["node", "add", "test-2"]);
    assert_eq!(nodes(), "test-1\tfar\t1\ntest-2\tdefault\t0");
}
