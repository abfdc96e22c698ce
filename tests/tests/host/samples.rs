//! One of the fifty points of `scripts/soak host`, another one each time.
//!
//! Needs: mariadb, nginx, redis, restic, systemd.

use holdfast_tests::{Harm, Host, Seed, Shop};

#[test]
fn a_site_is_whole_and_open_whatever_befalls_its_host_in_a_stage() {
    let mut seed = Seed::new();
    let (harm, stage) = (*seed.pick(&Harm::ALL), *seed.pick(&Harm::STAGES));
    println!("{harm:?} in {stage}");
    let mut shop = Shop::on(Host::installed().with_rehearsal());
    harm.befall(&mut shop, stage);
}
