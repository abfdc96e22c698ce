//! Somebody is killed in the middle of a restore.
//!
//! Needs: mariadb, nginx, redis, restic, systemd.

use holdfast_tests::{Host, Seen, Shop, Visits};

/// Pages, of one edition or the other, and the 503.
fn assert_pages(visits: &Visits) {
    let page = |seen: &Seen| matches!(seen, Seen::Page(_) | Seen::Status(503));
    assert!(visits.seen().iter().all(page), "{visits:#?}");
}

#[test]
fn a_restore_comes_to_its_end_though_worker_and_executor_are_killed_in_it() {
    let shop = Shop::on(Host::installed().with_rehearsal());
    for stage in ["load", "swap_database", "resume"] {
        // The executor hears that its worker is gone, and ends or goes on.
        assert_pages(&shop.restore_harmed(&format!("wait {stage}"), Host::kill_worker));
        assert_pages(&shop.restore_harmed(&format!("held {stage}"), Host::kill_executor));
    }
}

/// While the server is away the shop has no page.
#[test]
fn a_restore_comes_to_its_end_though_restic_and_mariadbd_are_killed_in_it() {
    let shop = Shop::on(Host::installed().with_rehearsal());
    assert_pages(&shop.restore_harmed("", Host::kill_restic));
    for stage in ["load", "swap_database", "swap_files"] {
        shop.restore_harmed(&format!("held {stage}"), Host::kill_mariadbd);
    }
}
