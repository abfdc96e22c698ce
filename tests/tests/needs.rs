//! Each file of tests says in its head what it needs, so that `scripts/test --needs` can run a part.
//!
//! Needs: nothing.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The needs, and the words in a file that show each.
const SHOWN_BY: [(&str, &[&str]); 11] = [
    ("chromium", &["playwright"]),
    ("disk", &["mkfs.ext4", "Disk"]),
    ("docker", &["Docker", "in_container"]),
    ("mariadb", &["MariaDb", "DatabaseSite", "Fleet", "prepare_of", "Host::"]),
    ("nginx", &["Nginx", "Host::"]),
    ("php", &["Php::", "Php,"]),
    ("redis", &["Fleet", "Redis", "Host::"]),
    ("restic", &["Node::", "DatabaseSite", "Fleet", "Scene", "Host::", "Node,"]),
    ("sshd", &["Sshd"]),
    ("strace", &["traced_points", "Scene"]),
    ("systemd", &["Host::", "systemd-analyze"]),
];

/// The folder of the tests.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path if path.extension().is_some_and(|end| end == "rs") => found.push(path),
            _ => {}
        }
    }
}

/// The code of a file, without its head, and of what stands beside it for all of its folder.
fn code(file: &Path) -> String {
    let mut text = fs::read_to_string(file).expect("a file");
    let shared = file.with_file_name("mod.rs");
    if shared != file && shared.exists() {
        text += &fs::read_to_string(shared).expect("a file");
    }
    text.lines().filter(|line| !line.starts_with("//!")).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_file_says_what_its_tests_need() {
    let mut all = Vec::new();
    files(&folder(), &mut all);
    let mut wrong = Vec::new();
    for file in all.iter().filter(|file| !file.ends_with("needs.rs")) {
        let text = fs::read_to_string(file).expect("a file");
        if !text.contains("#[test]") {
            continue;
        }
        let code = code(file);
        let shown =
            SHOWN_BY.iter().filter(|(_, words)| words.iter().any(|word| code.contains(word)));
        let mut needs: Vec<&str> = shown.map(|(need, _)| *need).collect();
        if needs.is_empty() {
            needs.push("nothing");
        }
        let line = format!("//! Needs: {}.", needs.join(", "));
        if !text.lines().any(|there| there == line) {
            wrong.push(format!("{}: {line}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "write these lines into the heads:\n{}", wrong.join("\n"));
}

#[test]
fn every_need_is_some_files() {
    let mut all = Vec::new();
    files(&folder(), &mut all);
    let heads: BTreeSet<String> = all
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(file).expect("a file");
            let line = text.lines().find_map(|line| line.strip_prefix("//! Needs: "));
            let needs = line.unwrap_or_default().trim_end_matches('.').to_owned();
            needs.split(", ").map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    for (need, _) in SHOWN_BY {
        assert!(heads.contains(need), "no file needs {need}: {heads:?}");
    }
}
