//! The looks at what runs on a site: in `Check`, right before the door is closed, behind it, and right
//! before the trees change places.

use std::time::Duration;

use holdfast_job::Level;
use tokio::time::{Instant, sleep};

use super::{CONTACT_SUPPORT, Code, Life, failed};
use crate::{
    config::Site,
    failure::{Failure, chain},
    health::{Answer, ask},
    services::{Condition, Foreseen, Found, Ground, Obstacle, ServiceError},
    swap::Part,
    work::{Work, no_stop},
};

/// A job that is at work is waited for this long, while the site is open.
const JOBS_WITHIN: Duration = Duration::from_secs(10);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// What was seen right before the site was closed need not be looked at again for this long: who comes
/// up later is seen before the trees change places.
const FRESH_FOR: Duration = Duration::from_secs(2);

impl Life {
    /// In `Check`: what runs there, what would be in the way, and how it is while nothing is changed.
    ///
    /// # Errors
    /// If what runs could not be stopped, started or asked.
    pub(in crate::plans) async fn look(
        site: &Site,
        parts: &[Part],
        keep_unhealthy: bool,
        work: &Work<'_>,
    ) -> Result<Self, Failure> {
        let reach =
            |database: &crate::config::Database| (database.id.clone(), database.reach.clone());
        let mut life = Self {
            services: Some(site.services.decided(work.node)),
            ground: Ground {
                base: site.base.clone(),
                trees: parts.iter().map(|part| (part.live.clone(), None)).collect(),
                databases: site.databases.iter().map(reach).collect(),
                ..Ground::default()
            },
            spared: site.database_containers(),
            probe: site.probe.clone(),
            after_swap: site.hooks.after_swap.clone(),
            code: Code::look(work.node, site)?,
            keep_unhealthy,
            ..Self::default()
        };
        life.first = life.foresee(work).await?;
        let mut problem = None;
        let mut asked = false;
        if let Some(running) = life.running(work)? {
            let failed = ServiceError::into_failure;
            asked = !life.first.containers.is_empty();
            match running.ask(&life.first, &work.stop).await.map_err(failed)? {
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

    /// What runs, if nothing is in the way. A job at work is waited for, while the site is open.
    async fn foresee(&mut self, work: &Work<'_>) -> Result<Found, Failure> {
        let deadline = Instant::now() + JOBS_WITHIN;
        let mut told = false;
        let foreseen = loop {
            let Some(running) = self.running(work)? else { return Ok(Found::default()) };
            let foreseen = running.foresee(&work.stop).await.map_err(ServiceError::into_failure)?;
            let refuse = |error: ServiceError| Err(error.into_failure());
            match foreseen.in_the_way() {
                None => break foreseen,
                Some(Obstacle::Lasting(text)) => return refuse(ServiceError::Setup(text)),
                Some(Obstacle::Passing(text)) if Instant::now() >= deadline => {
                    return refuse(ServiceError::AtWork(text));
                }
                Some(Obstacle::Passing(text)) if !told => {
                    told = true;
                    work.teller.log(Level::Info, format!("waiting: {text}"));
                }
                Some(Obstacle::Passing(_)) => {}
            }
            tokio::select! {
                () = sleep(LOOK_AGAIN_AFTER) => {}
                () = work.stop.requested() => return Err(Failure::stopped()),
            }
        };
        let Foreseen { found, spared, also, points, notes, warnings, .. } = foreseen;
        for note in notes {
            work.teller.log(Level::Info, note);
        }
        for name in spared {
            if !self.spared.contains(&name) {
                self.spared.push(name);
            }
        }
        (self.ground.also, self.ground.points) = (also, points);
        for warning in warnings {
            self.warn(warning, work);
        }
        Ok(found)
    }

    /// Right before `Close`, since much may have changed: the same look, beside the trees that come. To be
    /// noted.
    pub(in crate::plans) async fn look_before_closing(
        &mut self,
        parts: &[Part],
        work: &Work<'_>,
    ) -> Result<(), Failure> {
        if self.services.is_none() {
            return Ok(());
        }
        let may_be_unwell = self.may_be_unwell();
        for ((_, incoming), part) in self.ground.trees.iter_mut().zip(parts) {
            // With `maintenance = "whole"` nothing has come yet.
            let there = !may_be_unwell && part.aside.is_dir();
            *incoming = there.then(|| part.aside.clone());
        }
        let now = self.foresee(work).await?;
        let ended = self.first.containers.iter().filter(|one| {
            now.containers.iter().all(|other| other.id != one.id && other.name != one.name)
        });
        let ended: Vec<String> = ended.map(|one| format!("container {}", one.name)).collect();
        let units = self.first.units.iter().filter(|unit| !now.units.contains(unit));
        let ended: Vec<String> =
            ended.into_iter().chain(units.map(|unit| format!("unit {unit}"))).collect();
        for who in ended {
            let text = format!(
                "{who} ran when this order began and did not any more when the site was closed: it is \
                 not started"
            );
            self.warn(text, work);
        }
        self.fresh = Some((Instant::now(), now));
        Ok(())
    }

    /// Before `Halt`: what runs now. To be noted. Looked at twice, what was found first stays.
    pub(in crate::plans) async fn look_again(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let fresh = self.fresh.take().filter(|(at, _)| at.elapsed() < FRESH_FOR);
        let seen = match (fresh, self.running(work)?) {
            (Some((_, seen)), _) => seen,
            (None, Some(running)) => {
                let foreseen = running.foresee(&no_stop()).await.map_err(failed)?;
                match foreseen.in_the_way() {
                    Some(Obstacle::Lasting(text)) => return Err(failed(ServiceError::Setup(text))),
                    Some(Obstacle::Passing(text)) => {
                        return Err(failed(ServiceError::AtWork(text)));
                    }
                    None => foreseen.found,
                }
            }
            (None, None) => return Ok(()),
        };
        self.add(seen);
        Ok(())
    }

    /// Adds to what is to run again. Returns whether anything is new or runs although it was stopped.
    fn add(&mut self, seen: Found) {
        let found = self.found.get_or_insert_default();
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
    }

    /// Right before the trees change places: whether anything runs again, whoever has started it. To be
    /// noted, and to be stopped.
    pub(in crate::plans) async fn look_once_more(
        &mut self,
        work: &Work<'_>,
    ) -> Result<Option<String>, Failure> {
        if self.found.is_none() {
            return Ok(None);
        }
        let Some(running) = self.running(work)? else { return Ok(None) };
        let seen = running.come_up(&no_stop()).await.map_err(failed)?;
        let names = seen.containers.iter().map(|one| format!("container {}", one.name));
        let names: Vec<String> =
            names.chain(seen.units.iter().map(|unit| format!("unit {unit}"))).collect();
        if names.is_empty() {
            return Ok(None);
        }
        let names = names.join(", ");
        let text = format!("{names} came up behind the closed door, and is stopped again");
        work.teller.log(Level::Warn, text);
        self.add(seen);
        Ok(Some(names))
    }
}

/// Somebody starts what is to stand still, again and again.
pub(in crate::plans) fn comes_up_again(names: &str) -> Failure {
    let error = ServiceError::Alive(format!(
        "{names} comes up again and again behind the closed door: stop whatever starts it. It"
    ));
    let text = chain(&error);
    Failure { operator: text, ..failed(error) }
}
