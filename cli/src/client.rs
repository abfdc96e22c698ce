//! Requests: how they are sent, how long they are waited for, and when they are sent again. An order has
//! a key of its own, the same at every try, by which the server knows it again: so whatever breaks on the
//! way, it is given once.

use std::{
    io::{BufReader, ErrorKind},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use ureq::{
    Agent, Body, BodyReader, Error, Timeout,
    http::{Method, Request, Response},
    tls::{RootCerts, TlsConfig},
};
use uuid::Uuid;

use crate::{
    answer::{Answer, Miss},
    failure::Failure,
    interrupt,
    session::holdfast,
    settings::Settings,
    token::Token,
    voice::Voice,
};

/// So often is a request sent at most.
const TRIES: u32 = 5;
/// So long after the first try comes the second; each further one after twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Nobody waits longer for another try; a server that says so is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The server answers within twenty seconds, or says that it is too slow.
const PATIENCE: Duration = Duration::from_secs(40);
/// A stream gives a sign of life each fifteen seconds.
const SILENCE: Duration = Duration::from_secs(45);

/// Sends requests to one installation.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    url: String,
    /// How to call this program for the same installation and customer.
    holdfast: String,
    token: Option<Arc<Token>>,
    voice: Voice,
}

impl Client {
    /// One for this installation, with this token if there is one.
    pub fn new(settings: &Settings, token: Option<Token>) -> Self {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // A token is for the address that somebody has written down.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(tls)
            .user_agent(concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(SILENCE));
        if settings.url.starts_with("http:") {
            // Not in the clear through others.
            config = config.proxy(None);
        }
        let (url, voice) = (settings.url.clone(), settings.voice);
        let (agent, holdfast) = (config.build().into(), holdfast(&settings.words));
        Self { agent, url, holdfast, token: token.map(Arc::new), voice }
    }

    /// `GET`.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, None, None).map(|answer| answer.body)
    }

    /// `GET`, tried once.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn get_once(&self, path: &str) -> Result<Answer, Failure> {
        self.once(Method::GET, path, None, None).map_err(|miss| self.failure(miss))
    }

    /// Gives an order: once, however often it is sent.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn order(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let key = Uuid::now_v7().to_string();
        let advice = format!("Interrupted.\n{}", taken_perhaps(&self.holdfast));
        interrupt::says(self.voice, &advice);
        let answer = self.send(method, path, body, Some(&key));
        interrupt::says(self.voice, "Interrupted.");
        answer.map(|answer| answer.body)
    }

    /// Asks what an order would do: one without the word that confirms it is not taken.
    ///
    /// # Errors
    /// If the server refuses, as it should, or does not answer.
    pub fn propose(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, path, Some(body), None).map(|answer| answer.body)
    }

    /// `POST` of what may be said twice.
    ///
    /// # Errors
    /// If the server refuses, or does not answer.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer, Failure> {
        self.send(Method::POST, path, Some(body), None)
    }

    /// Opens a stream of events.
    ///
    /// # Errors
    /// If the server has none, or does not answer.
    pub fn stream(&self, path: &str) -> Result<BufReader<BodyReader<'static>>, Failure> {
        let response =
            self.call(Method::GET, path, None, None).map_err(|miss| self.failure(miss))?;
        match response.status().as_u16() {
            200 => Ok(BufReader::new(response.into_body().into_reader())),
            status => match Answer::read(path, response) {
                Err(miss) => Err(self.failure(miss)),
                Ok(_) => Err(Failure::Silent(format!("a stream was answered with {status}"))),
            },
        }
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Answer, Failure> {
        let mut usual = FIRST_PAUSE;
        let mut taken_perhaps = false;
        for tried in 1.. {
            let miss = match self.once(method.clone(), path, body, key) {
                Ok(answer) => return Ok(answer),
                Err(miss) => miss,
            };
            taken_perhaps |= key.is_some() && miss.leaves_open();
            let asked = match &miss {
                Miss::Unreached(_) | Miss::Broken(_) => None,
                Miss::Problem(problem) if problem.may_pass() => problem.retry_after,
                Miss::Problem(_) | Miss::Strange(_) => return Err(self.failure(miss)),
            };
            let wait = asked.unwrap_or(usual).max(usual);
            if tried == TRIES || wait > LONGEST_PAUSE {
                return Err(match taken_perhaps {
                    true => self.unanswered(&miss),
                    false => self.failure(miss),
                });
            }
            self.voice.note(&format!("{} Trying again.", self.why(&miss)));
            pause(wait);
            usual *= 2;
        }
        Err(Failure::Silent("nothing was tried".into()))
    }

    fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Answer, Miss> {
        Answer::read(path, self.call(method, path, body, key)?)
    }

    fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Response<Body>, Miss> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("Authorization", token.bearer());
        }
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let strange = |error: ureq::http::Error| Miss::Strange(error.to_string());
        let sent = match body {
            None => self.agent.run(request.body(()).map_err(strange)?),
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                self.agent.run(request.body(body.to_string()).map_err(strange)?)
            }
        };
        sent.map_err(|error| match error {
            // A certificate that is not trusted is not trusted at the next try.
            Error::Io(error) if error.kind() == ErrorKind::InvalidData => {
                Miss::Strange(error.to_string())
            }
            Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                Miss::Unreached(error.to_string())
            }
            Error::HostNotFound
            | Error::ConnectionFailed
            | Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                Miss::Unreached(error.to_string())
            }
            Error::Rustls(_) | Error::Tls(_) | Error::BadUri(_) | Error::Http(_) => {
                Miss::Strange(error.to_string())
            }
            other => Miss::Broken(other.to_string()),
        })
    }

    fn why(&self, miss: &Miss) -> String {
        match miss {
            Miss::Problem(problem) => problem.detail.clone(),
            Miss::Unreached(why) | Miss::Broken(why) | Miss::Strange(why) => {
                format!("{}: {why}.", self.url)
            }
        }
    }

    fn failure(&self, miss: Miss) -> Failure {
        match miss {
            Miss::Problem(problem) => Failure::Refused(problem),
            miss => Failure::Silent(self.why(&miss)),
        }
    }

    /// Of an order that was sent, and of which nobody knows whether it was taken.
    fn unanswered(&self, miss: &Miss) -> Failure {
        let request = match miss {
            Miss::Problem(problem) => problem.request_id.as_ref(),
            _ => None,
        };
        let request = request.map(|id| format!("\n(request {id})")).unwrap_or_default();
        let (why, look) = (self.why(miss), taken_perhaps(&self.holdfast));
        Failure::Unanswered(format!("{why}\n{look}{request}"))
    }
}

/// What to do about an order that may have been taken.
fn taken_perhaps(holdfast: &str) -> String {
    format!(
        "The order may have been taken all the same. Before you give it again, look: {holdfast} watch, \
         {holdfast} jobs"
    )
}

/// A part of an address: one segment, or the value of a parameter, whatever is in it.
pub fn escaped(part: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    part.bytes().map(escape).collect()
}

/// Waits before the server is asked again.
pub fn pause(how_long: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the server says nothing by itself when it is back"
    )]
    std::thread::sleep(how_long);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_customer_is_called_is_one_part_of_an_address() {
        assert_eq!(escaped("shop-42_a.b~c"), "shop-42_a.b~c");
        assert_eq!(escaped("a/../b?c=d&é "), "a%2F..%2Fb%3Fc%3Dd%26%C3%A9%20");
    }
}
