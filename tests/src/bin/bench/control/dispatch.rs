//! Dispatch: from the moment in which the client has its 202 to the moment in which an idle worker knows
//! that its claim is committed, by the one clock of this machine. Ours is the line that the worker logs
//! then; the peers' workers write a claim of the same SQL and then the time. What is carried out is a
//! program that does nothing, and for the peers nothing.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use holdfast_tests::eventually;
use serde_json::Value;

use super::{
    CUSTOMERS, USUAL_WORKER, begin_anew,
    client::{Client, wait_until},
    installation, orders,
    peer::Stack,
};
use crate::figure::{Figure, quantile};

/// Orders of a turn; those that warm up are not counted.
const ORDERS: usize = 500;
const FIRST: usize = 100;
/// Between two orders, so that the worker is idle again.
const APART: Duration = Duration::from_millis(100);
const SECONDS_OF_A_DAY: f64 = 86_400.0;

/// Measures it.
pub fn figures() -> Vec<Figure> {
    let fleet = installation();
    begin_anew(&fleet);
    let ours = {
        let worker = fleet.worker("one", USUAL_WORKER);
        dispatched(fleet.web.port(), || worker.log().lines().filter_map(claimed_by_ours).collect())
    };
    let theirs = Stack::ALL.map(|stack| {
        begin_anew(&fleet);
        let (web, worker) = (stack.web(&fleet), stack.worker(&fleet));
        let claimed = || {
            let pair = |line: &str| {
                let (job, seconds) = line.split_once(' ')?;
                Some((job.to_owned(), seconds.parse::<f64>().ok()? % SECONDS_OF_A_DAY))
            };
            worker.claims().lines().filter_map(pair).collect()
        };
        (stack.name(), dispatched(web.port(), claimed))
    });
    let mut figures = Vec::new();
    for (name, part) in [("dispatch.p50", 0.5), ("dispatch.p99", 0.99)] {
        let mine = quantile(ours.clone(), part);
        let mut beside: Vec<_> =
            theirs.iter().map(|(peer, took)| (*peer, quantile(took.clone(), part))).collect();
        beside.sort_by_key(|(_, took)| *took);
        for (peer, took) in beside {
            let figure = Figure::milliseconds(name, "from the 202 to the claim", mine);
            figures.push(figure.beside_duration(peer, took));
        }
    }
    figures.push(Figure::fdatasync("the disk of the database", fleet.node.root()));
    figures
}

/// How long after its 202 each order was claimed. A claim may come before its 202: that took no time.
fn dispatched(port: u16, claimed: impl Fn() -> BTreeMap<String, f64>) -> Vec<Duration> {
    let mut client = Client::new(port);
    let orders = orders(CUSTOMERS.take(ORDERS));
    let begin = Instant::now();
    let answered: Vec<(String, f64)> = (0u32..)
        .zip(&orders)
        .map(|(number, order)| {
            wait_until(begin + APART * number);
            let answer = client.ask(order);
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time");
            assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
            let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
            (body["job"].as_str().expect("a job").to_owned(), now.as_secs_f64() % SECONDS_OF_A_DAY)
        })
        .collect();
    let claimed = eventually("the last claim", || {
        let claimed = claimed();
        (claimed.len() == ORDERS).then_some(claimed)
    });
    let took = |(job, since): &(String, f64)| {
        let seconds = (claimed[job] - since + 1.5 * SECONDS_OF_A_DAY) % SECONDS_OF_A_DAY;
        Duration::from_secs_f64((seconds - SECONDS_OF_A_DAY / 2.0).max(0.0))
    };
    answered[FIRST..].iter().map(took).collect()
}

/// The job and the second of the day of a line that is written when a claim is committed.
fn claimed_by_ours(line: &str) -> Option<(String, f64)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let job = line["job"].as_str().filter(|_| line.get("attempt").is_some())?;
    let (_, time) = line["timestamp"].as_str()?.trim_end_matches('Z').split_once('T')?;
    let mut parts = time.split(':').map_while(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    Some((job.to_owned(), hours * 3600.0 + minutes * 60.0 + seconds))
}
