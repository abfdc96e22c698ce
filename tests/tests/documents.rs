//! What the documents say is there: files, links, routes, problems, states, the lines of sudoers.
//!
//! Needs: nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use holdfast_job::{JobStatus, Verb};
use holdfast_tests::{DOCUMENT, built, output_of, program};

const API: &str = include_str!("../../docs/API.md");
const README: &str = include_str!("../../README.md");
const ARCHITECTURE: &str = include_str!("../../docs/ARCHITECTURE.md");

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project").to_owned()
}

/// The files of a folder, and of the folders in it, whose names end so.
fn texts(folder: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(texts(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            let text = fs::read_to_string(&path).expect("a file");
            found.push((path, text));
        }
    }
    found
}

/// What stands in a text between the one and the other, each time.
fn between<'t>(text: &'t str, one: &str, other: &str) -> Vec<&'t str> {
    text.split(one).skip(1).filter_map(|rest| rest.split_once(other)).map(|(it, _)| it).collect()
}

#[test]
fn every_file_that_the_architecture_names_is_there() {
    let (root, executor) = (project(), project().join("executor/src"));
    let is_file = |word: &&str| {
        let ends = [".rs", ".sql", ".sh", ".toml", "/"].iter().any(|ending| word.ends_with(ending));
        ends && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b))
    };
    let named: Vec<&str> = ARCHITECTURE.split('`').skip(1).step_by(2).filter(is_file).collect();
    assert!(named.len() > 60, "{named:?}");
    let missing: Vec<_> = named
        .iter()
        .filter(|name| !root.join(name).exists() && !executor.join(name).exists())
        .collect();
    assert!(missing.is_empty(), "docs/ARCHITECTURE.md names what is not there: {missing:?}");
}

#[test]
fn the_walks_of_a_backup_and_a_restore_go_through_the_files_of_the_control_plane() {
    for file in [
        "server",
        "auth",
        "api/backups",
        "api/status",
        "orders/admission",
        "orders/keys",
        "orders/ringing",
    ] {
        assert!(ARCHITECTURE.contains(&format!("`enqueue/src/{file}.rs`")), "{file}");
    }
    for file in [
        "bell",
        "jobs/admit",
        "jobs/claim",
        "jobs/report",
        "jobs/end",
        "jobs/due",
        "jobs/stop",
        "jobs/reset",
    ] {
        assert!(ARCHITECTURE.contains(&format!("`store/src/{file}.rs`")), "{file}");
    }
    for file in ["taker", "attempt", "executor", "verdict", "janitor", "recovery", "stop"] {
        assert!(ARCHITECTURE.contains(&format!("`worker/src/{file}.rs`")), "{file}");
    }
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    let root = project();
    let mut pages = texts(&root.join("docs"), ".md");
    for page in ["README.md", "CONTRIBUTING.md", "migrations/README.md"] {
        pages.push((root.join(page), fs::read_to_string(root.join(page)).expect("a page")));
    }
    for (page, text) in pages {
        for link in between(&text, "](", ")").into_iter().filter(|link| !link.contains("://")) {
            let file = link.split('#').next().unwrap_or_default();
            let target = page.parent().expect("a folder").join(file);
            assert!(file.is_empty() || target.exists(), "{}: {link}", page.display());
        }
    }
}

/// The problems that the OpenAPI document has for one of its operations or more.
fn documented_problems() -> BTreeSet<String> {
    let text = include_str!("../../enqueue/openapi.json");
    let kinds = between(text, "\"urn:holdfast:problem:", "\"").into_iter();
    kinds.map(str::to_owned).collect()
}

#[test]
fn the_api_is_described_route_by_route() {
    let server = fs::read_to_string(project().join("enqueue/src/server.rs")).expect("a file");
    let (customers, others) = server.split_once("Router::new()\n        .nest(").expect("a nest");
    let prefix = others.split('"').nth(1).expect("an address").to_owned();
    let routed = |text: &str, prefix: &str| -> Vec<String> {
        let paths = between(text, ".route(\"", "\"").into_iter();
        paths.map(|path| format!("{prefix}{path}")).collect()
    };
    let routes: BTreeSet<String> =
        routed(customers, &prefix).into_iter().chain(routed(others, "")).collect();
    assert!(routes.len() >= 10, "{routes:?}");
    // Which methods each of them takes, the running server is asked.
    let operations = DOCUMENT.operations();
    assert_eq!(operations.iter().map(|(path, _)| path.clone()).collect::<BTreeSet<_>>(), routes);
    let rows = API.lines().filter(|line| line.starts_with("| `") && line.contains("` | `/"));
    let cell = |row: &str, number| {
        row.split('|').nth(number).map(|cell| cell.trim_matches([' ', '`']).to_owned())
    };
    let described: BTreeSet<(String, String)> =
        rows.filter_map(|row| Some((cell(row, 2)?, cell(row, 1)?))).collect();
    assert_eq!(described, operations);
}

