//! Mistakes in the text: each is made by itself, and refused where it is.
//!
//! Needs: restic.

use holdfast_job::Outcome;

use super::{FULL, configured, probe, refusal, write};

/// One mistake: what stands in the place of what, and the key and the words of the refusal.
struct Mistake {
    from: &'static str,
    to: &'static str,
    key: &'static str,
    says: &'static str,
}

const fn mistake(
    from: &'static str,
    to: &'static str,
    key: &'static str,
    says: &'static str,
) -> Mistake {
    Mistake { from, to, key, says }
}

const BASE: &str = "base = \"ROOT/customers/customer-{id}\"";
const WEB: &str = "path = \"ROOT/customers/customer-{id}/public\"";
const BLOG: &str = "path = \"ROOT/customers/customer-{id}/blog\"";
const URL: &str = "url = \"ROOT/repositories/customer-{id}\"";
const FAR: &str = "url = \"sftp:backup@backup.example.org:/srv/customer-{id}\"";
const SSH: &str = "[repositories.far.ssh]
key = \"ROOT/etc/id_ed25519\"
known_hosts = \"ROOT/etc/known_hosts\"
port = 2222
";

/// Keys that nobody knows, in every table.
const UNKNOWN_KEYS: [Mistake; 11] = [
    mistake("version = 1\n", "version = 1\nnovel = 1\n", "novel", "unknown field"),
    mistake("name = \"test-1\"", "nmae = \"test-1\"", "nmae", "unknown field"),
    mistake("undo_hours = 24", "undo_days = 1", "undo_days", "unknown field"),
    mistake("otherwise = 34", "else = 34", "else", "unknown field"),
    mistake("project = \"{id}\"", "group = \"{id}\"", "group", "unknown field"),
    mistake("excludes = [\"cache\"]", "exclude = []", "exclude", "unknown field"),
    mistake("nice = 10", "niceness = 10", "niceness", "unknown field"),
    mistake("{ fetch = 600 }", "{ fetching = 600 }", "fetching", "unknown variant"),
    mistake("environment = { }", "env = { }", "env", "unknown field"),
    mistake("port = 2222", "prot = 2222", "prot", "unknown field"),
    mistake("[repositories.derived]", "[repository.derived]", "repository", "unknown field"),
];

/// Paths that are not whole, plain and where they must be.
const PATHS: [Mistake; 31] = [
    mistake("state = \"ROOT/state\"", "state = \"state\"", "node.state", "is a relative path"),
    mistake("\"ROOT/cache\"", "\"ROOT/../cache\"", "node.cache", "is no plain path"),
    mistake("\"ROOT/customers\"", "\"ROOT//customers\"", "node.customers", "is no plain path"),
    mistake("\"RESTIC\"", "\"restic\"", "node.restic", "is a relative path"),
    mistake("\"ROOT/etc/master.secret\"", "\"~/s\"", "node.master_secret_file", "relative"),
    mistake("\"ROOT/etc/ticket-keys\"", "\"keys\"", "node.ticket_keys", "is a relative path"),
    mistake("\"ROOT/state\"", "\"ROOT/customers/state\"", "node.state", "lies inside"),
    mistake("\"ROOT/cache\"", "\"ROOT/customers\"", "node.cache", "lies inside"),
    mistake(BASE, "base = \"customers/customer-{id}\"", "site.base", "is a relative path"),
    mistake(BASE, "base = \"ROOT/customers/x/../customer-{id}\"", "site.base", "no plain path"),
    mistake(BASE, "base = \"ROOT/customers//customer-{id}\"", "site.base", "no plain path"),
    mistake(BASE, "base = \"ROOT/customers/customer-{id}/\"", "site.base", "no plain path"),
    mistake(BASE, "base = \"ROOT/customers/customer-{name}\"", "site.base", "has one of"),
    mistake(BASE, "base = \"ROOT/elsewhere/customer-{id}\"", "site.base", "is not inside"),
    mistake(BASE, "base = \"ROOT/customers-2/customer-{id}\"", "site.base", "is not inside"),
    mistake(BASE, "base = \"ROOT/customers\"", "site.base", "is not inside"),
    mistake(WEB, "path = \"public\"", "site.files[0].path", "is a relative path"),
    mistake(WEB, "path = \"ROOT/customers/customer-{id}/x/../y\"", "site.files[0].path", "plain"),
    mistake(WEB, "path = \"ROOT/customers/customer-{id}/./y\"", "site.files[0].path", "plain"),
    mistake(WEB, "path = \"ROOT/customers/customer-{id}//y\"", "site.files[0].path", "plain"),
    mistake(WEB, "path = \"ROOT/customers/customer-{id}/p*\"", "site.files[0].path", "has one of"),
    mistake(WEB, "path = \"ROOT/customers/customer-{id}/p?\"", "site.files[0].path", "has one of"),
    mistake(WEB, "path = \"ROOT/customers/customer-{id}/[p]\"", "site.files[0].path", "one of"),
    mistake(WEB, "path = 'ROOT/customers/customer-{id}/p\\'", "site.files[0].path", "has one of"),
    mistake(URL, "url = \"repositories/{id}\"", "repositories.manual.url", "relative path"),
    mistake(URL, "url = \"ROOT/x/../{id}\"", "repositories.manual.url", "is no plain path"),
    mistake(URL, "url = \"ROOT/customers/backup-{id}\"", "repositories.manual.url", "lies inside"),
    mistake(URL, "url = \"local:ROOT/customers/{id}\"", "repositories.manual.url", "lies inside"),
    mistake(
        "\"ROOT/etc/password\"",
        "\"password\"",
        "repositories.manual.password_file",
        "is a relative path",
    ),
    mistake("\"ROOT/etc/id_ed25519\"", "\"id\"", "repositories.far.ssh.key", "is a relative path"),
    mistake(
        "\"ROOT/etc/known_hosts\"",
        "\"ROOT/etc/../known_hosts\"",
        "repositories.far.ssh.known_hosts",
        "is no plain path",
    ),
];

