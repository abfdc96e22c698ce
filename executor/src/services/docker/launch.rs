//! Containers start: in the order of their needs, side by side where that allows it, and again and again
//! while they exit, since what they wait for may be slow.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    Container, Docker, Inspected,
    halt::Grace,
    needs::{Needs, needs_of},
};
use crate::{
    services::{
        Aim, Condition, ServiceError, listeners,
        together::{Task, at_once, in_order},
    },
    stop::Stop,
};

/// A container without a health check and without a port is well when it has run for this long.
const STEADY_AFTER: Duration = Duration::from_millis(300);
/// A container that listened on a port has this long to do so again; then it counts as one without.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);
/// A health check of our own may take this long.
pub(super) const CHECK_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Between two tries, at first and at most: each pause is twice as long as the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));
/// Words of docker's that no waiting changes.
const LASTING: [&str; 6] = [
    "error mounting",
    "bind source path does not exist",
    "executable file not found",
    "no such image",
    "not a directory",
    "no such file or directory",
];

/// On what terms containers are started.
#[derive(Debug, Clone)]
pub(in crate::services) struct Terms {
    /// What they are started for.
    pub(in crate::services) aim: Aim,
    /// Until when one that exits is started again.
    pub(in crate::services) deadline: Instant,
    /// Until when one is waited for that runs and is not well.
    pub(in crate::services) well_by: Instant,
    /// How long one that must be started anew has to stop.
    pub(in crate::services) grace: Grace,
    /// Those that must be started anew in any case, by id.
    pub(in crate::services) astray: BTreeSet<String>,
}

impl Terms {
    /// Whether one that runs is started anew: it may be on the wrong tree.
    fn start_anew(&self, one: &Inspected) -> bool {
        self.aim != Aim::Settled || self.astray.contains(&one.id)
    }
}

/// How one is after a look.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// As it should be.
    Ready,
    /// To be looked at again: why.
    Waits(String),
    /// To be started, now.
    Start,
    /// To be checked, now.
    Check,
    /// To be paused, now.
    Pause,
    /// Not running, and not to be tried just now: whether that lasts.
    Down { lasting: bool },
    /// It runs, and has not become well in time: why.
    Unwell(String),
}

/// What is known of one that is being started.
#[derive(Debug, Clone)]
struct Track {
    tries: u32,
    pause: Duration,
    retry_at: Instant,
    /// The life that it is in, as docker dates it, and when we saw it begin.
    life: String,
    since: Instant,
    /// It ran before, and was left alone.
    left_alone: bool,
    /// Its own check said in this life that it is healthy.
    checked: bool,
    check_at: Instant,
    check_pause: Duration,
    problem: Option<String>,
    /// Docker refused to start it, for a reason that lasts.
    lasting: bool,
}

impl Track {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            tries: 0,
            pause: PAUSES.0,
            retry_at: now,
            life: String::new(),
            since: now,
            left_alone: false,
            checked: false,
            check_at: now,
            check_pause: PAUSES.0,
            problem: None,
            lasting: false,
        }
    }

    fn judge(&mut self, one: &Inspected, wanted: &Container, terms: &Terms) -> Standing {
        let now = Instant::now();
        if self.tries == 0 && !self.left_alone {
            match one.is_up() && !terms.start_anew(one) {
                true => self.left_alone = true,
                false => return Standing::Start,
            }
        }
        if !one.is_up() {
            self.left_alone = false;
            return match one.has_finished() {
                true => Standing::Ready,
                false if self.lasting && self.tries > 1 => Standing::Down { lasting: true },
                false if now >= self.retry_at && now < terms.deadline => Standing::Start,
                false => Standing::Down { lasting: false },
            };
        }
        if self.life != one.state.started_at {
            // The first life that is seen is the one that was begun.
            if !self.life.is_empty() {
                (self.since, self.checked, self.left_alone) = (now, false, false);
            }
            self.life.clone_from(&one.state.started_at);
        }
        if one.state.restarting {
            return Standing::Waits(one.waits_for().unwrap_or_default());
        }
        if wanted.paused {
            return if one.state.paused { Standing::Ready } else { Standing::Pause };
        }
        let is_checked = one.health().is_some();
        if is_checked && one.health() != Some("healthy") && !self.checked {
            let why = self.problem.clone().or_else(|| one.waits_for()).unwrap_or_default();
            return match now {
                now if now >= terms.well_by => Standing::Unwell(why),
                now if now >= self.check_at => Standing::Check,
                _ => Standing::Waits(why),
            };
        }
        let lived = now - self.since;
        let steady = self.left_alone || is_checked || lived >= STEADY_AFTER;
        let name = one.name();
        match self.left_alone || wanted.ports.is_empty() || lived >= LISTENS_WITHIN {
            true if steady => Standing::Ready,
            true => Standing::Waits(format!("container {name} is being started")),
            false => {
                let again = listeners::listening(one.state.pid).ports;
                match wanted.ports.iter().find(|port| !again.contains(port)) {
                    None => Standing::Ready,
                    Some(port) => {
                        let why = format!("container {name} does not listen on port {port} again");
                        Standing::Waits(why)
                    }
                }
            }
        }
    }
}

