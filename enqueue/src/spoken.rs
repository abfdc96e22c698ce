//! Durations as people say them.

use std::time::Duration;

/// A duration in one unit, rather too long than too short: `5 minutes`.
pub fn spoken(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..=119 => format!("{seconds} seconds"),
        seconds @ 120..=7199 => format!("{} minutes", seconds.div_ceil(60)),
        seconds => format!("{} hours", seconds.div_ceil(3600)),
    }
}
