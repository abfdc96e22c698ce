//! The last 30 days, a link each, with the best that came of that day's backups.

use std::collections::BTreeMap;

use holdfast_job::{JobStatus, Moment};
use holdfast_store::{BackupOutcome, StoreError};
use jiff::{ToSpan, civil::Date};
use maud::{Markup, html};

use super::{
    clock::{Clock, day_words},
    visit::Visit,
    words::counted,
};

/// So many days are shown.
const DAYS: i32 = 30;
/// The seconds of that, and of a day more, whatever the zone.
const SECONDS: u64 = 31 * 24 * 3600;

/// The last days of a site.
#[derive(Debug)]
pub struct Strip {
    days: Vec<Day>,
    /// Backups that were not made, newest first.
    pub failures: Vec<BackupOutcome>,
}

#[derive(Debug)]
struct Day {
    date: Date,
    saved: u64,
    failed: u64,
}

impl Strip {
    /// Reads it.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn of(visit: &Visit) -> Result<Self, StoreError> {
        let since = visit.clock.now().unix_seconds().saturating_sub(SECONDS);
        let since = Moment::from_unix_seconds(since);
        let outcomes = visit.web.database.backup_outcomes(visit.customer.id, since).await?;
        Ok(Self::by_day(&visit.clock, outcomes))
    }

    fn by_day(clock: &Clock, outcomes: Vec<BackupOutcome>) -> Self {
        let mut by_day: BTreeMap<Date, (u64, u64)> = BTreeMap::new();
        let mut failures = Vec::new();
        for outcome in outcomes {
            let day = by_day.entry(clock.day(outcome.ordered_at)).or_default();
            match outcome.status {
                JobStatus::Completed => day.0 += 1,
                _ => {
                    day.1 += 1;
                    failures.push(outcome);
                }
            }
        }
        let date = |ago: i32| clock.today().saturating_sub(ago.days());
        let days = (0..DAYS).rev().map(date).map(|date| {
            let (saved, failed) = by_day.get(&date).copied().unwrap_or_default();
            Day { date, saved, failed }
        });
        Self { days: days.collect(), failures }
    }

    /// The strip, and the same facts as a table.
    pub fn show(&self, clock: &Clock) -> Markup {
        let saved: u64 = self.days.iter().map(|day| day.saved).sum();
        let failed: u64 = self.days.iter().map(|day| day.failed).sum();
        html! {
            section aria-labelledby="days" {
                h2 #days { "The last 30 days" }
                p {
                    (counted(saved, "backup")) " made"
                    @if failed > 0 { ", " (failed) " failed" }
                    "."
                }
                ol.strip { @for day in &self.days { li { (day.show(clock)) } } }
                details {
                    summary { "As a table" }
                    table {
                        thead { tr { th scope="col" { "Day" } th scope="col" { "Backups" } } }
                        tbody {
                            @for day in self.days.iter().rev() {
                                tr {
                                    th scope="row" { (day_words(day.date, clock.today())) }
                                    td { (day.words()) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Day {
    fn words(&self) -> String {
        match (self.saved, self.failed) {
            (0, 0) => "none".to_owned(),
            (saved, 0) => format!("{saved} saved"),
            (0, failed) => format!("{failed} failed"),
            (saved, failed) => format!("{saved} saved, {failed} failed"),
        }
    }

    fn show(&self, clock: &Clock) -> Markup {
        let (sign, class) = match (self.saved, self.failed) {
            (0, 0) => ("·", "none"),
            (0, _) => ("✕", "bad"),
            _ => ("✓", "good"),
        };
        let date = self.date;
        let number = date.strftime("%-d").to_string();
        let words = format!("{}: {}", day_words(date, clock.today()), self.words());
        let inside = html! {
            span aria-hidden="true" { span.number { (number) } span.sign { (sign) } }
            span.unseen { (words) }
        };
        html! {
            @if self.saved + self.failed == 0 {
                span.day.(class) { (inside) }
            } @else {
                a.day.(class) href={ "/backups?day=" (date) "#list" } { (inside) }
            }
        }
    }
}
