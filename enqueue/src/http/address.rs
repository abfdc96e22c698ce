//! From where somebody asks, and how often they may: a count of requests for each address, in this
//! process's memory alone. Several web sides count each for itself.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tokio::time::interval;

use crate::{limits::Limits, problem::Problem};

/// Where the way of a request is written down, each proxy at the end.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Of an IPv6 address the part that belongs to one network: whoever has one has all of it.
const NETWORK: u128 = !(u64::MAX as u128);
/// How often those are forgotten who might ask again as though they never had. In between, each address
/// that asks takes some 60 bytes: what can be asked in ten seconds bounds the memory.
const FORGET_EVERY: Duration = Duration::from_secs(10);

/// How often each address may ask.
#[derive(Debug)]
pub struct Addresses {
    trusted: Vec<IpAddr>,
    limiter: Option<DefaultKeyedRateLimiter<IpAddr>>,
}

impl Addresses {
    /// With these limits.
    pub fn new(limits: &Limits) -> Self {
        let quota = limits
            .requests
            .map(|requests| Quota::per_second(requests.per_second).allow_burst(requests.burst));
        Self { trusted: limits.trusted_proxies.clone(), limiter: quota.map(RateLimiter::keyed) }
    }

    /// Forgets idle addresses, for ever.
    pub async fn forget_idle(self: Arc<Self>) {
        let Some(limiter) = &self.limiter else { return };
        let mut ticks = interval(FORGET_EVERY);
        loop {
            ticks.tick().await;
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// 429 if it is one too many.
    fn count(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        let key = network(self.origin(peer, headers));
        limiter.check_key(&key).map_err(|not_until| {
            let detail = "Too many requests have come from your address. Ask again in a \
                          moment, and less often.";
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            Problem::too_many("too-many-requests", detail, wait)
        })
    }

    /// The address that asks: from the end of the way, the first that is none of our proxies. What
    /// stands before that, anybody may have written.
    fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut origin = peer.to_canonical();
        let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        let mut way = values.iter().rev().flat_map(|value| value.as_bytes().rsplit(|b| *b == b','));
        while self.trusted.contains(&origin) {
            // What is no address was not written by a proxy that is ours to trust.
            let Some(before) = way.next().and_then(address) else { break };
            origin = before;
        }
        origin
    }
}

/// An address as proxies write it down, some with the port.
fn address(written: &[u8]) -> Option<IpAddr> {
    let written = str::from_utf8(written).ok()?.trim();
    let address = written.parse::<IpAddr>().ok();
    let address = address.or_else(|| written.parse::<SocketAddr>().ok().map(|with| with.ip()));
    address.map(|address| address.to_canonical())
}

/// What is counted together.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & NETWORK)),
    }
}

/// Lets requests in as often as each address may ask. Whoever looks whether we live, always.
pub async fn limit(
    State(addresses): State<Arc<Addresses>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if !["/healthz", "/readyz"].contains(&request.uri().path())
        && let Err(problem) = addresses.count(peer.ip(), request.headers())
    {
        return problem.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn addresses(trusted: &[&str]) -> Addresses {
        let trusted = trusted.iter().map(|address| address.parse().unwrap()).collect();
        Addresses { trusted, limiter: None }
    }

    fn origin(peer: &str, way: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in way {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        let ours = addresses(&["127.0.0.1", "::1", "10.0.0.7"]);
        ours.origin(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn who_asks_is_the_last_on_the_way_that_is_no_proxy_of_ours() {
        assert_eq!(origin("127.0.0.1", &["192.0.2.1"]), "192.0.2.1");
        assert_eq!(origin("::1", &["198.51.100.9, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(origin("::ffff:127.0.0.1", &["2001:db8::7"]), "2001:db8::7");
        assert_eq!(origin("127.0.0.1", &["192.0.2.1", "198.51.100.9 ,10.0.0.7"]), "198.51.100.9");
        assert_eq!(origin("127.0.0.1", &["192.0.2.1", "10.0.0.7"]), "192.0.2.1");
        assert_eq!(origin("127.0.0.1", &["192.0.2.1:4711"]), "192.0.2.1");
        assert_eq!(origin("127.0.0.1", &["[2001:db8::7]:4711"]), "2001:db8::7");
    }

    #[test]
    fn nobody_else_is_believed_where_they_come_from() {
        assert_eq!(origin("192.0.2.1", &["198.51.100.9"]), "192.0.2.1");
        assert_eq!(origin("192.0.2.1", &["127.0.0.1"]), "192.0.2.1");
        assert_eq!(origin("127.0.0.1", &["198.51.100.9, 192.0.2.1"]), "192.0.2.1");
        assert_eq!(origin("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(origin("127.0.0.1", &["192.0.2.1, what"]), "127.0.0.1");
        assert_eq!(origin("127.0.0.1", &["192.0.2.1, what, 10.0.0.7"]), "10.0.0.7");
        assert_eq!(origin("127.0.0.1", &[""]), "127.0.0.1");
    }

    #[test]
    fn a_network_of_ipv6_is_counted_as_one() {
        let counted = |address: &str| network(address.parse().unwrap()).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("192.0.2.1"), "192.0.2.1");
    }
}
