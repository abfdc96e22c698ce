//! How a site is asked whether it is well.

use std::{path::Path, time::Duration};

use holdfast_job::CustomerId;
use serde::{Deserialize, Serialize};

use super::{ConfigError, template};

/// One look at a site, as a visitor would take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The page.
    pub url: String,
    /// Where the connection goes instead of where the name points: the probe's secret is taken from
    /// loopback alone.
    pub connect: String,
    /// The status that it must have; any from 200 to 399 when absent.
    pub status: Option<u16>,
    /// What must stand on it.
    pub text: Option<String>,
    /// How long one look may take.
    pub patience: Duration,
}

/// `[site.probe]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeTable {
    url: String,
    connect: Option<String>,
    status: Option<u16>,
    text: Option<String>,
    timeout_seconds: Option<u64>,
}

impl ProbeTable {
    pub(super) fn check(self, file: &Path, customer: CustomerId) -> Result<Probe, ConfigError> {
        let refuse = |key: &str, problem: String| {
            ConfigError::value(file, format!("site.probe.{key}"), problem)
        };
        let url = template::fill(&self.url, customer);
        let plain = |text: &str| !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if !(url.starts_with("http://") || url.starts_with("https://")) || !plain(&url) {
            return Err(refuse("url", format!("{url:?} is no http:// or https:// address")));
        }
        let connect = self.connect.unwrap_or_else(|| "127.0.0.1".into());
        if connect.is_empty() || !plain(&connect) {
            return Err(refuse("connect", format!("{connect:?} is no address of a host")));
        }
        let text = self.text.map(|text| template::fill(&text, customer));
        match self.timeout_seconds.unwrap_or(5) {
            seconds @ 1..=60 => Ok(Probe {
                url,
                connect,
                status: self.status,
                text,
                patience: Duration::from_secs(seconds),
            }),
            _ => Err(refuse("timeout_seconds", "must be 1 to 60 seconds".into())),
        }
    }
}
