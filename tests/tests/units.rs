//! The units of systemd: it takes them, the web side's is denied what it does not need, the worker's is
//! denied nothing that its executors need, and nobody is killed in the middle of a switch. How they
//! are on a running host, the tests of the host show.
//!
//! Needs: systemd.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use holdfast_executor::{
    config::{Containers, Others, Probe, Services},
    longest_switch,
};
use holdfast_tests::{built, output_of, program};

const ENQUEUE: &str = include_str!("../../systemd/holdfast-enqueue.service");
const WORKER: &str = include_str!("../../systemd/holdfast-worker.service");
const RECOVER: &str = include_str!("../../systemd/holdfast-recover.service");

/// Each of them implies `NoNewPrivileges` where there is `User=`: systemd.exec(5).
const NO_NEW_PRIVILEGES: [&str; 16] = [
    "DynamicUser",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "PrivateDevices",
    "ProtectClock",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "SystemCallArchitectures",
    "SystemCallFilter",
    "SystemCallLog",
];

/// What root's half would inherit: a mount namespace, in which two trees of one file system do not
/// change places, a network of its own, fewer capabilities, a mask, signals of systemd's.
const INHERITED: [&str; 24] = [
    "AmbientCapabilities",
    "BindPaths",
    "BindReadOnlyPaths",
    "CapabilityBoundingSet",
    "ExecPaths",
    "InaccessiblePaths",
    "LoadCredential",
    "MountFlags",
    "NoExecPaths",
    "NoNewPrivileges",
    "PrivateIPC",
    "PrivateMounts",
    "PrivateNetwork",
    "PrivateTmp",
    "PrivateUsers",
    "ProcSubset",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectProc",
    "ProtectSystem",
    "ReadOnlyPaths",
    "ReadWritePaths",
    "RootDirectory",
    "UMask",
];

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project").join("systemd")
}

/// What a unit says, by key; of what is said more than once, all.
fn said(unit: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut said = BTreeMap::<_, Vec<_>>::new();
    for (key, value) in unit.lines().filter_map(|line| line.split_once('=')) {
        if !key.starts_with('#') {
            said.entry(key).or_default().extend(value.split_whitespace());
        }
    }
    said
}

fn is_said(unit: &str, key: &str, value: &str) -> bool {
    said(unit).get(key).is_some_and(|values| values.contains(&value))
}

fn analyze() -> Command {
    program("/usr/bin/systemd-analyze")
}

/// The value of a key in an example, in seconds, whether it is in use or the default.
fn seconds(example: &str, key: &str) -> Duration {
    let line = example.lines().map(|line| line.trim_start_matches("# "));
    let value = line.filter_map(|line| line.split_once(" = ")).find(|(name, _)| *name == key);
    let value = value.unwrap_or_else(|| panic!("{key}")).1;
    Duration::from_secs(value.parse().expect("a number"))
}

