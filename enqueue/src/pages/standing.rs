//! How a site stands now, in the first lines of each page: what runs, what can be taken back, what is
//! saved.

use holdfast_job::{JobId, JobStatus, Moment, Stage, Verb};
use holdfast_store::{Backup, BackupFilter, BackupState, Job, PageLimit, StoreError};
use maud::{Markup, html};

use super::{
    visit::Visit,
    words::{counted, noun},
};
use crate::view::status::{Waiting, waiting};

/// So many jobs that have ended are looked at.
const RECENT: u32 = 10;
/// A newest backup that is older gets a word of warning.
const OLD_DAYS: i32 = 7;

/// How a site stands.
#[derive(Debug)]
pub struct Standing {
    /// The order under way, and why it waits if it does.
    pub active: Option<(Job, Option<Waiting>)>,
    /// The newest backup that can be restored.
    pub newest: Option<Backup>,
    /// The restore or undo that can be taken back, and until when.
    pub undo: Option<(Job, Moment)>,
    /// The last orders that have ended, newest first.
    ended: Vec<Job>,
}

impl Standing {
    /// Reads it.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn of(visit: &Visit) -> Result<Self, StoreError> {
        let (database, customer) = (&visit.web.database, visit.customer.id);
        let now = database.jobs_now(customer, RECENT).await?;
        let active = match now.active {
            None => None,
            Some(job) => {
                let why = match job.status {
                    JobStatus::Pending => {
                        Some(waiting(database, visit.web.config.worker_silence, &job).await?)
                    }
                    _ => None,
                };
                Some((job, why))
            }
        };
        let filter = BackupFilter { state: Some(BackupState::Active), ..BackupFilter::default() };
        let first = PageLimit::new(1).unwrap_or(PageLimit::USUAL);
        let newest = database.backups(customer, &filter, first).await?.items.into_iter().next();
        let is_switch = |job: &&Job| {
            matches!(job.verb, Verb::Restore | Verb::Undo) && job.status == JobStatus::Completed
        };
        // Whatever the last switch displaced is what can be brought back.
        let undo = now.ended.iter().find(is_switch).and_then(|job| {
            let until = job.result.as_ref()?.undo_until?;
            (until > visit.clock.now()).then(|| (job.clone(), until))
        });
        Ok(Self { active, newest, undo, ended: now.ended })
    }

    /// The order under way that a person must wait for before they give another.
    pub fn under_way(&self) -> Option<&Job> {
        self.active.as_ref().map(|(job, _)| job)
    }

    /// The last order of all: a form that was made after it is another form.
    pub fn last_order(&self) -> Option<JobId> {
        let active = self.active.iter().map(|(job, _)| job.job);
        active.chain(self.ended.first().map(|job| job.job)).max()
    }

    /// The first lines of a page.
    pub fn show(&self, visit: &Visit) -> Markup {
        match &self.active {
            Some((job, why)) => active(job, why.as_ref()),
            None => self.at_rest(visit),
        }
    }

    fn at_rest(&self, visit: &Visit) -> Markup {
        let clock = &visit.clock;
        let last = self.ended.iter().find(|job| job.verb != Verb::Delete);
        if let Some((job, until)) =
            self.undo.as_ref().filter(|(job, _)| last.is_some_and(|last| last.job == job.job))
        {
            let at = job.completed_at.unwrap_or(job.updated_at);
            let healthy = job.result.as_ref().and_then(|result| result.healthy) != Some(false);
            let what = match job.verb {
                Verb::Undo => "Your site was put back",
                _ => "Your site was restored",
            };
            let text = html! {
                p.first { (what) " " (clock.lately(at)) "." }
                @if !healthy { p { "Its page does not answer as it should. Look at your site." } }
                p {
                    "You can undo this until " (clock.lately(*until)) ". "
                    @if visit.may_order() {
                        a href={ "/backups/jobs/" (job.job) "/undo" } { "Undo …" }
                    }
                }
            };
            return line(if healthy { Mood::Good } else { Mood::Warn }, &text);
        }
        let Some(newest) = &self.newest else {
            return line(
                Mood::Warn,
                &html! {
                    p.first { "There is no backup of your site yet." }
                    p { "Save one now: your site stays open meanwhile." }
                },
            );
        };
        let failed = last.filter(|job| {
            job.verb == Verb::Backup
                && job.status == JobStatus::Failed
                && job.created_at > newest.created_at
        });
        let kept = html! {
            p {
                "Last backup: " (clock.lately(newest.created_at)) ", "
                @if newest.incomplete { "read back, and not complete." }
                @else { "read back and complete." }
            }
        };
        if let Some(job) = failed {
            return line(
                Mood::Warn,
                &html! {
                    p.first {
                        "Your last backup, " (clock.lately(job.created_at)) ", was not made. "
                        a href={ "/backups/jobs/" (job.job) } { "See why" }
                    }
                    p { "Your backups before that are safe." }
                    (kept)
                },
            );
        }
        if newest.incomplete {
            let missing = newest.unreadable.len() as u64;
            return line(
                Mood::Warn,
                &html! {
                    p.first {
                        "Your newest backup lacks " (counted(missing, "file")) " that could not be read. "
                        a href={ "/backups/" (newest.snapshot) } { "See which" }
                    }
                    (kept)
                },
            );
        }
        match clock.days_since(newest.created_at) {
            days if days > OLD_DAYS => line(
                Mood::Warn,
                &html! {
                    p.first { "Your newest backup is " (days) " days old." }
                    (kept)
                },
            ),
            _ => line(Mood::Good, &html! { p.first { "Your site is backed up." } (kept) }),
        }
    }
}

