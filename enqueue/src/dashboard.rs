//! The table `[dashboard]` of the configuration, parsed and checked: whose name the pages bear, in which
//! time zone they speak, who may frame them and how long a login lasts.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, ensure};
use jiff::tz::TimeZone;
use serde::Deserialize;

/// How the pages are set up.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// The name at the head of each page.
    pub name: String,
    /// The address of the pages as browsers have it, without a slash at its end.
    pub address: Option<String>,
    /// The zone in which times are told.
    pub zone: TimeZone,
    /// For how long a login counts.
    pub session: Duration,
    /// Where people log in, if that is the host's own page.
    pub login_url: Option<String>,
    /// Where people ask for help.
    pub support_url: Option<String>,
    /// The pages in whose frames the pages may stand.
    pub frame_ancestors: Vec<String>,
    /// In which pages' frames the cookie is sent.
    pub embedding: Embedding,
    /// Whether browsers on this machine are served without TLS.
    pub plain_http: bool,
}

/// In which pages' frames the cookie is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Embedding {
    /// Those of the same site: `backups.host.example` in `panel.host.example`.
    SameSite,
    /// Those of any site, each with a login of its own.
    Partitioned,
}

/// The table, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DashboardTable {
    #[serde(default = "backups")]
    name: String,
    address: Option<String>,
    #[serde(default = "utc")]
    time_zone: String,
    #[serde(default = "eight")]
    session_hours: f64,
    login_url: Option<String>,
    support_url: Option<String>,
    #[serde(default = "nobody")]
    frame_ancestors: Vec<String>,
    #[serde(default = "same_site")]
    embedding: String,
    #[serde(default)]
    plain_http: bool,
}

fn backups() -> String {
    "Backups".into()
}

fn utc() -> String {
    "UTC".into()
}

fn eight() -> f64 {
    8.0
}

fn nobody() -> Vec<String> {
    [].map(str::to_owned).to_vec()
}

fn same_site() -> String {
    "same-site".into()
}

/// What holds where there is no such table.
impl Default for DashboardTable {
    fn default() -> Self {
        Self {
            name: backups(),
            address: None,
            time_zone: utc(),
            session_hours: eight(),
            login_url: None,
            support_url: None,
            frame_ancestors: nobody(),
            embedding: same_site(),
            plain_http: false,
        }
    }
}

impl DashboardTable {
    /// The table, checked, for a web side that listens there.
    ///
    /// # Errors
    /// A sentence that names the key and what is wrong.
    pub fn check(self, listen: SocketAddr) -> anyhow::Result<Dashboard> {
        ensure!(
            (1..=60).contains(&self.name.chars().count()),
            "`dashboard.name` must have 1 to 60 characters"
        );
        ensure!(
            (0.01..=720.0).contains(&self.session_hours),
            "`dashboard.session_hours` must be from 0.01 to 720"
        );
        ensure!(
            !self.plain_http || listen.ip().is_loopback(),
            "`dashboard.plain_http` is for browsers on this machine: let `listen` be 127.0.0.1, or put \
             your web server with TLS before it"
        );
        let zone = TimeZone::get(&self.time_zone).with_context(|| {
            let zone = &self.time_zone;
            format!("`dashboard.time_zone`: {zone:?} is no time zone such as Europe/Berlin")
        })?;
        let embedding = match self.embedding.as_str() {
            "same-site" => Embedding::SameSite,
            "partitioned" => Embedding::Partitioned,
            _ => anyhow::bail!("`dashboard.embedding` must be \"same-site\" or \"partitioned\""),
        };
        for origin in &self.frame_ancestors {
            ensure!(
                is_address(origin) && !origin.ends_with('/'),
                "`dashboard.frame_ancestors`: {origin:?} is no origin such as https://panel.example.org"
            );
        }
        Ok(Dashboard {
            name: self.name,
            address: address("address", self.address)?
                .map(|address| address.trim_end_matches('/').to_owned()),
            zone,
            session: Duration::from_secs_f64(self.session_hours * 3600.0),
            login_url: address("login_url", self.login_url)?,
            support_url: address("support_url", self.support_url)?,
            frame_ancestors: self.frame_ancestors,
            embedding,
            plain_http: self.plain_http,
        })
    }
}

/// An address that a browser may be sent to.
fn address(key: &str, given: Option<String>) -> anyhow::Result<Option<String>> {
    if let Some(given) = &given {
        ensure!(
            is_address(given),
            "`dashboard.{key}` must begin with https:// and have no spaces or quotes"
        );
    }
    Ok(given)
}

fn is_address(given: &str) -> bool {
    let begins = given.starts_with("https://") || given.starts_with("http://");
    begins && given.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>;,".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(table: DashboardTable) -> Result<Dashboard, String> {
        table.check("127.0.0.1:8470".parse().unwrap()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_cannot_stand_in_a_header_or_a_link_is_refused_by_name() {
        let usual = DashboardTable::default;
        assert!(checked(usual()).is_ok());
        for origin in ["panel.example.org", "https://a.example; script-src *", "https://a/"] {
            let table = DashboardTable { frame_ancestors: vec![origin.into()], ..usual() };
            assert!(checked(table).unwrap_err().contains("frame_ancestors"), "{origin}");
        }
        let table = DashboardTable { login_url: Some("javascript:x".into()), ..usual() };
        assert!(checked(table).unwrap_err().contains("login_url"));
        let table = DashboardTable { time_zone: "Europe/Nowhere".into(), ..usual() };
        assert!(checked(table).unwrap_err().contains("Europe/Nowhere"));
        let table = DashboardTable { time_zone: "Europe/Berlin".into(), ..usual() };
        assert!(checked(table).is_ok());
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        let table = DashboardTable { plain_http: true, ..DashboardTable::default() };
        let refused = table.check("0.0.0.0:8470".parse().unwrap()).unwrap_err();
        assert!(refused.to_string().contains("plain_http"));
    }
}