#[test]
fn systemd_takes_the_units_as_they_are() {
    let folder = std::env::temp_dir().join(format!("holdfast-units-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    let mut verify = analyze();
    verify.args(["verify", "--man=no", "--recursive-errors=no"]);
    for unit in ["holdfast-enqueue", "holdfast-worker", "holdfast-recover"] {
        let text = fs::read_to_string(units().join(format!("{unit}.service"))).expect("a unit");
        // What is started must be there; nothing is installed on this machine.
        let here = built("holdfast-executor").parent().expect("a folder").display().to_string();
        let moved = text.replace("/opt/holdfast/bin", &here);
        assert_ne!(moved, text, "{unit}");
        let file = folder.join(format!("{unit}.service"));
        fs::write(&file, moved).expect("a file");
        verify.arg(file);
    }
    let ended = verify.output().expect("systemd-analyze");
    fs::remove_dir_all(&folder).expect("a folder");
    let says = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && says.trim().is_empty(), "{says}");
}

#[test]
fn the_web_side_is_denied_what_it_does_not_need() {
    let file = units().join("holdfast-enqueue.service");
    // In tenths: below 2.0.
    let mut security = analyze();
    security.args(["security", "--offline=true", "--threshold=19", "--no-pager"]).arg(file);
    let table = output_of(&mut security);
    assert!(table.contains("Overall exposure level for holdfast-enqueue.service"), "{table}");
    let hidden = &said(ENQUEUE)["InaccessiblePaths"];
    for place in ["/var/customers", "/var/lib/holdfast", "/etc/holdfast/web"] {
        assert!(hidden.contains(&format!("-{place}").as_str()), "{place}");
    }
}

#[test]
fn the_worker_is_denied_nothing_that_its_executors_need() {
    let worker = said(WORKER);
    for key in NO_NEW_PRIVILEGES.iter().chain(&INHERITED) {
        assert!(!worker.contains_key(key), "{key}");
    }
    // The web side's unit has those that systemd knows, so the names are right.
    let web = said(ENQUEUE);
    let used = NO_NEW_PRIVILEGES.iter().filter(|key| web.contains_key(*key)).count();
    assert!(used >= 14, "{used}");
}

#[test]
fn nobody_is_killed_in_the_middle_of_a_switch() {
    for (key, value) in [
        ("Type", "notify"),
        ("KillMode", "mixed"),
        ("OOMPolicy", "continue"),
        ("Restart", "on-failure"),
        ("User", "holdfast"),
    ] {
        assert!(is_said(WORKER, key, value), "{key}={value}");
    }
    let stop = said(WORKER)["TimeoutStopSec"][0].strip_suffix("min").expect("minutes");
    let stop = Duration::from_secs(60 * stop.parse::<u64>().expect("a number"));
    let executor = include_str!("../../docs/executor.example.toml");
    let grace = seconds(include_str!("../../docs/worker.example.toml"), "grace_seconds");
    let services = Services {
        containers: Containers::Names(vec!["shop".into()]),
        units: vec!["shop.service".into()],
        user: Some("shop".into()),
        stop_within: seconds(executor, "stop_seconds"),
        start_within: seconds(executor, "start_seconds"),
        own_stop_within: seconds(executor, "own_stop_seconds"),
        watch_for: seconds(executor, "watch_seconds"),
        others: Others::Refuse,
    };
    let probe = Probe {
        url: "https://shop.example.org/".into(),
        connect: "127.0.0.1".into(),
        status: None,
        text: None,
        patience: seconds(executor, "timeout_seconds"),
    };
    let switch = longest_switch(&services, Some(&probe));
    // What comes behind the switch, and the worker's own end.
    let rest = Duration::from_secs(60);
    assert!(stop >= grace + switch + rest, "{stop:?} for {grace:?} and {switch:?}");
    // And not without an end: a host that is shut down waits for it.
    assert!(stop <= (grace + switch) * 2, "{stop:?} for {grace:?} and {switch:?}");
}

#[test]
fn a_worker_ends_before_what_its_orders_need_and_recovery_holds_up_nobody_else() {
    for server in ["mariadb", "docker", "nginx", "redis-server", "holdfast-recover"] {
        assert!(is_said(WORKER, "After", &format!("{server}.service")), "{server}");
    }
    for server in ["mariadb", "docker"] {
        assert!(is_said(RECOVER, "After", &format!("{server}.service")), "{server}");
    }
    assert_eq!(said(RECOVER)["Before"], ["holdfast-worker.service"]);
    assert!(is_said(RECOVER, "Type", "oneshot"));
    // What is not settled yet, or needs a person, fails no boot: README's table of exit codes.
    assert_eq!(said(RECOVER)["SuccessExitStatus"], ["4", "6"]);
    for unit in [ENQUEUE, WORKER, RECOVER] {
        for key in ["Requires", "Requisite", "BindsTo", "PartOf", "OnFailure"] {
            assert!(!said(unit).contains_key(key), "{key}");
        }
    }
}
