//! What runs as root is made of: the crates behind the executor are a list that people read, and a
//! new one is a decision.
//!
//! Needs: redis.

use std::{collections::BTreeSet, path::Path, process::Command};

use holdfast_tests::{output_of, program};
use serde_json::Value;

const LIST: &str = include_str!("../executor-dependencies.txt");

/// cargo as it runs these tests, offline: what they need is there, since they were built.
fn cargo(args: &[&str]) -> Command {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project");
    let mut command = program(env!("CARGO"));
    for name in ["HOME", "PATH", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.current_dir(project).args(args).args(["--locked", "--offline"]);
    command
}

/// The crates that a package is built from, itself left out, by name, each once.
fn crates_of(package: &str) -> BTreeSet<String> {
    let said = output_of(&mut cargo(&["tree", "-p", package, "-e", "normal", "--prefix", "none"]));
    let names = said.lines().filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != package).map(str::to_owned).collect()
}

/// A package of the workspace, as `cargo metadata` has it.
fn package(name: &str) -> Value {
    let said = output_of(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]));
    let metadata: Value = serde_json::from_str(&said).expect("metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let found = packages.iter().find(|package| package["name"] == name);
    found.unwrap_or_else(|| panic!("no package {name} in {said}")).clone()
}

fn direct_dependencies(name: &str) -> BTreeSet<String> {
    let package = package(name);
    let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
    let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
    normal.map(|dependency| dependency["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn the_executor_is_built_from_the_crates_on_the_list_and_no_others() {
    let listed: Vec<&str> = LIST.lines().collect();
    assert!(listed.is_sorted(), "tests/executor-dependencies.txt is not sorted");
    let listed: BTreeSet<String> = listed.into_iter().map(str::to_owned).collect();
    let built = crates_of("holdfast-executor");
    let new: Vec<_> = built.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&built).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "the crates behind the executor have changed: new are {new:?}, gone are {gone:?}.\n\
         What runs as root should be little: look at each new one, who writes it and what it \
         brings. If it is worth it, write the list anew and commit it with the reason:\n\
         cargo tree -p holdfast-executor -e normal --prefix none --locked | cut -d' ' -f1 | \
         grep -vx holdfast-executor | LC_ALL=C sort -u >tests/executor-dependencies.txt"
    );
}

#[test]
fn the_words_that_all_parts_share_bring_no_input_or_output() {
    let allowed = ["serde", "serde_json", "thiserror", "uuid"].map(str::to_owned);
    assert_eq!(direct_dependencies("holdfast-job"), BTreeSet::from(allowed));
    for crate_of_io in ["tokio", "mio", "nix", "rustix", "libc", "socket2"] {
        assert!(!crates_of("holdfast-job").contains(crate_of_io), "{crate_of_io}");
    }
}

#[test]
fn each_part_knows_the_parts_that_it_may_know_and_no_others() {
    for (package, known) in [
        ("holdfast-job", &[][..]),
        ("holdfast-executor", &["holdfast-job"]),
        ("holdfast-log", &[]),
        ("holdfast-store", &["holdfast-job"]),
        ("holdfast-enqueue", &["holdfast-job", "holdfast-log", "holdfast-store"]),
        ("holdfast-worker", &["holdfast-job", "holdfast-log", "holdfast-store"]),
        ("holdfast", &["holdfast-job"]),
    ] {
        let ours = direct_dependencies(package).into_iter();
        let ours: Vec<_> = ours.filter(|name| name.starts_with("holdfast-")).collect();
        assert_eq!(ours, known, "{package}");
    }
}

#[test]
fn a_part_is_built_from_nothing_that_it_must_not_know() {
    for (package, unknown) in [
        // The root process: no database, no Redis, no server.
        ("holdfast-executor", &["sqlx", "redis", "axum", "hyper", "jsonwebtoken"][..]),
        // The store: no HTTP, no root.
        ("holdfast-store", &["axum", "hyper", "nix", "ed25519-dalek", "jsonwebtoken"]),
        // The web side: no root.
        ("holdfast-enqueue", &["nix", "xattr"]),
        // The worker: no key that signs, no HTTP.
        ("holdfast-worker", &["ed25519-dalek", "jsonwebtoken", "axum", "hyper"]),
        // The client of the API: that alone.
        (
            "holdfast",
            &["holdfast-store", "sqlx", "redis", "tokio", "jsonwebtoken", "ed25519-dalek"],
        ),
    ] {
        let crates = crates_of(package);
        for name in unknown {
            assert!(!crates.contains(*name), "{package} is built from {name}");
        }
    }
}

#[test]
fn sql_and_redis_have_one_home() {
    for package in
        ["holdfast-job", "holdfast-enqueue", "holdfast-worker", "holdfast-executor", "holdfast"]
    {
        for name in ["sqlx", "redis", "deadpool-redis"] {
            assert!(!direct_dependencies(package).contains(name), "{package} uses {name} itself");
        }
    }
}

/// Crates that are built in two versions, since two others that we need want them so: `sqlx` has both
/// `sha2` and what that brings, `jsonwebtoken` the `signature` and `base64` of before, `ring` the
/// `getrandom` of before, `governor` and `sqlx` the `hashbrown` of before; `syn` is each macro's own.
const TWICE: [&str; 10] = [
    "base64",
    "block-buffer",
    "cpufeatures",
    "crypto-common",
    "digest",
    "getrandom",
    "hashbrown",
    "sha2",
    "signature",
    "syn",
];

#[test]
fn no_crate_is_built_in_two_versions_without_a_reason() {
    let words =
        ["tree", "--workspace", "-d", "-e", "normal,build", "--depth", "0", "--prefix", "none"];
    let said = output_of(&mut cargo(&words));
    let versions: BTreeSet<&str> = said
        .lines()
        .filter_map(|line| line.split_once(" v").map(|_| line.trim_end_matches(" (*)")))
        .collect();
    // The same version with other features, for programs that run while building, is no second one.
    let names = versions.iter().filter_map(|line| line.split_whitespace().next());
    let count =
        |name: &str| versions.iter().filter(|line| line.starts_with(&format!("{name} v"))).count();
    let twice: BTreeSet<&str> = names.filter(|name| count(name) > 1).collect();
    assert_eq!(twice, BTreeSet::from(TWICE), "{said}");
}
