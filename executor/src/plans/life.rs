//! What restore and undo share about a site's life: what runs on it stands still for the switch, and
//! a site that was well before is well behind it, or is its old self again.
//!
//! As with the trees, all of it works on what the journal has noted.

use std::{path::PathBuf, time::Duration};

use holdfast_job::Level;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use super::{CONTACT_SUPPORT, code::Code};
use crate::{
    config::{Probe, Services, Site},
    failure::{Failure, FailureKind, chain},
    health::{Answer, ask},
    hooks,
    note::Note,
    services::{Condition, Found, Running, ServiceError},
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
    /// What ran when it was stopped.
    found: Option<Found>,
    /// Whether `after_swap` may have been told of the new site.
    told: bool,
    /// Whether it is well behind the switch, if it can be asked.
    is_well: Option<bool>,
    /// How long stopping and starting took, in milliseconds.
    took_ms: u64,
}

impl Life {
    /// In `Check`: what runs there, and how it is while nothing is changed.
    ///
    /// # Errors
    /// If what runs could not be stopped or asked.
    pub(super) async fn look(
        site: &Site,
        keep_unhealthy: bool,
        work: &Work<'_>,
    ) -> Result<Self, Failure> {
        let mut life = Self {
            services: Some(site.services.decided(work.node)),
            spared: site.database_containers(),
            probe: site.probe.clone(),
            after_swap: site.hooks.after_swap.clone(),
            code: Code::look(work.node, site)?,
            keep_unhealthy,
            ..Self::default()
        };
        let mut problem = None;
        let mut asked = false;
        if let Some(running) = life.running(work)? {
            let failed = ServiceError::into_failure;
            let found = running.look(&work.stop).await.map_err(failed)?;
            asked = !found.containers.is_empty();
            match running.ask(&found, &work.stop).await.map_err(failed)? {
                Condition::Well => {}
                Condition::Unwell(why) | Condition::Down(why) => problem = Some(why),
            }
        }
        if let Some(probe) = &life.probe {
            asked = true;
            let answer = ask(work.node, probe, &work.stop).await;
            match answer.map_err(|text| Failure::permanent(CONTACT_SUPPORT, text))? {
                Answer::Well => {}
                Answer::Unwell(why) => problem = problem.or(Some(why)),
            }
        }
        if let Some(why) = &problem {
            work.teller.log(Level::Warn, format!("the site is not well before: {why}"));
        }
        life.was_well = asked.then_some(problem.is_none());
        Ok(life)
    }

    fn running<'l>(&'l self, work: &Work<'l>) -> Result<Option<Running<'l>>, Failure> {
        let running = |services| Running::of(work.node, services, &self.spared);
        self.services.as_ref().map(running).transpose().map_err(ServiceError::into_failure)
    }

    /// Before `Halt`: what runs now. To be noted. Looked at twice, what was found first stays.
    pub(super) async fn look_again(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let Some(running) = self.running(work)? else { return Ok(()) };
        let seen = running.look(&no_stop()).await.map_err(failed)?;
        let mut found = self.found.take().unwrap_or_default();
        for container in seen.containers {
            if found.containers.iter().all(|known| known.id != container.id) {
                found.containers.push(container);
            }
        }
        for unit in seen.units {
            if !found.units.contains(&unit) {
                found.units.push(unit);
            }
        }
        self.found = Some(found);
        Ok(())
    }

    /// `Halt`. To be noted.
    pub(super) async fn halt(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let since = Instant::now();
        if let (Some(running), Some(found)) = (self.running(work)?, &self.found) {
            running.stop(found, &no_stop()).await.map_err(failed)?;
        }
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
            let left = running.stop_all_the_same(found, &no_stop()).await.map_err(later)?;
            if let Some(error) = left {
                work.teller.log(Level::Warn, chain(&error));
            }
        }
        self.is_well = None;
        Ok(())
    }

    /// The way back from `Halt`: what ran runs again, on the old site.
    pub(super) async fn unhalt(&self, work: &Work<'_>) -> Result<(), Failure> {
        let (Some(running), Some(found)) = (self.running(work)?, &self.found) else {
            return Ok(());
        };
        let started = running.start(found, &no_stop()).await;
        match started.map_err(later)? {
            Condition::Well => {}
            Condition::Unwell(why) => work.teller.log(Level::Warn, why),
            Condition::Down(why) => return Err(Failure::permanent(CONTACT_SUPPORT, why)),
        }
        if let Err(why) = self.code.forget() {
            work.teller.log(Level::Warn, why);
        }
        if self.told
            && let Err(why) = hooks::after_swap(self.after_swap.as_deref(), work, &no_stop()).await
        {
            work.teller.log(Level::Warn, why);
        }
        Ok(())
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
        let mut asked = false;
        let mut problem = None;
        if let (Some(running), Some(found)) = (self.running(work)?, &self.found) {
            asked = !found.containers.is_empty();
            let started = running.start(found, &no_stop()).await;
            match started.map_err(failed)? {
                Condition::Well => {}
                Condition::Unwell(why) | Condition::Down(why) => problem = Some(why),
            }
        }
        self.code.forget().map_err(not_ready)?;
        hooks::after_swap(self.after_swap.as_deref(), work, &no_stop()).await.map_err(not_ready)?;
        if let Some(probe) = &self.probe {
            asked = true;
            if problem.is_none() {
                problem = self.ask_until_well(probe, work).await;
            }
        }
        self.is_well = asked.then_some(problem.is_none());
        let Some(why) = problem else { return Ok(()) };
        if self.keep_unhealthy || self.was_well == Some(false) {
            work.teller.log(Level::Warn, format!("the restored site is not well: {why}"));
            return Ok(());
        }
        match self.is_shutting_down(work).await {
            true => Err(failed(ServiceError::ShuttingDown)),
            false => Err(unwell(&why)),
        }
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
        let patience = match self.keep_unhealthy || self.was_well == Some(false) {
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
    let passes = matches!(error, ServiceError::Process(_) | ServiceError::ShuttingDown);
    let failure = error.into_failure();
    match passes {
        true => Failure { kind: FailureKind::Away, ..failure },
        false => failure,
    }
}

/// Something went wrong with what runs there, while the site is closed.
fn failed(error: ServiceError) -> Failure {
    let failure = error.into_failure();
    Failure {
        customer:
            "Your site could not be stopped and started for the restore, and was put back as \
                   it was. Please try again later."
                .into(),
        ..failure
    }
}

/// `after_swap` failed, or PHP would not forget: the site may be well, and what keeps copies of it is not.
fn not_ready(why: String) -> Failure {
    Failure::transient(
        "Your site could not be made ready after the restore, and was put back as it was. Please try \
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