/// What is known of all of them, by id.
type Tracks = BTreeMap<String, Track>;

impl Docker<'_> {
    /// Starts what does not run, and anew what does if it may be on the wrong tree; waits until all run
    /// and are well, or one will not be.
    ///
    /// # Errors
    /// [`ServiceError::Away`] if the engine stays away, and whatever kept us from asking it.
    pub(in crate::services) async fn start(
        &self,
        containers: &[Container],
        terms: &Terms,
        stop: &Stop,
    ) -> Result<Condition, ServiceError> {
        let (seen, _) = self.find_in_time(containers, terms, stop).await?;
        let needs = needs_of(&seen);
        let mut tracks = self.begin_all(&seen, &needs, terms, stop).await?;
        loop {
            let (seen, gone) = self.find_in_time(containers, terms, stop).await?;
            let mut standings = Vec::new();
            for one in &seen {
                let track = tracks.entry(one.id.clone()).or_insert_with(Track::new);
                standings.push(track.judge(one, &wanted(containers, one), terms));
            }
            let acted = self.act(&seen, &standings, &mut tracks, terms, stop).await?;
            if !acted && let Some(condition) = self.verdict(&seen, &gone, &standings, terms).await {
                return Ok(condition);
            }
            sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    /// An engine that is away is waited for.
    async fn find_in_time(
        &self,
        containers: &[Container],
        terms: &Terms,
        stop: &Stop,
    ) -> Result<(Vec<Inspected>, Vec<String>), ServiceError> {
        loop {
            match self.find(containers, stop).await {
                Err(ServiceError::Away(_)) if Instant::now() < terms.deadline => {
                    sleep(LOOK_AGAIN_AFTER).await;
                }
                found => return found,
            }
        }
    }

    /// The first try, in the order of needs.
    async fn begin_all(
        &self,
        seen: &[Inspected],
        needs: &Needs,
        terms: &Terms,
        stop: &Stop,
    ) -> Result<Tracks, ServiceError> {
        let begun = in_order(&needs.before, |place| -> Task<'_, Result<Track, ServiceError>> {
            let (one, must_be_well) = (&seen[place], needs.must_be_well[place]);
            Box::pin(async move {
                let mut track = Track::new();
                if one.is_up() && !terms.start_anew(one) {
                    track.left_alone = true;
                    return Ok(track);
                }
                self.try_start(one, &mut track, terms, stop).await?;
                if must_be_well {
                    self.until_well(one, &mut track, terms, stop).await?;
                }
                Ok(track)
            })
        });
        let mut tracks = Tracks::new();
        for (one, track) in seen.iter().zip(begun.await) {
            tracks.insert(one.id.clone(), track?);
        }
        Ok(tracks)
    }

    /// What stands at the door for those that need it well.
    async fn until_well(
        &self,
        one: &Inspected,
        track: &mut Track,
        terms: &Terms,
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        while Instant::now() < terms.well_by && !track.lasting {
            self.check_again(one, track, stop).await?;
            if track.checked {
                return Ok(());
            }
            let is_down =
                track.problem.as_ref().is_some_and(|said| said.contains("is not running"));
            if is_down && Instant::now() >= track.retry_at {
                self.try_start(one, track, terms, stop).await?;
            }
            sleep(track.check_pause.min(PAUSES.1 / 2)).await;
        }
        Ok(())
    }

    async fn check_again(
        &self,
        one: &Inspected,
        track: &mut Track,
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        track.problem = self.check(one, CHECK_WITHIN, stop).await?;
        track.checked = track.problem.is_none();
        track.check_at = Instant::now() + track.check_pause;
        track.check_pause = (track.check_pause * 2).min(PAUSES.1);
        Ok(())
    }

    async fn try_start(
        &self,
        one: &Inspected,
        track: &mut Track,
        terms: &Terms,
        stop: &Stop,
    ) -> Result<(), ServiceError> {
        let doing = format!("start container {}", one.name());
        let within = terms.grace.of(one);
        let seconds = within.as_secs().to_string();
        let args = match one.is_up() {
            false => vec!["start", &one.id],
            true => vec!["restart", "-t", &seconds, &one.id],
        };
        let args = args.into_iter().map(str::to_owned).collect();
        let waits = within + terms.deadline.saturating_duration_since(Instant::now());
        match self.run(&doing, args, waits, stop).await {
            Ok(_) | Err(ServiceError::Gone) => {}
            Err(ServiceError::Refused { said, .. }) => {
                let said = said.to_lowercase();
                track.lasting = LASTING.iter().any(|words| said.contains(words));
            }
            // It is looked for again.
            Err(ServiceError::Away(_)) if Instant::now() < terms.deadline => return Ok(()),
            Err(error) => return Err(error),
        }
        track.tries += 1;
        track.since = Instant::now();
        track.retry_at = track.since + track.pause;
        track.pause = (track.pause * 2).min(PAUSES.1);
        (track.checked, track.check_at) = (false, track.since);
        Ok(())
    }

    /// Does what is to be done now, all at once. Returns whether there was anything.
    async fn act(
        &self,
        seen: &[Inspected],
        standings: &[Standing],
        tracks: &mut Tracks,
        terms: &Terms,
        stop: &Stop,
    ) -> Result<bool, ServiceError> {
        let due: Vec<(&Inspected, &Standing)> = seen
            .iter()
            .zip(standings)
            .filter(|(_, standing)| {
                matches!(standing, Standing::Start | Standing::Check | Standing::Pause)
            })
            .collect();
        let known = &*tracks;
        let done = at_once(due.len(), |place| -> Task<'_, Result<Track, ServiceError>> {
            let (one, standing) = due[place];
            Box::pin(async move {
                let mut track = known.get(&one.id).cloned().unwrap_or_else(Track::new);
                match standing {
                    Standing::Start => self.try_start(one, &mut track, terms, stop).await?,
                    Standing::Check => self.check_again(one, &mut track, stop).await?,
                    _ => self.pause(one, stop).await?,
                }
                Ok(track)
            })
        })
        .await;
        for ((one, _), track) in due.iter().zip(done) {
            tracks.insert(one.id.clone(), track?);
        }
        Ok(!due.is_empty())
    }

    async fn pause(&self, one: &Inspected, stop: &Stop) -> Result<(), ServiceError> {
        let doing = format!("pause container {}", one.name());
        let args = vec!["pause".to_owned(), one.id.clone()];
        match self.run(&doing, args, Duration::ZERO, stop).await {
            // It has ended, or is paused already: that is seen next.
            Err(ServiceError::Gone | ServiceError::Refused { .. }) => Ok(()),
            paused => paused.map(drop),
        }
    }

    /// How they are, once nothing is to be done or waited for.
    async fn verdict(
        &self,
        seen: &[Inspected],
        gone: &[String],
        standings: &[Standing],
        terms: &Terms,
    ) -> Option<Condition> {
        let last = Instant::now() >= terms.deadline;
        let waits = standings.iter().find_map(|standing| match standing {
            Standing::Waits(why) => Some(why.clone()),
            _ => None,
        });
        let unwell = standings.iter().find_map(|standing| match standing {
            Standing::Unwell(why) => Some(why.clone()),
            _ => None,
        });
        let is_down = |standing: &Standing| matches!(standing, Standing::Down { .. });
        let lasts = |standing: &Standing| matches!(standing, Standing::Down { lasting: true });
        let may_pass = standings.iter().any(|standing| is_down(standing) && !lasts(standing));
        let settled = waits.is_none() && !may_pass;
        let hopeless = terms.aim == Aim::New && standings.iter().any(lasts);
        if !last && !settled && !hopeless {
            return None;
        }
        let down: Vec<&Inspected> =
            seen.iter().zip(standings).filter(|(_, at)| is_down(at)).map(|(one, _)| one).collect();
        if !down.is_empty() {
            return Some(Condition::Down(self.why_down(&down).await));
        }
        let gone = gone.first().map(|name| format!("container {name} is gone"));
        Some(unwell.or(waits).or(gone).map_or(Condition::Well, Condition::Unwell))
    }

    /// Why these do not run, each with the last lines of its log.
    pub(super) async fn why_down(&self, down: &[&Inspected]) -> String {
        let mut texts = Vec::new();
        for one in down {
            let log = self.last_of_log(one).await;
            let log = log.map(|log| format!("; the last of its log: {log}")).unwrap_or_default();
            texts.push(format!("{}{log}", one.why_down()));
        }
        texts.join("; ")
    }

    async fn last_of_log(&self, one: &Inspected) -> Option<String> {
        let args = ["logs", "--tail", "5", &one.id].map(str::to_owned).to_vec();
        // Some log drivers cannot be read.
        let (ended, said) = self.ask_engine(args, CHECK_WITHIN, &Stop::default()).await.ok()?;
        let lines: Vec<&str> = said.lines().chain(ended.stderr.lines()).map(str::trim).collect();
        let lines =
            lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ");
        let plain: String = lines.chars().filter(|letter| !letter.is_control()).collect();
        let text: String = plain.chars().take(600).collect();
        (ended.status.success() && !text.is_empty()).then_some(text)
    }
}

/// What was noted of it, by its id, or by its name if it was made anew.
fn wanted(containers: &[Container], one: &Inspected) -> Container {
    let by_id = containers.iter().find(|container| container.id == one.id);
    let found = by_id.or_else(|| containers.iter().find(|container| container.name == one.name()));
    found.cloned().unwrap_or_else(|| Container {
        id: one.id.clone(),
        name: one.name().to_owned(),
        paused: false,
        ports: Vec::new(),
    })
}