/// What is to be seen at once.
#[derive(Debug, Clone, Copy)]
pub enum Mood {
    /// All is well.
    Good,
    /// Something is under way.
    Busy,
    /// Somebody should look.
    Warn,
    /// Something is broken.
    Bad,
}

/// Lines with a sign before them.
pub fn line(mood: Mood, text: &Markup) -> Markup {
    let (class, sign, word) = match mood {
        Mood::Good => ("good", "✓", "All is well: "),
        Mood::Busy => ("busy", "…", "Under way: "),
        Mood::Warn => ("warn", "!", "Attention: "),
        Mood::Bad => ("bad", "✕", "Broken: "),
    };
    html! {
        section.now.(class) aria-label="How your site is now" {
            span.sign aria-hidden="true" { (sign) }
            div { span.unseen { (word) } (text) }
        }
    }
}

/// True while visitors meet the closed door.
pub fn is_closed(job: &Job) -> bool {
    job.status == JobStatus::Running
        && job.stage.is_some_and(|(stage, ..)| {
            matches!(
                stage,
                Stage::Halt | Stage::SwapDatabase | Stage::SwapFiles | Stage::Resume | Stage::Open
            )
        })
}

fn active(job: &Job, why: Option<&Waiting>) -> Markup {
    let link = |text: &str| {
        html! { a href={ "/backups/jobs/" (job.job) } { (text) } }
    };
    match job.status {
        JobStatus::Stuck => line(
            Mood::Bad,
            &html! {
                p.first { "We could not put everything back by ourselves." }
                p {
                    "Your site may be closed. Whole copies of old and new are kept. Our support has to look \
                     at it. " (link("See what is known"))
                }
            },
        ),
        _ if is_closed(job) => line(
            Mood::Busy,
            &html! {
                p.first { "Your site is closed for a moment. It opens again by itself." }
                p { (link("See how far it is")) }
            },
        ),
        JobStatus::Pending => line(
            Mood::Busy,
            &html! {
                p.first { "Your site is open. A " (noun(job.verb)) " is waiting for its turn." }
                p {
                    @if let Some(why) = why { (why.because) " " }
                    (link("See how far it is"))
                }
            },
        ),
        _ => line(
            Mood::Busy,
            &html! {
                p.first {
                    "Your site is open. "
                    @match job.verb {
                        Verb::Backup => "It is being saved.",
                        Verb::Restore => "A restore is under way.",
                        Verb::Undo => "A restore is being undone.",
                        Verb::Delete => "A backup is being deleted.",
                    }
                }
                p { (link("See how far it is")) }
            },
        ),
    }
}
