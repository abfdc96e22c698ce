//! Admission: token, signature, row, audit, bell. Each order is another customer's.
//!
//! `admission.rate` is a closed loop: 64 connections, each with the next order as soon as it has its 202.
//! `admission.p99` comes 1,000 times a second, whatever is answered, and is counted from the moment in
//! which the order was to be sent.

use holdfast_tests::Fleet;

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
    let ports: Vec<u16> =
        [fleet.web.port()].into_iter().chain(peers.iter().map(|(_, peer)| peer.port())).collect();
    let orders = orders(CUSTOMERS.take(ORDERS));
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); ports.len()];
    let mut limits = Vec::new();
    for &port in &ports {
        closed(&fleet, port, &orders[..FIRST]);
    }
    for _ in 0..ROUNDS {
        for (rates, &port) in rates.iter_mut().zip(&ports) {
            rates.push(closed(&fleet, port, &orders));
        }
        limits.push(bare::insert_rate(&fleet, ORDERS));
    }
    let rates: Vec<f64> = rates.into_iter().map(median).collect();
    let limit = median(limits);
    let p99s: Vec<_> = ports
        .iter()
        .map(|&port| {
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
    for (place, name) in [(1, "admission.p99"), (0, "admission.p50")] {
        for &stack in &stacks {
            let took = Figure::milliseconds(name, OPEN, p99s[0][place]);
            figures.push(took.beside_duration(peers[stack].0.name(), p99s[stack + 1][place]));
        }
    }
    figures.push(Figure::fdatasync("the disk of the database", fleet.node.root()));
    figures
}

fn closed(fleet: &Fleet, port: u16, orders: &[Vec<u8>]) -> f64 {
    begin_anew(fleet);
    client::rate(port, orders, CONNECTIONS, 202)
}