/// Sources that are not directories of their own inside the base.
const SOURCES: [Mistake; 9] = [
    mistake(WEB, "path = \"ROOT/customers/customer-{id}\"", "site.files[0].path", "base itself"),
    mistake(WEB, "path = \"ROOT/customers/customer-7/web\"", "site.files[0].path", "not inside"),
    mistake(
        WEB,
        "path = \"ROOT/customers/customer-{id}2/web\"",
        "site.files[0].path",
        "not inside",
    ),
    mistake(
        BLOG,
        "path = \"ROOT/customers/customer-{id}/public/blog\"",
        "site.files[1].path",
        "contain each other",
    ),
    mistake(WEB, "path = \"ROOT/customers/customer-{id}/blog/x\"", "site.files[1].path", "contain"),
    mistake(
        WEB,
        "path = \"ROOT/customers/customer-{id}/.holdfast\"",
        "site.files[0].path",
        "Holdfast uses itself",
    ),
    mistake(
        WEB,
        "path = \"ROOT/customers/customer-{id}/.holdfast/web\"",
        "site.files[0].path",
        "Holdfast uses itself",
    ),
    mistake(
        BLOG,
        "path = \"ROOT/customers/customer-{id}/.maintenance\"",
        "site.files[1].path",
        "Holdfast uses itself",
    ),
    mistake("[\"cache\"]", "[\"../other\"]", "site.files[0].excludes", "is not relative to"),
];

/// Values that no number, word or URL may have.
const VALUES: [Mistake; 30] = [
    mistake("version = 1\n", "version = 2\n", "version", "is 2, and this executor understands 1"),
    mistake("version = 1\n", "", "version", "missing field"),
    mistake("name = \"test-1\"", "name = \"Test 1\"", "name", "is no node name"),
    mistake("lock_wait_seconds = 0", "lock_wait_seconds = -1", "lock_wait_seconds", "-1"),
    mistake("id = \"web\"", "id = \"../web\"", "id", "is no source id"),
    mistake("id = \"blog\"", "id = \"files\"", "site.files[1].id", "is a scope"),
    mistake("id = \"web\"", "id = \"db\"", "site.files[0].id", "is a scope"),
    mistake("maintenance = \"swap\"", "maintenance = \"on\"", "maintenance", "unknown variant"),
    mistake("undo_hours = 24", "undo_hours = -1", "undo_hours", "-1"),
    mistake("undo_min_free = 1", "undo_min_free = -1", "undo_min_free", "-1"),
    mistake("reserve = 2", "reserve = -1", "reserve", "-1"),
    mistake("otherwise = 34", "otherwise = -1", "otherwise", "-1"),
    mistake("{ project = \"{id}\" }", "{ project = \"shop\" }", "site.quota", "must be the number"),
    mistake("{ project = \"{id}\" }", "{ }", "site.quota", "either `user` or `project`"),
    mistake("max_source_bytes = 1000000", "max_source_bytes = -1", "max_source_bytes", "-1"),
    mistake("max_source_bytes = 1000000", "max_source_bytes = \"1\"", "max_source_bytes", "type"),
    mistake("upload_kib_per_second = 3", "upload_kib_per_second = -1", "upload_kib", "-1"),
    mistake("download_kib_per_second = 4", "download_kib_per_second = -1", "download_kib", "-1"),
    mistake("nice = 10", "nice = 20", "limits.nice", "must be 0 to 19"),
    mistake("nice = 10", "nice = -1", "nice", "-1"),
    mistake("\"best_effort\"", "\"realtime\"", "ionice", "unknown variant"),
    mistake(
        "progress_timeout_seconds = 300",
        "progress_timeout_seconds = 0",
        "limits.progress_timeout_seconds",
        "at least 1 second",
    ),
    mistake(
        "{ fetch = 600 }",
        "{ fetch = 0 }",
        "limits.stage_timeout_seconds.fetch",
        "at least 1 second",
    ),
    mistake(SSH, "", "repositories.far.ssh", "is missing"),
    mistake(FAR, "url = \"ROOT/repositories/{id}\"", "repositories.far.ssh", "belongs to an sftp"),
    mistake(FAR, "url = \"sftp:-oProxyCommand=x:/y\"", "repositories.far.url", "not of the form"),
    mistake("port = 2222", "port = -22", "port", "-22"),
    mistake(
        URL,
        "url = \"rest:https://shop:hunter2@host/{id}\"",
        "repositories.manual.url",
        "has a password in it",
    ),
    mistake(
        "environment = { }",
        "environment = { AWS_SECRET_ACCESS_KEY = \"x\" }",
        "repositories.manual.environment.AWS_SECRET_ACCESS_KEY",
        "a secret",
    ),
    mistake(
        "environment = { }",
        "environment = { RESTIC_PASSWORD = \"x\" }",
        "repositories.manual.environment.RESTIC_PASSWORD",
        "a secret",
    ),
];

