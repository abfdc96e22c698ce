//! A host is stopped and started in the middle of a restore.

use holdfast_tests::{Host, Power, Shop};

/// A shop on a host whose worker does not let a restore end by itself when it is told to stop.
fn shop() -> Shop {
    let shop = Shop::on(Host::installed().with_rehearsal());
    shop.host.configure_worker("grace_seconds = 1");
    shop
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
    for stage in ["fetch", "close", "swap_files", "open"] {
        shop.restore_through(stage, Power::Off);
    }
}
