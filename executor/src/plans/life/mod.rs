//! What restore and undo share about a site's life: what runs on it stands still for the switch, and
//! a site that was well before is well behind it, or is its old self again.
//!
//! As with the trees, all of it works on what the journal has noted.

mod looks;

use std::{path::PathBuf, time::Duration};

use holdfast_job::Level;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

pub(super) use self::looks::comes_up_again;
use super::{CONTACT_SUPPORT, code::Code};
use crate::{
    config::{Probe, Services},
    failure::{Failure, FailureKind, chain},
    health::{Answer, ask},
    hooks,
    journal::Record,
    note::Note,
    services::{Aim, Condition, Found, Ground, Patience, Running, ServiceError},
    work::{Work, no_stop},
};

/// A site that was not well before, or may be unwell, has so long to be well behind the restore.
const GRACE_OF_THE_SICK: Duration = Duration::from_secs(10);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What lives on a site, and how it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// What runs on it; absent in what earlier versions wrote.
    services: Option<Services>,
    /// What of the site matters to that.
    #[serde(default)]
    ground: Ground,
    /// The containers that its databases are in, which are left alone.
    spared: Vec<String>,
    probe: Option<Probe>,
    after_swap: Option<PathBuf>,
    /// What PHP has compiled of it.
    #[serde(default)]
    code: Code,
    /// Whether it may be unwell behind the switch.
    keep_unhealthy: bool,
    /// Whether it was well before, if it can be asked.
    was_well: Option<bool>,
    /// What ran when the order began.
    #[serde(default)]
    first: Found,
    /// What was seen right before the site was closed, and when.
    #[serde(skip)]
    fresh: Option<(Instant, Found)>,
    /// What ran when it was stopped.
    found: Option<Found>,
    /// Whether `after_swap` may have been told of the new site.
    told: bool,
    /// Whether it is well behind the switch, if it can be asked.
    is_well: Option<bool>,
    /// How long stopping and starting took, in milliseconds.
    took_ms: u64,
    /// For the result.
    #[serde(default)]
    warnings: Vec<String>,
}

/// Whether a person has said how the site stands: then all comes to an end, whatever does not run.
fn is_settled(work: &Work<'_>) -> bool {
    let records = work.journal.records().iter().rev();
    let mut this_attempt = records.take_while(|record| !matches!(record, Record::Attempt { .. }));
    this_attempt.any(|record| matches!(record, Record::Settled { .. }))
}

impl Life {
    fn running<'l>(&'l self, work: &Work<'l>) -> Result<Option<Running<'l>>, Failure> {
        let running = |services| Running::of(work.node, services, &self.ground, &self.spared);
        self.services.as_ref().map(running).transpose().map_err(ServiceError::into_failure)
    }

    /// Something for the result, and for whoever listens.
    fn warn(&mut self, text: String, work: &Work<'_>) {
        if !self.warnings.contains(&text) {
            work.teller.log(Level::Warn, &text);
            self.warnings.push(text);
        }
    }

    /// What is to be said in the result.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// `Halt`. To be noted.
    pub(super) async fn halt(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let since = Instant::now();
        let mut killed = Vec::new();
        if let (Some(running), Some(found)) = (self.running(work)?, &self.found) {
            killed = running.stop(found, &no_stop()).await.map_err(failed)?;
        }
        killed.into_iter().for_each(|text| self.warn(text, work));
        self.took(since);
        Ok(())
    }

    fn took(&mut self, since: Instant) {
        let milliseconds = since.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        self.took_ms = self.took_ms.saturating_add(milliseconds);
    }

    /// How long what runs there took to stop and to start, if anything does.
    pub(super) fn took_ms(&self) -> Option<u64> {
        let found = self.found.as_ref()?;
        let nothing = found.containers.is_empty() && found.units.is_empty();
        (!nothing || self.told || self.is_well.is_some()).then_some(self.took_ms)
    }