#[test]
fn every_problem_is_described_and_no_other() {
    let mut kinds = BTreeSet::new();
    let pages = project().join("enqueue/src/pages");
    for (file, text) in texts(&project().join("enqueue/src"), ".rs") {
        // What people read in the place of a problem has no word for programs.
        if file.starts_with(&pages) {
            continue;
        }
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        for before in ["unprocessable(\"", "unavailable(\"", "too_many(\"", "conflict(\""] {
            kinds.extend(between(&text, before, "\"").into_iter().map(str::to_owned));
        }
        for rest in text.split("StatusCode::").skip(1) {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_uppercase() || c == '_');
            let kind = rest.strip_prefix(",\"").and_then(|rest| rest.split('"').next());
            kinds.extend(kind.map(str::to_owned));
        }
    }
    assert!(kinds.contains("active-job") && kinds.contains("store-away"), "{kinds:?}");
    let table = API.split("## Problems").nth(1).expect("the problems");
    let rows = table.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let word =
        |row: &str| row.split('|').nth(2).map(|word| word.trim_matches([' ', '`']).to_owned());
    let described: BTreeSet<String> = rows.filter_map(word).collect();
    assert_eq!(described, kinds);
    assert_eq!(documented_problems(), kinds);
}

#[test]
fn every_state_of_a_job_is_described() {
    for status in JobStatus::ALL {
        let rows: Vec<_> =
            API.lines().filter(|line| line.starts_with(&format!("| `{status}` |"))).collect();
        let [row] = rows.as_slice() else { panic!("{status}: {rows:?}") };
        assert_eq!(row.ends_with("| yes |"), status.is_active(), "{row}");
    }
}

#[test]
fn the_lines_of_sudoers_are_valid_and_are_those_in_the_readme() {
    let file = project().join("sudoers/holdfast");
    let text = fs::read_to_string(&file).expect("a file");
    output_of(program("/usr/sbin/visudo").arg("-cqf").arg(&file));
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let executor = "/opt/holdfast/bin/holdfast-executor";
    // A verb more does not compile here, and wants its line.
    let orders = [Verb::Backup, Verb::Restore, Verb::Undo, Verb::Delete].map(|verb| match verb {
        Verb::Backup | Verb::Restore | Verb::Undo | Verb::Delete => verb.word(),
    });
    let verbs: Vec<&str> = orders.into_iter().chain(["recover", "doctor"]).collect();
    let expected: Vec<String> = verbs
        .iter()
        .map(|verb| format!("holdfast ALL=(root) NOPASSWD: {executor} {verb}"))
        .collect();
    assert_eq!(lines, expected);
    // The others that there are take arguments: they are root's at a shell.
    let usage = output_of(program(built("holdfast-executor")).arg("--help"));
    let words = usage.lines().filter_map(|line| line.strip_prefix("  "));
    let words = words.filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let (theirs, others): (Vec<&str>, Vec<&str>) = words
        .flat_map(|line| line.split(" | "))
        .filter_map(|line| line.split_whitespace().next())
        .partition(|word| verbs.contains(word));
    assert_eq!((theirs, others), (verbs, vec!["settle", "repository-password"]), "{usage}");
    assert!(README.contains(&lines.join("\n")), "the README shows them as they are");
    let worker = include_str!("../../docs/worker.example.toml");
    assert!(worker.contains(&format!("[\"/usr/bin/sudo\", \"-n\", \"{executor}\"]")));
    let node = include_str!("../../docs/executor.example.toml");
    assert!(node.contains("worker_user = \"holdfast\""));
}

#[test]
fn no_text_of_ours_pleads() {
    let mut pleading = Vec::new();
    for package in ["cli", "enqueue", "executor", "job", "nginx", "store", "worker"] {
        for ending in [".rs", ".conf", ".json"] {
            for (path, text) in texts(&project().join(package), ending) {
                // The words of mariadb-dump stand in a test.
                let ours = text.replace("please retry", "").to_lowercase();
                if ours.contains("please") {
                    pleading.push(path.display().to_string());
                }
            }
        }
    }
    assert!(pleading.is_empty(), "say what to do, and no more:\n{}", pleading.join("\n"));
}