/// Makes each mistake and collects the refusals that do not say what they should.
fn refuse_each(mistakes: &[Mistake]) {
    let node = configured();
    let before = node.world();
    let file = node.root().join("etc/executor.toml").display().to_string();
    let mut unclear = Vec::new();
    for Mistake { from, to, key, says } in mistakes {
        assert_eq!(FULL.matches(from).count(), 1, "{from:?} is not there once");
        write(&node, &FULL.replace(from, to));
        let said = refusal(&node);
        if ![file.as_str(), key, says].iter().all(|part| said.contains(part)) {
            unclear.push(format!("{to:?} was answered with: {said}"));
        }
        before.assert_untouched(&node, to);
    }
    assert!(unclear.is_empty(), "{}", unclear.join("\n"));
    assert!(!node.root().join("state").exists(), "a state folder was made");
}

#[test]
fn an_unknown_key_is_refused_in_every_table() {
    refuse_each(&UNKNOWN_KEYS);
}

#[test]
fn a_path_that_is_not_whole_and_plain_and_in_its_place_is_refused() {
    refuse_each(&PATHS);
}

#[test]
fn a_source_that_is_no_directory_of_its_own_is_refused() {
    refuse_each(&SOURCES);
}

#[test]
fn an_impossible_value_is_refused() {
    refuse_each(&VALUES);
}

#[test]
fn two_sources_of_one_id_are_refused_at_the_key_that_is_wrong() {
    refuse_each(&[mistake("id = \"blog\"", "id = \"web\"", "site.files[1].id", "is used twice")]);
}

#[test]
fn a_site_without_any_source_is_refused() {
    let node = configured();
    let (head, rest) = FULL.split_once("[[site.files]]").expect("sources");
    let (_, rest) = rest.split_once("[limits]").expect("limits");
    write(&node, &format!("{head}[limits]{rest}"));
    let said = refusal(&node);
    assert!(said.contains("executor.toml") && said.contains("`site.files`"), "{said}");
    assert!(said.contains("names no source"), "{said}");
}

#[test]
fn a_base_that_is_not_given_is_called_missing() {
    refuse_each(&[mistake(BASE, "", "site.base", "missing")]);
}

#[test]
fn a_configuration_of_a_later_version_is_refused_by_its_number_whatever_else_is_in_it() {
    refuse_each(&[mistake("version = 1\n", "version = 2\nnovel = 1\n", "version", "is 2")]);
}

#[test]
fn no_refusal_repeats_a_password() {
    for url in [
        "rest:https://shop:hunter2@host/{id}",
        "sftp://shop:hunter2@host/{id}",
        "s3:https://shop:hunter2@host/{id}",
    ] {
        let node = configured();
        write(&node, &FULL.replace(FAR, &format!("url = \"{url}\"")));
        let ended = probe(&node).run();
        let said = ended.ended_as(Outcome::Failed).operator_message;
        assert!(said.contains("repositories.far."), "{said}");
        assert!(!format!("{ended:?}").contains("hunter2"), "{said}");
    }
}

#[test]
fn doctor_finds_a_mistake_in_the_template_before_there_is_any_customer() {
    let node = configured();
    write(&node, &FULL.replace("nice = 10", "nice = 20"));
    let output = node.executor_with(&["doctor"]).output().expect("doctor");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("executor.toml: `limits.nice`: must be 0 to 19"), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
}
