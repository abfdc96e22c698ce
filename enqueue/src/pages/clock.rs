//! Times as the pages tell them: in the customer's zone, by the server, with the zone beside them.

use std::time::SystemTime;

use holdfast_job::Moment;
use jiff::{Timestamp, ZonedDateTime, civil::Date, tz::TimeZone};
use maud::{Markup, html};

/// The time of a page: one moment for all of it, and its zone.
#[derive(Debug, Clone)]
pub struct Clock {
    now: ZonedDateTime,
}

impl Clock {
    /// The time now, in this zone.
    pub fn new(zone: &TimeZone) -> Self {
        Self { now: at(Moment::of(SystemTime::now()), zone) }
    }

    /// The moment now.
    pub fn now(&self) -> Moment {
        Moment::from_unix_seconds(self.now.timestamp().as_second().unsigned_abs())
    }

    /// The day now.
    pub fn today(&self) -> Date {
        self.now.date()
    }

    /// The day of a moment.
    pub fn day(&self, moment: Moment) -> Date {
        self.local(moment).date()
    }

    /// The moment at which a day ends.
    pub fn end_of(&self, day: Date) -> Option<Moment> {
        let next = day.tomorrow().ok()?.to_zoned_datetime(self.now.time_zone().clone()).ok()?;
        u64::try_from(next.timestamp().as_second()).ok().map(Moment::from_unix_seconds)
    }

    /// How many days ago a moment was, by the calendar.
    pub fn days_since(&self, moment: Moment) -> i32 {
        let days = self.day(moment).until(self.today()).map(|span| span.get_days());
        days.unwrap_or_default()
    }

    /// The zone with its distance from Greenwich: `Europe/Berlin (GMT+1)`.
    pub fn zone(&self) -> String {
        let seconds = self.now.offset().seconds();
        let sign = if seconds < 0 { '−' } else { '+' };
        let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
        let distance = match (hours, minutes) {
            (0, 0) => "GMT".to_owned(),
            (hours, 0) => format!("GMT{sign}{hours}"),
            (hours, minutes) => format!("GMT{sign}{hours}:{minutes:02}"),
        };
        match self.now.time_zone().iana_name() {
            Some(name) => format!("{name} ({distance})"),
            None => distance,
        }
    }

    /// In full: `Saturday 28 November 2026, 02:11`.
    pub fn full(&self, moment: Moment) -> Markup {
        self.time(moment, &self.text(moment))
    }

    /// The same as text.
    pub fn text(&self, moment: Moment) -> String {
        self.local(moment).strftime("%A %-d %B %Y, %H:%M").to_string()
    }

    /// As one says it of late: `today, 02:14`, `yesterday, 23:59`, `28 November 2026, 02:11`.
    pub fn lately(&self, moment: Moment) -> Markup {
        self.time(moment, &self.lately_text(moment))
    }

    /// The same as text.
    pub fn lately_text(&self, moment: Moment) -> String {
        let local = self.local(moment);
        let clock = local.strftime("%H:%M").to_string();
        match local.date() {
            day if day == self.today() => format!("today, {clock}"),
            day if self.today().yesterday().is_ok_and(|other| other == day) => {
                format!("yesterday, {clock}")
            }
            day if self.today().tomorrow().is_ok_and(|other| other == day) => {
                format!("tomorrow, {clock}")
            }
            _ => local.strftime("%-d %B %Y, %H:%M").to_string(),
        }
    }

    /// The time of day: `02:14`.
    pub fn of_day(&self, moment: Moment) -> Markup {
        self.time(moment, &self.local(moment).strftime("%H:%M").to_string())
    }

    /// The time of day to the second: `10:02:41`.
    pub fn to_the_second(&self, moment: Moment) -> Markup {
        self.time(moment, &self.local(moment).strftime("%H:%M:%S").to_string())
    }

    fn time(&self, moment: Moment, text: &str) -> Markup {
        html! { time datetime=(moment.to_string()) { (text) } }
    }

    fn local(&self, moment: Moment) -> ZonedDateTime {
        at(moment, self.now.time_zone())
    }
}

/// A day: `Today`, `Yesterday`, `Saturday 28 November 2026`.
pub fn day_words(day: Date, today: Date) -> String {
    match day {
        day if day == today => "Today".to_owned(),
        day if today.yesterday().is_ok_and(|other| other == day) => "Yesterday".to_owned(),
        day => day.strftime("%A %-d %B %Y").to_string(),
    }
}

fn at(moment: Moment, zone: &TimeZone) -> ZonedDateTime {
    let seconds = i64::try_from(moment.unix_seconds()).unwrap_or(i64::MAX);
    // What no calendar has is told as 1970.
    Timestamp::from_second(seconds).unwrap_or_default().to_zoned_datetime(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(now: &str) -> Clock {
        Clock { now: now.parse().unwrap() }
    }

    fn moment(text: &str) -> Moment {
        let second = text.parse::<Timestamp>().unwrap().as_second();
        Moment::from_unix_seconds(second.unsigned_abs())
    }

    #[test]
    fn a_time_is_told_in_the_customers_zone_whatever_day_it_is_elsewhere() {
        let clock = clock("2026-11-29T10:00:00+01:00[Europe/Berlin]");
        assert_eq!(clock.zone(), "Europe/Berlin (GMT+1)");
        assert_eq!(clock.text(moment("2026-11-27T23:11:00Z")), "Saturday 28 November 2026, 00:11");
        assert_eq!(clock.lately_text(moment("2026-11-28T23:30:00Z")), "today, 00:30");
        assert_eq!(clock.lately_text(moment("2026-11-28T22:30:00Z")), "yesterday, 23:30");
        assert_eq!(clock.lately_text(moment("2026-11-29T23:30:00Z")), "tomorrow, 00:30");
        assert_eq!(clock.days_since(moment("2026-11-25T22:59:00Z")), 4);
        assert_eq!(clock.days_since(moment("2026-11-25T23:01:00Z")), 3);
    }

    #[test]
    fn summer_time_and_half_hours_have_their_own_distance() {
        assert_eq!(
            clock("2026-07-01T10:00:00+02:00[Europe/Berlin]").zone(),
            "Europe/Berlin (GMT+2)"
        );
        let india = clock("2026-07-01T10:00:00+05:30[Asia/Kolkata]");
        assert_eq!(india.zone(), "Asia/Kolkata (GMT+5:30)");
        assert_eq!(clock("2026-07-01T10:00:00+00:00[UTC]").zone(), "UTC (GMT)");
        // A day of 25 hours ends where it ends.
        let autumn = clock("2026-10-25T12:00:00+01:00[Europe/Berlin]");
        assert_eq!(autumn.end_of(autumn.today()), Some(moment("2026-10-25T23:00:00Z")));
    }
}