    /// The way back from `Resume`. To be noted.
    pub(super) async fn unresume(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        if let (Some(running), Some(found)) = (self.running(work)?, &self.found) {
            let left = match running.stop_all_the_same(found, &no_stop()).await {
                Err(error) if passes(&error) && !is_settled(work) => return Err(later(error)),
                Err(error) => Some(error),
                Ok(left) => left,
            };
            if let Some(error) = left {
                work.teller.log(Level::Warn, chain(&error));
            }
        }
        self.is_well = None;
        Ok(())
    }

    /// The way back from `Halt`: what ran runs again, on the old site. One that does not is told of, and
    /// is no reason to keep a whole site closed. To be noted.
    pub(super) async fn unhalt(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let settled = is_settled(work);
        match self.start_old(settled, work).await {
            Ok(None) => {}
            Ok(Some(why)) => self.warn(why, work),
            Err(error) if passes(&error) && !settled => return Err(later(error)),
            Err(error) => self.warn(chain(&error), work),
        }
        if let Err(why) = self.code.forget() {
            work.teller.log(Level::Warn, why);
        }
        if self.told
            && let Err(why) = hooks::after_swap(self.after_swap.as_deref(), work, &no_stop()).await
        {
            self.warn(why, work);
        }
        Ok(())
    }

    /// Why it is not well, if it is not.
    async fn start_old(
        &self,
        settled: bool,
        work: &Work<'_>,
    ) -> Result<Option<String>, ServiceError> {
        let (Some(services), Some(found)) = (&self.services, &self.found) else { return Ok(None) };
        let running = Running::of(work.node, services, &self.ground, &self.spared)?;
        let aim = if settled { Aim::Settled } else { Aim::Old };
        let patience = match self.was_well {
            Some(false) => Patience::Short(GRACE_OF_THE_SICK),
            _ => Patience::Whole,
        };
        Ok(match running.start(found, (aim, patience), &no_stop()).await? {
            Condition::Well => None,
            Condition::Unwell(why) | Condition::Down(why) => Some(why),
        })
    }

    /// Before `Resume`. To be noted.
    pub(super) fn resuming(&mut self) {
        self.told = self.after_swap.is_some();
    }

    /// `Resume`: what ran runs again, on the new site, and that is well, or was not before. To be
    /// noted.
    pub(super) async fn resume(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let since = Instant::now();
        let resumed = self.try_resume(work).await;
        self.took(since);
        resumed
    }

    async fn try_resume(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let settled = is_settled(work);
        let mut asked = false;
        let mut problem = None;
        if self.found.as_ref().is_some_and(|found| !found.is_empty()) {
            asked = self.found.as_ref().is_some_and(|found| !found.containers.is_empty());
            match self.start_new(settled, work).await {
                Ok(why) => problem = why,
                Err(error) if settled => problem = Some(chain(&error)),
                Err(error) => return Err(failed(error)),
            }
        }
        match self.code.forget() {
            Err(why) if settled => self.warn(why, work),
            told => told.map_err(not_ready)?,
        }
        match hooks::after_swap(self.after_swap.as_deref(), work, &no_stop()).await {
            Err(why) if settled => self.warn(why, work),
            told => told.map_err(not_ready)?,
        }
        if let Some(probe) = &self.probe {
            asked = true;
            if problem.is_none() {
                problem = self.ask_until_well(probe, work).await;
            }
        }
        self.is_well = asked.then_some(problem.is_none());
        let Some(why) = problem else { return Ok(()) };
        if self.may_be_unwell() || settled {
            self.warn(format!("the restored site is not well: {why}"), work);
            return Ok(());
        }
        match self.is_shutting_down(work).await {
            true => Err(failed(ServiceError::ShuttingDown)),
            false => Err(unwell(&why)),
        }
    }

    fn may_be_unwell(&self) -> bool {
        self.keep_unhealthy || self.was_well == Some(false)
    }

