//! Somebody is killed in the middle of a restore.

use holdfast_job::JobId;
use holdfast_tests::{Host, Process, Seen, Shop, eventually, signal};

/// Sends SIGKILL to the one process of the host that is so.
fn kill(host: &Host, what: &str, is: impl Fn(&Process) -> bool) {
    let found = eventually(what, || host.processes().into_iter().find(&is));
    signal("KILL", &found.pid.to_string());
    eventually(&format!("the end of {what}"), || {
        let there = host.processes().into_iter().any(|process| process.pid == found.pid);
        (!there).then_some(())
    });
}

/// A restore in which `harm` is done when it is at its point.
fn restore(shop: &Shop, script: &str, harm: impl FnOnce(JobId)) -> Vec<Seen> {
    shop.host.rehearse(script);
    let restore = shop.restore();
    if let Some((_, stage)) = script.split_once(' ') {
        shop.until_at(restore.job, stage);
    }
    harm(restore.job);
    shop.host.open_gate();
    let (seen, _) = shop.completed(restore);
    seen.seen()
}

#[test]
fn a_site_comes_whole_out_of_its_restore_whoever_is_killed_in_it() {
    let shop = Shop::on(Host::installed().with_rehearsal());
    let host = &shop.host;
    let mut seen = Vec::new();
    for stage in ["load", "swap_database", "resume"] {
        println!("the worker at {stage}");
        seen.extend(restore(&shop, &format!("wait {stage}"), |_| {
            kill(host, "the worker", |process| process.is("holdfast-worker"));
        }));
        println!("the executor at {stage}");
        seen.extend(restore(&shop, &format!("held {stage}"), |_| {
            kill(host, "the executor", |process| process.executes("restore"));
        }));
    }
    println!("restic");
    seen.extend(restore(&shop, "", |_| {
        kill(host, "restic", |process| {
            process.is("restic") && process.command.iter().any(|word| word == "restore")
        });
    }));
    let page = |seen: &Seen| matches!(seen, Seen::Page(_) | Seen::Status(503));
    assert!(seen.iter().all(page), "{seen:#?}");

    // The sites' server is the control plane's as well. While it is away the shop has no page.
    for stage in ["load", "swap_database", "swap_files"] {
        println!("mariadbd at {stage}");
        restore(&shop, &format!("held {stage}"), |_| {
            kill(host, "mariadbd", |process| process.is("mariadbd"));
        });
    }
}
