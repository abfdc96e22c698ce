//! How fast a stage goes, and how long it will still take: from what was done of late, since a stage is
//! seldom as fast at its end as at its beginning.

use std::{collections::VecDeque, time::Duration};

/// So far back counts as of late.
const WINDOW: Duration = Duration::from_secs(15);
/// From less than this nothing is foretold.
const LEAST: Duration = Duration::from_secs(1);

/// What was done when, in one stage.
#[derive(Debug, Default)]
pub struct Pace {
    seen: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// So many bytes were done at this time since the beginning. Less than before is a new beginning.
    pub fn saw(&mut self, at: Duration, done: u64) {
        if self.seen.back().is_some_and(|&(before, most)| done < most || at < before) {
            self.seen.clear();
        }
        self.seen.push_back((at, done));
        // One that is older stays, so that the window is always full.
        while self.seen.get(1).is_some_and(|&(second, _)| at - second >= WINDOW) {
            self.seen.pop_front();
        }
    }

    /// Bytes a second; none before anything can be said.
    pub fn rate(&self) -> Option<u64> {
        let (&(from, before), &(to, done)) = (self.seen.front()?, self.seen.back()?);
        let took = to - from;
        if took < LEAST {
            return None;
        }
        let rate = u128::from(done - before) * 1000 / took.as_millis();
        Some(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// How long it takes until `total` are done; none if that cannot be said, or nothing goes on.
    pub fn left(&self, total: u64) -> Option<Duration> {
        let rate = self.rate().filter(|&rate| rate > 0)?;
        let (_, done) = self.seen.back()?;
        let millis = u128::from(total.saturating_sub(*done)) * 1000 / u128::from(rate);
        Some(Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(seen: &[(u64, u64)]) -> Pace {
        let mut pace = Pace::default();
        for &(millis, done) in seen {
            pace.saw(Duration::from_millis(millis), done);
        }
        pace
    }

    #[test]
    fn nothing_is_foretold_from_less_than_a_second() {
        assert_eq!(pace(&[]).rate(), None);
        assert_eq!(pace(&[(0, 5)]).rate(), None);
        assert_eq!(pace(&[(0, 0), (999, 500)]).left(1000), None);
        assert_eq!(pace(&[(0, 0), (1000, 500)]).rate(), Some(500));
    }

    #[test]
    fn what_is_left_takes_as_long_as_the_same_took_of_late() {
        let seen = pace(&[(0, 0), (2000, 400)]);
        assert_eq!(seen.rate(), Some(200));
        assert_eq!(seen.left(1000), Some(Duration::from_secs(3)));
        assert_eq!(seen.left(400), Some(Duration::ZERO));
        assert_eq!(seen.left(300), Some(Duration::ZERO), "the total was a guess");
    }

    #[test]
    fn what_was_long_ago_does_not_count() {
        // A quick beginning, then a hundred bytes a second for longer than the window.
        let mut seen = vec![(0, 0), (1000, 1_000_000)];
        seen.extend((2..=40).map(|second| (second * 1000, 1_000_000 + second * 100)));
        assert_eq!(pace(&seen).rate(), Some(100));
    }

    #[test]
    fn who_looks_seldom_still_has_two_looks_to_compare() {
        assert_eq!(pace(&[(0, 0), (60_000, 600)]).rate(), Some(10));
    }

    #[test]
    fn a_stage_that_stands_still_foretells_nothing() {
        assert_eq!(pace(&[(0, 70), (20_000, 70), (40_000, 70)]).left(100), None);
    }

    #[test]
    fn less_than_before_is_a_new_beginning() {
        let seen = pace(&[(0, 0), (5000, 5000), (6000, 10), (8000, 30)]);
        assert_eq!(seen.rate(), Some(10));
    }

    #[test]
    fn the_largest_numbers_do_no_harm() {
        let seen = pace(&[(0, 0), (1000, u64::MAX)]);
        assert_eq!(seen.rate(), Some(u64::MAX));
        assert_eq!(
            pace(&[(0, 0), (1000, 1)]).left(u64::MAX).map(|left| left.as_secs() > 0),
            Some(true)
        );
    }
}