    /// Starts what ran; then who came up in the very moment of the switch is brought over as well.
    async fn start_new(
        &mut self,
        settled: bool,
        work: &Work<'_>,
    ) -> Result<Option<String>, ServiceError> {
        let Some(services) = self.services.clone() else { return Ok(None) };
        let (ground, spared) = (self.ground.clone(), self.spared.clone());
        let running = Running::of(work.node, &services, &ground, &spared)?;
        let found = self.found.get_or_insert_default();
        let aim = if settled { Aim::Settled } else { Aim::New };
        let patience = match self.keep_unhealthy || self.was_well == Some(false) {
            true => Patience::Short(GRACE_OF_THE_SICK),
            false => Patience::Whole,
        };
        let mut condition = running.start(found, (aim, patience), &no_stop()).await?;
        let left = running.left_behind(&found.containers, &no_stop()).await?;
        found.containers.extend(left.unknown);
        if !left.astray.is_empty() && condition == Condition::Well {
            condition = running.start(found, (Aim::Settled, patience), &no_stop()).await?;
        }
        left.others.into_iter().for_each(|text| self.warn(text, work));
        Ok(match condition {
            Condition::Well => None,
            Condition::Unwell(why) | Condition::Down(why) => Some(why),
        })
    }

    /// In `Keep`, behind the opened door: who ends soon is started again. To be noted.
    pub(super) async fn watch(&mut self, work: &Work<'_>) {
        let (Ok(Some(running)), Some(found)) = (self.running(work), &self.found) else { return };
        // Down already, it has been told of.
        if self.is_well == Some(false) {
            return;
        }
        let (condition, ended) = match running.watch(found, &no_stop()).await {
            Ok(seen) => seen,
            Err(error) => return self.warn(chain(&error), work),
        };
        for name in ended {
            let text =
                format!("container {name} was started again, and has ended with exit code 0");
            self.warn(text, work);
        }
        let (Condition::Unwell(why) | Condition::Down(why)) = condition else { return };
        self.is_well = Some(false);
        self.warn(format!("the site is open, and not well: {why}"), work);
    }

    async fn is_shutting_down(&self, work: &Work<'_>) -> bool {
        match self.running(work) {
            Ok(Some(running)) => running.is_shutting_down(&no_stop()).await,
            _ => false,
        }
    }

    async fn ask_until_well(&self, probe: &Probe, work: &Work<'_>) -> Option<String> {
        let within = self.services.as_ref().map_or(GRACE_OF_THE_SICK, |s| s.start_within);
        // Nothing hangs on it: visitors wait.
        let patience = match self.may_be_unwell() {
            true => within.min(GRACE_OF_THE_SICK),
            false => within,
        };
        let deadline = Instant::now() + patience;
        loop {
            let why = match ask(work.node, probe, &no_stop()).await {
                Ok(Answer::Well) => return None,
                Ok(Answer::Unwell(why)) | Err(why) => why,
            };
            if Instant::now() >= deadline || self.is_shutting_down(work).await {
                return Some(why);
            }
            sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    /// What is to be known of it although the switch is done.
    pub(super) fn notes(&self) -> Vec<Note> {
        self.code.note().into_iter().collect()
    }

    /// Whether it is well behind the switch, if it can be asked.
    pub(super) fn is_well(&self) -> Option<bool> {
        self.is_well
    }
}

/// On the way back: what could not even be tried is tried again by `recover`.
fn later(error: ServiceError) -> Failure {
    match passes(&error) {
        true => Failure { kind: FailureKind::Away, ..error.into_failure() },
        false => error.into_failure(),
    }
}

/// Whether it can be tried again when something is back.
fn passes(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Process(_) | ServiceError::ShuttingDown | ServiceError::Away(_))
}

/// Something went wrong with what runs there, while the site is closed.
fn failed(error: ServiceError) -> Failure {
    let failure = error.into_failure();
    Failure {
        customer:
            "Your site could not be stopped and started for the restore, and was put back as \
                   it was. Try again later."
                .into(),
        ..failure
    }
}

/// `after_swap` failed, or PHP would not forget: the site may be well, and what keeps copies of it is not.
fn not_ready(why: String) -> Failure {
    Failure::transient(
        "Your site could not be made ready after the restore, and was put back as it was. Try \
         again later, or contact support.",
        format!("{why}; mend that and order again"),
    )
}

fn unwell(why: &str) -> Failure {
    Failure::permanent(
        "The restored site did not work as it should, so your site was put back as it was. Choose \
         another backup, or order it again and keep it all the same.",
        format!(
            "the site was well before and is not after the swap: {why}; `keep_unhealthy` would keep it"
        ),
    )
}
