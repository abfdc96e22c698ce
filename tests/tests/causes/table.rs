//! The table of causes, and that of docs/RELIABILITY.md beside it.
//!
//! Needs: restic.

use holdfast_job::Outcome::{Failed, FailedForNow, Incomplete};

use super::{
    Cause,
    Given::{Backup, Delete, Restore},
    Met, databases, local, nginx, ssh, storage,
};

const RELIABILITY: &str = include_str!("../../../docs/RELIABILITY.md");

const FULL: &str = "the repository's disk is full, at ";
const CHANGED: &str = "the storage server's host key has changed";
const UNKNOWN: &str = "the storage server's host key is not known";
const REFUSED: &str = "the storage server refuses our key or user";
const AWAY: &str = "the storage server is not there";

/// Every cause.
pub(super) const CAUSES: &[Cause] = &[
    Cause {
        name: "full repository",
        bring: storage::full,
        doctor: "the repository's disk is nearly full: 0 bytes",
        orders: &[
            Met { order: Backup, outcome: FailedForNow, text: FULL },
            Met { order: Delete, outcome: FailedForNow, text: FULL },
        ],
    },
    Cause {
        name: "damaged repository",
        bring: storage::damaged,
        doctor: " is damaged: no backup there counts until `restic check",
        orders: &[
            Met { order: Restore, outcome: Failed, text: " is damaged: " },
            Met { order: Backup, outcome: Failed, text: " is damaged: " },
        ],
    },
    Cause {
        name: "unmounted repository",
        bring: storage::unmounted,
        doctor: "the repository's disk is not mounted at ",
        orders: &[
            Met { order: Backup, outcome: Failed, text: "is not mounted" },
            Met { order: Restore, outcome: Failed, text: "is not mounted" },
        ],
    },
    Cause {
        name: "forgotten lock",
        bring: storage::locked,
        doctor: "which nobody has refreshed for an hour",
        orders: &[Met { order: Delete, outcome: FailedForNow, text: "locked by somebody else" }],
    },
    Cause {
        name: "full disk of temporary files",
        bring: local::full_of_temporary_files,
        doctor: "space for temporary files",
        orders: &[Met {
            order: Backup,
            outcome: FailedForNow,
            text: "this node's own disk is full, at ",
        }],
    },
    Cause {
        name: "changed host key",
        bring: ssh::with_another_host_key,
        doctor: CHANGED,
        orders: &[
            Met { order: Backup, outcome: Failed, text: CHANGED },
            Met { order: Restore, outcome: Failed, text: "REMOTE HOST IDENTIFICATION" },
        ],
    },
    Cause {
        name: "unknown host key",
        bring: ssh::without_a_host_key,
        doctor: UNKNOWN,
        orders: &[
            Met { order: Backup, outcome: Failed, text: "Host key verification failed" },
            Met { order: Delete, outcome: Failed, text: UNKNOWN },
        ],
    },
    Cause {
        name: "refused key",
        bring: ssh::with_a_refused_key,
        doctor: REFUSED,
        orders: &[
            Met { order: Backup, outcome: Failed, text: REFUSED },
            Met { order: Restore, outcome: Failed, text: "Permission denied (publickey" },
        ],
    },
    Cause {
        name: "server that is not there",
        bring: ssh::of_nobody,
        doctor: AWAY,
        orders: &[
            Met { order: Backup, outcome: FailedForNow, text: "Connection refused" },
            Met { order: Restore, outcome: FailedForNow, text: AWAY },
        ],
    },
    Cause {
        name: "name that is not known",
        bring: ssh::of_no_name,
        doctor: AWAY,
        orders: &[Met { order: Backup, outcome: FailedForNow, text: "Could not resolve hostname" }],
    },
    Cause {
        name: "site that nginx would not close",
        bring: nginx::without_the_lines,
        doctor: "nginx would not close this site during a restore",
        orders: &[],
    },
    Cause {
        name: "PHP that will not forget",
        bring: nginx::with_a_stubborn_pool,
        doctor: "keeps what it has compiled: `opcache.restrict_api`",
        orders: &[Met { order: Restore, outcome: Failed, text: "keeps what it has compiled" }],
    },
    Cause {
        name: "database that nothing saves",
        bring: databases::unsaved,
        doctor: "nothing saves customer_42 on ",
        orders: &[Met { order: Backup, outcome: Incomplete, text: "The schema customer_42 on " }],
    },
];

/// The first column of the table of causes.
fn documented() -> Vec<&'static str> {
    let section = RELIABILITY.split("\n## Causes\n").nth(1).expect("the section of causes");
    let section = section.split("\n## ").next().expect("its text");
    let table = section.lines().skip_while(|line| !line.starts_with("| cause "));
    let rows = table.skip(2).take_while(|line| line.starts_with("| "));
    rows.filter_map(|row| row.split('|').nth(1)).map(str::trim).collect()
}

#[test]
fn every_cause_stands_in_the_documents_and_no_other() {
    let names: Vec<&str> = CAUSES.iter().map(|cause| cause.name).collect();
    assert_eq!(documented(), names);
}
