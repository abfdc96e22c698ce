//! How much is taken of whom: the table `[limits]` of the configuration, read and checked. Who keeps to
//! it: requests `address`, orders `daily`, streams `watching`.

use std::{net::IpAddr, num::NonZeroU32};

use anyhow::Context;
use serde::Deserialize;

/// How much is taken of whom.
#[derive(Debug, Clone)]
pub struct Limits {
    /// So many orders of a customer's people are taken in 24 hours; any number if it is none.
    pub orders_a_day: Option<NonZeroU32>,
    /// So many requests of an address are taken; any number if it is none.
    pub requests: Option<Requests>,
    /// From whom `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// So many streams about one customer are open at most.
    pub streams_per_customer: usize,
    /// So many are open at most in all.
    pub streams: usize,
}

/// How many requests of an address are taken.
#[derive(Debug, Clone, Copy)]
pub struct Requests {
    /// In each second, in the long run.
    pub per_second: NonZeroU32,
    /// At once, by somebody who has been quiet.
    pub burst: NonZeroU32,
}

/// The table, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    #[serde(default = "a_hundred")]
    orders_per_customer_per_day: u32,
    #[serde(default = "fifty")]
    requests_per_address_per_second: u32,
    #[serde(default = "two_hundred")]
    burst_per_address: u32,
    #[serde(default = "this_machine")]
    trusted_proxies: Vec<String>,
    #[serde(default = "twenty")]
    streams_per_customer: usize,
    #[serde(default = "ten_thousand")]
    streams: usize,
}

fn a_hundred() -> u32 {
    100
}

fn fifty() -> u32 {
    50
}

fn two_hundred() -> u32 {
    200
}

fn this_machine() -> Vec<String> {
    ["127.0.0.1", "::1"].map(str::to_owned).to_vec()
}

fn twenty() -> usize {
    20
}

fn ten_thousand() -> usize {
    10_000
}

/// What holds where there is no such table.
impl Default for LimitsTable {
    fn default() -> Self {
        Self {
            orders_per_customer_per_day: a_hundred(),
            requests_per_address_per_second: fifty(),
            burst_per_address: two_hundred(),
            trusted_proxies: this_machine(),
            streams_per_customer: twenty(),
            streams: ten_thousand(),
        }
    }
}

impl LimitsTable {
    /// The table, checked.
    ///
    /// # Errors
    /// A sentence that names the key and what is wrong.
    pub fn check(self) -> anyhow::Result<Limits> {
        let per_second = NonZeroU32::new(self.requests_per_address_per_second);
        let burst = NonZeroU32::new(self.burst_per_address)
            .context("`limits.burst_per_address` must be at least 1")?;
        for (key, number) in
            [("streams_per_customer", self.streams_per_customer), ("streams", self.streams)]
        {
            anyhow::ensure!(number >= 1, "`limits.{key}` must be at least 1");
        }
        let address = |written: &String| {
            written.parse::<IpAddr>().map(|address| address.to_canonical()).map_err(|_| {
                anyhow::anyhow!(
                    "`limits.trusted_proxies`: {written:?} is no address such as 10.0.0.7 or \
                     2001:db8::7"
                )
            })
        };
        Ok(Limits {
            orders_a_day: NonZeroU32::new(self.orders_per_customer_per_day),
            requests: per_second.map(|per_second| Requests { per_second, burst }),
            trusted_proxies: self.trusted_proxies.iter().map(address).collect::<Result<_, _>>()?,
            streams_per_customer: self.streams_per_customer,
            streams: self.streams,
        })
    }
}
