//! Times: as the server writes them, as people read them, and as people give them. All are UTC.

use std::{
    str::FromStr,
    time::{Duration, SystemTime},
};

use holdfast_job::Moment;
use time::{
    OffsetDateTime,
    format_description::well_known::{Rfc2822, Rfc3339},
};

/// A time as people read it: `2026-11-20 19:10:50`, from `2026-11-20T19:10:50Z`.
pub fn shown(time: &str) -> String {
    time.trim_end_matches('Z').replacen('T', " ", 1)
}

/// How long it is from one time of the server's to another.
pub fn between(from: &str, to: &str) -> Option<Duration> {
    let read = |time| OffsetDateTime::parse(time, &Rfc3339).ok();
    Duration::try_from(read(to)? - read(from)?).ok()
}

/// Now, as the server would write it: such texts come in the order of their times.
pub fn now() -> String {
    Moment::of(SystemTime::now()).to_string()
}

/// The time in an HTTP header, as the server would write it.
pub fn of_header(text: &str) -> Option<String> {
    let read = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    let seconds = u64::try_from(read.unix_timestamp()).ok()?;
    Some(Moment::from_unix_seconds(seconds).to_string())
}

/// A time that somebody gives: so long ago (`36h`, `7d`), a day, or a whole time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When(String);

impl When {
    /// As the server reads it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        if let Ok(ago) = given.parse::<Span>() {
            let then = SystemTime::now().checked_sub(ago.0).unwrap_or(SystemTime::UNIX_EPOCH);
            return Ok(Self(Moment::of(then).to_string()));
        }
        let day = format!("{given}T00:00:00Z");
        [given, &day]
            .into_iter()
            .find(|text| OffsetDateTime::parse(text, &Rfc3339).is_ok())
            .map(|text| Self(text.to_owned()))
            .ok_or_else(|| {
                "give how long ago, such as 36h or 7d, a day such as 2026-11-20, or a time such as \
                 2026-11-20T19:10:50Z, all UTC"
                    .into()
            })
    }
}

/// How long: `90s`, `30m`, `36h`, `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let wrong = || format!("{given:?} is no duration: give such as 90s, 30m, 36h or 7d");
        let unit = given.chars().next_back().ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let number: u64 = given[..given.len() - 1].parse().map_err(|_| wrong())?;
        Ok(Self(Duration::from_secs(number.checked_mul(seconds).ok_or_else(wrong)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_give_them() {
        let read = |text: &str| text.parse::<When>().map(|when| when.0);
        assert_eq!(read("2026-11-20").unwrap(), "2026-11-20T00:00:00Z");
        assert_eq!(read("2026-11-20T19:10:50+02:00").unwrap(), "2026-11-20T19:10:50+02:00");
        let day = between(&read("1d").unwrap(), &now()).unwrap().as_secs();
        assert!((86_400..86_460).contains(&day), "{day}");
        for bad in ["", "d", "yesterday", "2026-13-01", "-1d", "99999999999999999999d", "1ü"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        let read = of_header("Fri, 20 Nov 2026 19:10:50 GMT");
        assert_eq!(read.as_deref(), Some("2026-11-20T19:10:50Z"));
        assert_eq!(of_header("today"), None);
    }

    #[test]
    fn what_was_between_two_times_is_told() {
        let took = between("2026-11-20T19:10:50Z", "2026-11-20T19:12:00Z");
        assert_eq!(took, Some(Duration::from_secs(70)));
        assert_eq!(between("2026-11-20T19:12:00Z", "2026-11-20T19:10:50Z"), None);
    }
}
