//! Durations as people say them: `5 minutes`, in one unit.

use std::time::Duration;

/// How long something has been so, rather too short than too long.
pub fn past(duration: Duration) -> String {
    said(duration, |seconds, unit| seconds / unit)
}

/// How long something is still to be waited for, rather too long than too short.
pub fn to_come(duration: Duration) -> String {
    said(duration, u64::div_ceil)
}

fn said(duration: Duration, in_units: fn(u64, u64) -> u64) -> String {
    match duration.as_secs() {
        seconds @ 0..=119 => format!("{seconds} seconds"),
        seconds @ 120..=7199 => format!("{} minutes", in_units(seconds, 60)),
        seconds => format!("{} hours", in_units(seconds, 3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_past_is_rounded_down_and_what_is_to_come_up() {
        for (seconds, before, ahead) in [
            (119, "119 seconds", "119 seconds"),
            (120, "2 minutes", "2 minutes"),
            (601, "10 minutes", "11 minutes"),
            (7201, "2 hours", "3 hours"),
        ] {
            let duration = Duration::from_secs(seconds);
            assert_eq!((past(duration).as_str(), to_come(duration).as_str()), (before, ahead));
        }
    }
}
