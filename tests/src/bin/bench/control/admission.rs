//! Admission: token, signature, row, audit, bell. Each order is another customer's.
//!
//! `admission.rate` is a closed loop: 64 connections, each with the next order as soon as it has its 202.
//! `admission.p99` comes 1,000 times a second, whatever is answered, and is counted from the moment in
//! which the order was to be sent. `admission.work` is the time on a processor that an order takes of web
//! side, MariaDB and Redis together, which tells most where other work is on the machine.

use std::time::Duration;

use holdfast_tests::{Fleet, Footprint};

use super::{
    CONNECTIONS, CUSTOMERS, bare, begin_anew, client, installation, orders,
    peer::{Peer, Stack},
};
use crate::figure::{Figure, median, quantile};

/// Orders of a round; as many for each connection.
const ORDERS: usize = CONNECTIONS * 160;
/// Rounds, in each of which every one has its turn.
const ROUNDS: usize = 3;
/// Orders that warm up.
const FIRST: usize = CONNECTIONS * 40;
const PER_SECOND: u32 = 1_000;

const RATE: &str = "64 connections";
const OPEN: &str = "1,000 a second";

/// Measures it.
pub fn figures() -> Vec<Figure> {
    let fleet = installation();
    let peers: Vec<(Stack, Peer)> = Stack::ALL.map(|stack| (stack, stack.web(&fleet))).into();
    let theirs = peers.iter().map(|(_, peer)| (peer.port(), peer.first_pid()));
    let webs: Vec<(u16, u32)> =
        [(fleet.web.port(), fleet.web.pid())].into_iter().chain(theirs).collect();
    let orders = orders(CUSTOMERS.take(ORDERS));
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); webs.len()];
    let mut limits = Vec::new();
    for &web in &webs {
        closed(&fleet, web, &orders[..FIRST]);
    }
    for _ in 0..ROUNDS {
        for (turns, &web) in turns.iter_mut().zip(&webs) {
            turns.push(closed(&fleet, web, &orders));
        }
        limits.push(bare::insert_rate(&fleet, ORDERS));
    }
    let of = |what: fn(&Turn) -> f64| -> Vec<f64> {
        turns.iter().map(|turns| median(turns.iter().map(what).collect())).collect()
    };
    let (rates, work) = (of(|turn| turn.rate), of(|turn| turn.work_ms));
    let limit = median(limits);
    let p99s: Vec<_> = webs
        .iter()
        .map(|&(port, _)| {
            begin_anew(&fleet);
            let took = client::latencies(port, &orders, CONNECTIONS, 202, PER_SECOND);
            [0.5, 0.99].map(|part| quantile(took.clone(), part))
        })
        .collect();
    let mut stacks: Vec<usize> = (0..peers.len()).collect();
    stacks.sort_by(|&one, &other| rates[other + 1].total_cmp(&rates[one + 1]));
    let mut figures = Vec::new();
    for &stack in &stacks {
        let rate = Figure::new("admission.rate", RATE, rates[0], "1/s");
        figures.push(rate.beside(peers[stack].0.name(), rates[stack + 1]));
    }
    figures.push(
        Figure::new("admission.rate", RATE, rates[0], "1/s").beside("the bare inserts", limit),
    );
    figures.push(Figure::new("admission.insert_rate", RATE, limit, "1/s"));
    for &stack in &stacks {
        let mine = Figure::new("admission.work", RATE, work[0], "ms");
        figures.push(mine.beside(peers[stack].0.name(), work[stack + 1]));
    }
    for (place, name) in [(1, "admission.p99"), (0, "admission.p50")] {
        for &stack in &stacks {
            let took = Figure::milliseconds(name, OPEN, p99s[0][place]);
            figures.push(took.beside_duration(peers[stack].0.name(), p99s[stack + 1][place]));
        }
    }
    figures.push(Figure::fdatasync("the disk of the database", fleet.node.root()));
    figures
}

/// What a turn of the closed loop showed.
#[derive(Clone, Copy)]
struct Turn {
    /// Orders a second.
    rate: f64,
    /// The time on a processor of one.
    work_ms: f64,
}

fn closed(fleet: &Fleet, (port, pid): (u16, u32), orders: &[Vec<u8>]) -> Turn {
    begin_anew(fleet);
    let busy = || -> Duration {
        [pid, fleet.control.pid(), fleet.redis.pid()].into_iter().map(Footprint::busy).sum()
    };
    let before = busy();
    let rate = client::rate(port, orders, CONNECTIONS, 202);
    let work = busy() - before;
    Turn { rate, work_ms: work.as_secs_f64() * 1e3 / orders.len() as f64 }
}
