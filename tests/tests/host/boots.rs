//! A host is stopped and started in the middle of a restore.
//!
//! Needs: mariadb, nginx, redis, restic, systemd.

use holdfast_tests::{Host, Power, Shop};

fn shop() -> Shop {
    Shop::on(Host::installed().with_rehearsal())
}

#[test]
fn a_site_is_whole_and_open_when_its_host_has_lost_its_power_in_a_restore() {
    let mut shop = shop();
    for stage in ["load", "halt", "swap_database", "resume", "keep"] {
        shop.restore_through(stage, Power::Cut);
    }
}

#[test]
fn a_site_is_whole_and_open_when_its_host_was_told_to_stop_in_a_restore() {
    let mut shop = shop();
    for stage in ["fetch", "close", "halt", "swap_files", "open", "keep"] {
        let job = shop.restore_through(stage, Power::Off);
        assert_eq!(job["operator"]["attempt"], 1, "it costs no attempt: {job:#}");
    }
}
