//! An order on an installed host, and what a deploy does to one.

use std::time::Duration;

use holdfast_tests::{Host, Seen, Shop};

/// A page of nginx's own server, and the time that two programs of systemd need.
const SHORT: Duration = Duration::from_secs(3);

#[test]
fn visitors_of_an_installed_host_see_a_restore_as_one_short_503_and_its_neighbours_see_nothing() {
    let shop = Shop::on(Host::installed());
    let restore = shop.restore();
    let (seen, job) = shop.completed(restore);
    let wanted = [Host::shows("two"), Seen::Status(503), Host::shows("one")];
    assert_eq!(seen.seen(), wanted, "{seen:#?}");
    assert!(seen.closed() < SHORT, "{:?}", seen.closed());
    println!("closed for {:?}, by the job {} ms", seen.closed(), job["closed_ms"]);
}
