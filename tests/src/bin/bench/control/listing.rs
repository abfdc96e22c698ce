//! Listing: the first page and a page far behind of one customer's backups, each time another's, among a
//! million of a thousand customers. The peer is what a page without a catalogue would run: one `restic
//! snapshots` of one customer.

use std::time::Duration;

use holdfast_job::{SourceResult, WhatHappened};
use holdfast_tests::{Fleet, Node, output_of};

use super::{CUSTOMERS, client, installation, token};
use crate::{
    bare,
    figure::{Figure, median, quantile},
    like_ours, timed,
};

/// Customers who have backups, and how many each.
const OWNERS: u32 = 1_000;
const EACH: u32 = 1_000;
/// So many are left behind the page far behind.
const LEFT: u32 = 100;
const REQUESTS: u32 = 4_000;
const PER_SECOND: u32 = 200;
const CONNECTIONS: usize = 8;
const SIZE: &str = "a million rows, 200 a second";

/// Measures it.
pub fn figures() -> Vec<Figure> {
    let restic = restic_snapshots();
    let fleet = installation();
    eprintln!("entering a million backups …");
    enter_backups(&fleet);
    let pages: Vec<Vec<u8>> = (0..REQUESTS).map(page).collect();
    client::latencies(fleet.web.port(), &pages[..400], CONNECTIONS, 200, PER_SECOND);
    let took = client::latencies(fleet.web.port(), &pages, CONNECTIONS, 200, PER_SECOND);
    let p99 = quantile(took.clone(), 0.99);
    vec![
        Figure::milliseconds("listing.p99", SIZE, p99).beside_duration("restic snapshots", restic),
        Figure::milliseconds("listing.p50", SIZE, quantile(took, 0.5))
            .beside_duration("restic snapshots", restic),
        Figure::fdatasync("the disk of the database", fleet.node.root()),
    ]
}

/// One of a repository with a handful of snapshots: the median.
fn restic_snapshots() -> Duration {
    let node = Node::with_site();
    (0..5).for_each(|_| drop(node.backed_up()));
    like_ours(&node);
    let list = || timed(|| output_of(&mut bare(&node, &["snapshots", "--json"]))).1;
    list();
    median((0..5).map(|_| list()).collect())
}

/// A backup of each customer in turn, again and again, as days bring them: one customer's are far apart.
fn enter_backups(fleet: &Fleet) {
    let sources = serde_json::to_string(&[SourceResult {
        id: "web".parse().expect("an id"),
        name: "Website".into(),
        what: WhatHappened::Saved,
        bytes: 500_000_000,
        entries: 10_000,
    }])
    .expect("JSON");
    fleet.query(&format!(
        "INSERT INTO customer_backups (uuid, customer_id, repository, snapshot_id, kind, scope, \
         sources, bytes, verified_at, requested_by, created_at) \
         SELECT LOWER(CONCAT(LPAD(HEX(seq DIV 65536), 8, '0'), '-', LPAD(HEX(seq % 65536), 4, '0'), \
         '-7000-8000-000000000000')), {} + seq % {OWNERS}, 'main', SHA2(seq, 256), 'manual', 'files', \
         '{sources}', 500000000, NOW(3), 'user:owner', NOW(3) - INTERVAL 1000000 - seq SECOND \
         FROM seq_0_to_{}",
        CUSTOMERS.start,
        OWNERS * EACH - 1
    ));
}

/// The request of a page: by turns the first of a customer, and one far behind.
fn page(number: u32) -> Vec<u8> {
    let owner = (number / 2 * 7) % OWNERS;
    let behind = owner + LEFT * OWNERS;
    let query = match number % 2 {
        0 => String::new(),
        _ => {
            let (high, low) = (behind / 65536, behind % 65536);
            format!("?cursor={high:08x}-{low:04x}-7000-8000-000000000000")
        }
    };
    let customer = CUSTOMERS.start + owner;
    format!(
        "GET /api/v1/customers/shop-{customer}/backups{query} HTTP/1.1\r\nHost: holdfast\r\n\
         Authorization: Bearer {}\r\n\r\n",
        token(customer)
    )
    .into_bytes()
}
