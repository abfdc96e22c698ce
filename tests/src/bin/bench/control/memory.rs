//! Memory: what the web side and a worker have resident when they are idle for the first time, and when
//! a load has been and gone; one process of each, where a peer has several.

use std::{thread, time::Duration};

use holdfast_tests::{Fleet, Footprint, be_patient, eventually};

use super::{
    CONNECTIONS, CUSTOMERS, USUAL_WORKER, begin_anew, client, installation, orders, peer::Stack,
};
use crate::figure::Figure;

/// The load, which the workers work off.
const ORDERS: usize = CONNECTIONS * 10;
/// How long a process has to give back what it does not need.
const REST: Duration = Duration::from_secs(5);
/// What they are to have at most, in MB.
const LIMITS: [(&str, f64); 2] = [("the limit", 20.0), ("the limit", 15.0)];

/// What a web side and a worker have, in MB.
struct Idle {
    first: [f64; 2],
    after: [f64; 2],
}

/// How long the slowest worker may take for the load.
const PATIENCE: Duration = Duration::from_secs(600);

/// Measures it.
pub fn figures() -> Vec<Figure> {
    be_patient(PATIENCE);
    let fleet = installation();
    let ours = {
        let worker = fleet.worker("one", USUAL_WORKER);
        idle(&fleet, fleet.web.port(), || [fleet.web.pid(), worker.pid()])
    };
    let theirs = Stack::ALL.map(|stack| {
        let (web, worker) = (stack.web(&fleet), stack.worker(&fleet));
        (stack.name(), idle(&fleet, web.port(), || [web.pid(), worker.pid()]))
    });
    let names = [
        ("memory.enqueue", "memory.enqueue.first", 0),
        ("memory.worker", "memory.worker.first", 1),
    ];
    let mut figures = Vec::new();
    for (after, first, part) in names {
        let (limit, most) = LIMITS[part];
        let mine = |name, value| Figure::new(name, "resident", value, "MB");
        figures.push(mine(after, ours.after[part]).beside(limit, most));
        for (peer, idle) in &theirs {
            figures.push(mine(after, ours.after[part]).beside(peer, idle.after[part]));
        }
        for (peer, idle) in &theirs {
            figures.push(mine(first, ours.first[part]).beside(peer, idle.first[part]));
        }
    }
    figures
}

fn idle(fleet: &Fleet, port: u16, pids: impl Fn() -> [u32; 2]) -> Idle {
    begin_anew(fleet);
    let resident = || {
        thread::park_timeout(REST);
        pids().map(|pid| Footprint::of(pid).resident_kib as f64 * 1024.0 / 1e6)
    };
    let first = resident();
    client::rate(port, &orders(CUSTOMERS.take(ORDERS)), CONNECTIONS, 202);
    eventually("the last claim", || {
        let left = "SELECT COUNT(*) FROM customer_backup_jobs WHERE status = 'pending'";
        (fleet.query(left) == "0").then_some(())
    });
    Idle { first, after: resident() }
}
