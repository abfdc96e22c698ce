//! Choices that differ from run to run, and can be made again.

use std::time::{SystemTime, UNIX_EPOCH};

/// The variable that makes the same choices again.
const VARIABLE: &str = "HOLDFAST_TEST_SEED";

/// The source of random choices.
#[derive(Debug)]
pub struct Seed(u64);

impl Seed {
    /// A new one, or that of `HOLDFAST_TEST_SEED`; it is printed, so that a failure can be had again.
    ///
    /// # Panics
    /// If the variable holds no number.
    pub fn new() -> Self {
        let given = std::env::var(VARIABLE).ok();
        let seed = given.map(|seed| seed.parse().expect("a number")).unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time");
            now.as_secs() ^ u64::from(now.subsec_nanos())
        });
        println!("the same again: {VARIABLE}={seed}");
        Self(seed)
    }

    /// The choices of this number.
    pub fn of(number: u64) -> Self {
        Self(number)
    }

    /// The number that makes the same choices from here on.
    pub fn number(&self) -> u64 {
        self.0
    }

    /// A number below this one.
    ///
    /// # Panics
    /// If there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        // splitmix64, by Sebastiano Vigna.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// One of these.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self::new()
    }
}
