//! Sessions: who looks at the pages, by a cookie. The cookie holds a random token of 256 bits; the
//! control database holds its sum. It knows no page.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_store::{Login, OrderKey, StoreError};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use sha2::{Digest, Sha256};

use crate::{
    auth::Caller,
    dashboard::{Dashboard, Embedding},
    web::Web,
};

/// The bytes of a token or a code.
const SECRET_BYTES: usize = 32;

/// A session that counts.
#[derive(Clone)]
pub struct Session {
    token: String,
    /// Who is logged in.
    pub caller: Caller,
    /// The customer whose pages are open, if they chose one of several.
    pub site: Option<String>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({:?})", self.caller.actor().name())
    }
}

impl Session {
    /// The session of a request's cookie, if it counts.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot say.
    pub async fn of(web: &Web, headers: &HeaderMap) -> Result<Option<Self>, StoreError> {
        let Some(token) = cookie(&web.config.dashboard, headers) else { return Ok(None) };
        let found = web.database.session(&sum(token)).await?;
        Ok(found.map(|found| Self {
            token: token.to_owned(),
            site: found.site.clone(),
            caller: found.into(),
        }))
    }

    /// Begins a session for this login: the header `Set-Cookie`. What the browser had before is ended,
    /// so that nobody goes on in a session that somebody else has planted.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn begin(
        web: &Web,
        login: &Login,
        headers: &HeaderMap,
    ) -> Result<HeaderValue, StoreError> {
        let dashboard = &web.config.dashboard;
        if let Some(token) = cookie(dashboard, headers) {
            web.database.revoke_session(&sum(token)).await?;
        }
        let token = secret()?;
        web.database.begin_session(&sum(&token), login, dashboard.session).await?;
        Ok(set_cookie(dashboard, &token, dashboard.session.as_secs()))
    }

    /// Ends it: the header `Set-Cookie`.
    ///
    /// # Errors
    /// [`StoreError`] if the store could not answer.
    pub async fn end(&self, web: &Web) -> Result<HeaderValue, StoreError> {
        web.database.revoke_session(&self.sum()).await?;
        Ok(set_cookie(&web.config.dashboard, "", 0))
    }

    /// The sum of its token, by which the control database knows it.
    pub fn sum(&self) -> String {
        sum(&self.token)
    }

    /// What a form for this purpose must bring back.
    pub fn proof(&self, purpose: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key(), purpose.as_bytes()))
    }

    /// True if a form brings that back.
    pub fn is_proof(&self, purpose: &str, given: &str) -> bool {
        let given = URL_SAFE_NO_PAD.decode(given).unwrap_or_default();
        hmac::verify(&self.key(), purpose.as_bytes(), &given).is_ok()
    }

    /// The key of an order: the same for the same form, whether it is sent twice or from two tabs.
    pub fn order_key(&self, purpose: &str, asked: &[&str]) -> OrderKey {
        let key = self.proof(&format!("order {purpose}"));
        let mut hash = Sha256::new();
        let actor = self.caller.actor();
        for part in asked.iter().copied().chain([purpose, actor.name()]) {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hash.update(part);
        }
        OrderKey { key, request_hash: hexadecimal(&hash.finalize()) }
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.token.as_bytes())
    }
}

/// A new token or code, in characters that an address may have.
///
/// # Errors
/// [`StoreError::Corrupt`] if the system gives no random bytes.
pub fn secret() -> Result<String, StoreError> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Corrupt {
        what: "source of random bytes",
        problem: "the system gives none".to_owned(),
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The SHA-256 of a secret, in hexadecimal digits.
pub fn sum(secret: &str) -> String {
    hexadecimal(&Sha256::digest(secret))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// True if a browser on this machine asks. Without TLS, no other gets a cookie.
pub fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The name of the cookie: one with the prefix is taken by browsers for this host, this path and TLS alone.
fn name(dashboard: &Dashboard) -> &'static str {
    if dashboard.plain_http { "holdfast" } else { "__Host-holdfast" }
}

/// The token in a request's cookies.
fn cookie<'h>(dashboard: &Dashboard, headers: &'h HeaderMap) -> Option<&'h str> {
    let name = name(dashboard);
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    let token = pairs.find(|(given, _)| given.trim() == name)?.1.trim();
    let is_ours = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (token.len() == 43 && token.bytes().all(is_ours)).then_some(token)
}

fn set_cookie(dashboard: &Dashboard, token: &str, seconds: u64) -> HeaderValue {
    let secure = match (dashboard.plain_http, dashboard.embedding) {
        (true, _) => "SameSite=Lax",
        (false, Embedding::SameSite) => "SameSite=Lax; Secure",
        (false, Embedding::Partitioned) => "SameSite=None; Secure; Partitioned",
    };
    let name = name(dashboard);
    let cookie = format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; {secure}");
    // All of it is ours, and plain ASCII.
    HeaderValue::from_str(&cookie).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_name_and_no_other_is() {
        for (host, is) in [
            ("127.0.0.1:8470", true),
            ("localhost:1", true),
            ("[::1]:8470", true),
            ("127.0.0.1.example.org", false),
            ("backups.example.org", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            assert_eq!(is_for_this_machine(&headers), is, "{host}");
        }
    }
}
