//! The control plane: how fast orders are admitted and taken, how fast backups are listed, and how much
//! memory that takes; beside the same in Flask with RQ and in Express with BullMQ (`tests/peers`).
//!
//! All are on one machine, on one MariaDB with `innodb_flush_log_at_trx_commit=1` on a real disk and one
//! Redis, and have their turns in one run, through one client. The tables are empty when a turn begins.

pub mod admission;
mod bare;
mod client;
pub mod dispatch;
pub mod listing;
pub mod memory;
mod peer;

use std::{
    ops::Range,
    time::{SystemTime, UNIX_EPOCH},
};

use holdfast_tests::{Fleet, TokenKey};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use serde_json::json;

/// What a host's own server would have; the rest is as the server has it by default.
const SERVER: [&str; 4] = [
    "--innodb-buffer-pool-size=256M",
    "--innodb-log-file-size=256M",
    "--max-connections=300",
    "--innodb-flush-log-at-trx-commit=1",
];
/// The numbers of the customers, each with an external id of its own.
const CUSTOMERS: Range<u32> = 1_000..31_000;
/// The connections of the client; kept open.
const CONNECTIONS: usize = 64;

/// An installation as a host would have it, with many customers.
fn installation() -> Fleet {
    let place = std::env::temp_dir();
    assert!(
        statfs(&place).expect("a file system").filesystem_type() != TMPFS_MAGIC,
        "{} is in memory, where nothing is made durable: set TMPDIR to a folder on a disk",
        place.display()
    );
    let Range { start, end } = CUSTOMERS;
    let host = format!(
        "CREATE DATABASE control CHARACTER SET utf8mb4; USE control;
         CREATE TABLE customers (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255));
         INSERT INTO customers (id) SELECT seq FROM seq_{start}_to_{};",
        end - 1
    );
    let mut fleet = Fleet::recording_with(&host, &SERVER);
    fleet.query(
        "INSERT INTO backup_customers (customer_id, uuid, external_id) \
         SELECT id, UUID(), CONCAT('shop-', id) FROM customers",
    );
    fleet.reconfigure_web("plan_every_seconds = 0.3\nworker_silence_seconds = 5\n", "");
    fleet
}

/// A worker that is configured as `docs/worker.example.toml` has it, in all but what it starts.
const USUAL_WORKER: &str = "lease_seconds = 60\nheartbeat_seconds = 15\nscan_seconds = 10\n\
                            busy_retry_seconds = 10\nbackoff_seconds = 30\ngrace_seconds = 600\n";

/// No job was ever ordered, and no bell rings.
fn begin_anew(fleet: &Fleet) {
    fleet.query("TRUNCATE customer_backup_jobs; TRUNCATE job_events; TRUNCATE audit");
    fleet.redis.say(&["FLUSHALL"]);
}

/// Orders of a backup, each by another customer with a token of their own.
fn orders(customers: impl Iterator<Item = u32>) -> Vec<Vec<u8>> {
    let body = json!({ "scope": "files" }).to_string();
    let order = |customer| {
        format!(
            "POST /api/v1/customers/shop-{customer}/backups HTTP/1.1\r\nHost: holdfast\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            token(customer),
            body.len()
        )
        .into_bytes()
    };
    customers.map(order).collect()
}

/// As the host's login makes it.
fn token(customer: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let claims = json!({
        "sub": format!("owner-{customer}"), "iss": "host", "aud": "holdfast", "exp": now + 3600,
        "customers": [format!("shop-{customer}")], "scope": "backup:read backup:write",
    });
    TokenKey { algorithm: "HS256", secret: TOKEN_SECRET.as_bytes() }.token(&claims)
}

/// The secret of [`Fleet`]'s tokens.
const TOKEN_SECRET: &str = "tttttttttttttttttttttttttttttttttttttttttttttttt";
