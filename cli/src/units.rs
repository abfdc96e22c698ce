//! Amounts as people read them: bytes in powers of ten, durations in the two largest units, and those that
//! are foretold to the minute, as nobody knows better.

use std::time::Duration;

/// `16.4 MB`.
pub fn bytes(amount: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if amount < 1000 {
        return format!("{amount} B");
    }
    let mut scaled = amount as f64;
    let mut unit = UNITS[0];
    for next in UNITS {
        scaled /= 1000.0;
        unit = next;
        // What would be written as 1000.0 is one of the next.
        if scaled < 999.95 {
            break;
        }
    }
    format!("{scaled:.1} {unit}")
}

/// `3 min 20 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |big: u64, one: &str, small: u64, other: &str| match small {
        0 => format!("{big} {one}"),
        small => format!("{big} {one} {small} {other}"),
    };
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..10 if duration.subsec_millis() >= 100 => {
            format!("{seconds}.{} s", duration.subsec_millis() / 100)
        }
        1..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds / 60 % 60, "min"),
        _ => two(seconds / 86_400, "d", seconds / 3600 % 24, "h"),
    }
}

/// `4 min`, of what is foretold: to the second below a minute, to the minute above, more rather than less.
pub fn estimate(left: Duration) -> String {
    let seconds = left.as_secs_f64().ceil().max(1.0) as u64;
    match seconds {
        ..60 => format!("{seconds} s"),
        _ => duration(Duration::from_secs(seconds.div_ceil(60) * 60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_the_unit_that_fits() {
        for (amount, told) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (16_400_000, "16.4 MB"),
            (u64::MAX, "18446.7 PB"),
        ] {
            assert_eq!(bytes(amount), told);
        }
    }

    #[test]
    fn durations_are_told_in_two_units_at_most() {
        for (millis, told) in [
            (0, "0 ms"),
            (174, "174 ms"),
            (1000, "1 s"),
            (1999, "1.9 s"),
            (10_900, "10 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (3_600_000, "1 h"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), told);
        }
    }

    #[test]
    fn what_is_foretold_is_told_to_the_minute() {
        for (millis, told) in [
            (0, "1 s"),
            (1001, "2 s"),
            (59_000, "59 s"),
            (60_000, "1 min"),
            (61_000, "2 min"),
            (3_599_000, "1 h"),
            (3_659_000, "1 h 1 min"),
            (3_900_000, "1 h 5 min"),
        ] {
            assert_eq!(estimate(Duration::from_millis(millis)), told);
        }
    }
}
