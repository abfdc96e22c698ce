//! What an admitted order leaves: a signed ticket, a row, an audit, a bell.
//!
//! Needs: mariadb, redis, restic.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ed25519_dalek::{Signature, VerifyingKey};
use holdfast_job::{
    Backup, Bell, Delete, JobId, Label, Order, PublicKey, REQUEST_VERSION, Request, Restore,
    Ticket, Undo, UndoCopy,
};
use holdfast_tests::{Fleet, eventually};
use serde_json::json;

const A_WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

#[test]
fn every_order_is_signed_as_it_was_given_audited_and_rung_for() {
    let fleet = Fleet::recording();
    let (web, path) = (&fleet.web, "/api/v1/customers/42/backups");
    let repository = || "manual".parse().expect("a name");
    let (saved, snapshot) = fleet.enter_backup(42, 1, "");

    let admitted = Admitted::now(&fleet, || {
        web.post(path, &json!({ "scope": "shop,web", "note": "Vor dem Umbau 🐦" })).job()
    });
    admitted.is(Order::Backup(Backup {
        repository: repository(),
        scope: "shop,web".parse().expect("a scope"),
        label: Label::Manual,
    }));
    let columns = "job_type, backup_type, source_ids, snapshot_id, undo_of, class, pool, note, \
                   status, attempt, fence, requested_by, repository";
    let row = admitted.row(columns);
    assert_eq!(
        row,
        "backup\tsources\tshop,web\tNULL\tNULL\tmanual\tdefault\tVor dem Umbau 🐦\tpending\t0\t0\t\
         user:root\tmanual"
    );
    admitted.audited("backup", "shop,web");
    admitted.rung("backups", 10);
    fleet.end_jobs();

    let body = json!({
        "confirm": "RESTORE", "scope": "files", "undo": "none", "keep_unhealthy": true,
    });
    let admitted =
        Admitted::now(&fleet, || web.post(&format!("{path}/{saved}/restore"), &body).job());
    let restore = admitted.job;
    admitted.is(Order::Restore(Restore {
        repository: repository(),
        snapshot: snapshot.clone(),
        scope: "files".parse().expect("a scope"),
        undo: UndoCopy::None,
        maintenance: None,
        keep_unhealthy: true,
    }));
    let row = admitted.row("job_type, backup_type, snapshot_id, class");
    assert_eq!(row, format!("restore\tfiles\t{snapshot}\trestore"));
    admitted.audited("restore", "files");
    admitted.rung("backups", 0);
    fleet.end_jobs();

    let result = json!({
        "version": 1, "job": restore, "outcome": "completed", "customer_message": "Done.",
        "operator_message": "done", "sources": [], "undo_until": 4_000_000_000_u64,
    });
    fleet.query(&format!(
        "UPDATE customer_backup_jobs SET result = '{result}' WHERE uuid = '{restore}'"
    ));
    let admitted = Admitted::now(&fleet, || {
        let path = format!("/api/v1/customers/42/jobs/{restore}/undo");
        web.post(&path, &json!({ "confirm": "UNDO" })).job()
    });
    admitted.is(Order::Undo(Undo { of: Some(restore) }));
    assert_eq!(admitted.row("job_type, undo_of, class"), format!("undo\t{restore}\trestore"));
    admitted.audited("undo", "both");
    admitted.rung("backups", 0);
    fleet.end_jobs();

    let admitted = Admitted::now(&fleet, || web.delete(&format!("{path}/{saved}")).job());
    admitted.is(Order::Delete(Delete { repository: repository(), snapshots: vec![snapshot] }));
    assert_eq!(admitted.row("job_type, class"), "delete\thousekeeping");
    admitted.audited("delete", "both");
    admitted.rung("backups", 360);
}

