//! A shop with a backup on an installed host, restored again and again under the eyes of visitors; and
//! what must be so at the end whatever happened to the host meanwhile.

use holdfast_job::JobId;
use serde_json::{Value, json};

use super::{Door, Edition, Host, Seen, Visitor, Visits};
use crate::{Web, eventually};

/// How a host is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// It is told to power off, and every unit ends as it should.
    Off,
    /// Its power is cut.
    Cut,
}

/// A shop that has a backup of its edition `one`.
#[derive(Debug)]
pub struct Shop {
    /// The web side of its host.
    pub web: Web,
    /// Its host.
    pub host: Host,
    /// What it was at the time of the backup.
    pub one: Edition,
    /// What the backup is called: the job that made it.
    pub backup: JobId,
    _door: Door,
}

/// A restore of the shop, which was of the edition `two` before.
#[derive(Debug)]
pub struct Restore {
    /// The job.
    pub job: JobId,
    /// What it was before.
    pub two: Edition,
    shop: Visitor,
    bakery: Visitor,
}

impl Shop {
    /// Saves the shop of this host.
    pub fn on(host: Host) -> Self {
        let door = host.door();
        let web = host.web(&door);
        web.until_up();
        let one = host.edition();
        let backup = web.order_backup(Host::SHOP, "both");
        web.until(Host::SHOP, backup, "completed");
        host.expect_edition(&one);
        Self { web, host, one, backup, _door: door }
    }

    /// Publishes the edition `two`, lets visitors in, and orders the backup back.
    pub fn restore(&self) -> Restore {
        let two = self.host.publish("two");
        let (shop, bakery) = (self.host.visitor(Host::SHOP), self.host.visitor(Host::BAKERY));
        let path = format!("/api/v1/customers/{}/backups/{}/restore", Host::SHOP, self.backup);
        let job = self.web.post(&path, &json!({ "confirm": "RESTORE" })).job();
        Restore { job, two, shop, bakery }
    }

    /// Waits until a job is at this stage.
    ///
    /// # Panics
    /// If it ends before that.
    pub fn until_at(&self, job: JobId, stage: &str) {
        eventually(&format!("{stage} of job {job}"), || {
            let shown = self.shown(job)?;
            assert!(under_way(&shown), "{shown:#}");
            (shown["stage"]["name"] == stage).then_some(())
        });
    }

    /// A job of the shop's as it is shown, if the web side can look.
    fn shown(&self, job: JobId) -> Option<Value> {
        let answer = self.web.get(&format!("/api/v1/customers/{}/jobs/{job}", Host::SHOP));
        (answer.status != 503).then(|| answer.with(200).body)
    }

    /// Stops the host, and starts it again.
    pub fn power_cycle(&mut self, power: Power) {
        match power {
            Power::Off => self.host.power_off(),
            Power::Cut => self.host.cut_power(),
        }
        self.host.start();
        self.web.until_up();
    }

    /// A restore whose host is stopped at this stage and started again; which is then completed. The job.
    /// For a host with the executor of the tests.
    pub fn restore_through(&mut self, stage: &str, power: Power) -> Value {
        println!("{power:?} at {stage}");
        self.host.rehearse(&format!("wait {stage}"));
        let restore = self.restore();
        self.until_at(restore.job, stage);
        self.power_cycle(power);
        self.completed(restore).1
    }

    /// A restore in whose stage `harm` is done; which is then completed. `script` is what the executor of
    /// the tests does: see [`Host::rehearse`]. What visitors of the shop have seen.
    pub fn restore_harmed(&self, script: &str, harm: impl FnOnce(&Host)) -> Visits {
        println!("{script}");
        self.host.rehearse(script);
        let restore = self.restore();
        if let Some((_, stage)) = script.split_once(' ') {
            self.until_at(restore.job, stage);
        }
        harm(&self.host);
        self.host.open_gate();
        self.completed(restore).0
    }

    /// Waits until the restore is completed, which it must be in the end. The shop is of the edition
    /// `one` then, nothing runs that should not, the bakery never closed, and nobody was shown a shop of
    /// two editions. What visitors of the shop have seen, and the job.
    ///
    /// # Panics
    /// If not.
    pub fn completed(&self, restore: Restore) -> (Visits, Value) {
        let job = eventually(&format!("the end of job {}", restore.job), || {
            self.shown(restore.job).filter(|shown| !under_way(shown))
        });
        assert_eq!(job["status"], "completed", "{job:#}");
        self.host.expect_edition(&self.one);
        restore.shop.until(&Host::shows("one"));
        let (shop, bakery) = (restore.shop.leave(), restore.bakery.leave());
        for (visits, pages) in [
            (&shop, [Host::shows("one"), Host::shows("two")].as_slice()),
            (&bakery, &[Seen::Page("bread".into())]),
        ] {
            let page = |seen: &Seen| matches!(seen, Seen::Page(_));
            let odd = visits.seen().into_iter().find(|seen| page(seen) && !pages.contains(seen));
            assert!(odd.is_none(), "{odd:?}: {visits:#?}");
        }
        assert!(!bakery.seen().contains(&Seen::Status(503)), "{bakery:#?}");
        self.host.until_tidy();
        (shop, job)
    }
}

fn under_way(shown: &Value) -> bool {
    ["pending", "running"].iter().any(|status| shown["status"] == *status)
}
