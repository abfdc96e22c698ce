//! Points in time as they travel between processes: whole seconds since 1970, in UTC.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(u64);

impl Moment {
    /// The moment with this many seconds since 1970.
    pub fn from_unix_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// The moment of this clock reading; one before 1970 is 1970.
    pub fn of(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    /// Seconds since 1970.
    pub fn unix_seconds(self) -> u64 {
        self.0
    }

    /// This moment, later by `by`; the last representable one if that is beyond it.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by.as_secs()))
    }
}

/// `2026-11-20T19:10:50Z`, the proleptic Gregorian calendar.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second_of_day) = (self.0 / 86_400, self.0 % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) =
            (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Year, month and day of a count of days since 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_as_utc() {
        let read = |seconds| Moment::from_unix_seconds(seconds).to_string();
        assert_eq!(read(0), "1970-01-01T00:00:00Z");
        assert_eq!(read(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(read(1_795_201_850), "2026-11-20T19:10:50Z");
    }
}