#[test]
fn an_order_goes_to_the_node_and_the_queue_of_the_customers_pool() {
    let fleet = Fleet::recording();
    fleet.admin(&["node", "add", "test-2", "--pool", "far"]);
    fleet.admin(&["customer", "add", "44", "--external-id", "acme", "--pool", "far"]);
    let admitted = Admitted {
        customer: 44,
        node: "test-2",
        ..Admitted::now(&fleet, || {
            let path = "/api/v1/customers/acme/backups";
            fleet.web.post(path, &json!({ "scope": "db" })).job()
        })
    };
    admitted.is(Order::Backup(Backup {
        repository: "manual".parse().expect("a name"),
        scope: "db".parse().expect("a scope"),
        label: Label::Manual,
    }));
    assert_eq!(admitted.row("pool, customer_id"), "far\t44");
    admitted.audited("backup", "db");
    admitted.rung("backups:far", 10);
    assert_eq!(fleet.redis.say(&["EXISTS", "backups"]), "0");
}

/// An admitted job, and between when and when, in milliseconds since 1970.
struct Admitted<'a> {
    fleet: &'a Fleet,
    job: JobId,
    customer: u32,
    node: &'static str,
    between: (u64, u64),
}

impl<'a> Admitted<'a> {
    fn now(fleet: &'a Fleet, order: impl FnOnce() -> JobId) -> Self {
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
            u64::try_from(since.as_millis()).expect("before the end of time")
        };
        let before = now();
        let job = order();
        Self { fleet, job, customer: 42, node: "test-1", between: (before, now()) }
    }

    fn row(&self, columns: &str) -> String {
        let job = self.job;
        let select = format!("SELECT {columns} FROM customer_backup_jobs WHERE uuid = '{job}'");
        self.fleet.query(&select)
    }

    /// The ticket is signed by the installed key, and says this.
    fn is(&self, order: Order) {
        let line = unhex(&self.row("HEX(ticket)"));
        let ticket = Ticket::parse(&line).expect("a ticket");
        assert_eq!(ticket.key().as_str(), "web-1");
        let installed = self.fleet.node.root().join("etc/ticket-keys/web-1.pub");
        let key = fs::read_to_string(installed).expect("a key");
        let key: PublicKey = key.trim_end().parse().expect("a key");
        let key = VerifyingKey::from_bytes(key.bytes()).expect("a key");
        let signed = Ticket::signed_bytes(ticket.key(), ticket.request());
        let signature = Signature::from_bytes(ticket.signature());
        key.verify_strict(&signed, &signature).expect("a good signature");

        let request = Request::parse(ticket.request().as_bytes()).expect("a request");
        let issued = request.issued_at;
        let (before, after) = self.between;
        assert!((before / 1000..=after / 1000).contains(&issued.unix_seconds()), "{issued}");
        let expected = Request {
            version: REQUEST_VERSION,
            job: self.job,
            node: Some(self.node.parse().expect("a name")),
            customer: self.customer.to_string().parse().expect("a number"),
            issued_at: issued,
            not_after: issued.plus(A_WEEK),
            order,
        };
        assert_eq!(request, expected);
        let days = self.row("TIMESTAMPDIFF(SECOND, run_after, not_after), run_after = created_at");
        assert_eq!(days, format!("{}\t1", A_WEEK.as_secs()));
    }

    /// One row of the audit names it.
    fn audited(&self, action: &str, detail: &str) {
        let select = format!(
            "SELECT actor, action, customer_id, detail FROM audit WHERE job_uuid = '{}'",
            self.job
        );
        let expected = format!("user:root\t{action}\t{}\t{detail}", self.customer);
        assert_eq!(self.fleet.query(&select), expected);
    }

    /// It is rung for in this queue, at the time at which it is due and so many minutes.
    fn rung(&self, queue: &str, handicap_minutes: u64) {
        let score = eventually("the bell", || {
            let entry = Bell::of(self.job).text();
            self.fleet.redis.say(&["ZSCORE", queue, &entry]).parse::<u64>().ok()
        });
        let due = score - handicap_minutes * 60_000;
        assert!((self.between.0..=self.between.1).contains(&due), "{due} {:?}", self.between);
    }
}

fn unhex(digits: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}
