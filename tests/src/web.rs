//! The web side as its callers meet it: HTTP, JSON, a token.

use std::{
    fs::File,
    path::Path,
    process::{Child, ExitStatus, Stdio},
    time::Duration,
};

use holdfast_job::JobId;
use serde_json::{Value, json};

use crate::{
    document::DOCUMENT, eventually, free_port, node::built, program, signal::signal_if_there,
};

/// A running `holdfast-enqueue`; ended on drop.
#[derive(Debug)]
pub struct Web {
    port: u16,
    child: Option<Child>,
    agent: ureq::Agent,
    token: String,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, if it is JSON.
    pub body: Value,
    /// The body, to the byte.
    pub text: String,
    headers: ureq::http::HeaderMap,
}

impl Web {
    /// Starts it with this configuration, in which `{port}` stands for a free port; `token` is what
    /// requests bring if they bring no other. Its log is `<folder>/web.log`.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn start(folder: &Path, config: &str, token: impl FnOnce(&Path) -> String) -> Self {
        let port = free_port();
        let file = folder.join("enqueue.toml");
        std::fs::write(&file, config.replace("{port}", &port.to_string())).expect("a file");
        let token = token(&file);
        let mut web = Self { port, child: None, agent: agent(64), token };
        web.start_again(folder);
        web
    }

    /// One that somebody else has started and may start again, on this port; `token` is what requests
    /// bring if they bring no other.
    pub fn at(port: u16, token: String) -> Self {
        Self { port, child: None, agent: agent(0), token }
    }

    /// Starts it again after it was killed.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub fn start_again(&mut self, folder: &Path) {
        let log = File::options().create(true).append(true).open(folder.join("web.log"));
        let mut web = program(built("holdfast-enqueue"));
        web.arg("--config").arg(folder.join("enqueue.toml")).arg("run");
        web.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("a log"));
        self.child = Some(web.spawn().expect("holdfast-enqueue"));
        self.until_up();
    }

    /// Waits until it answers.
    pub fn until_up(&self) {
        eventually("an answer of the web side", || {
            self.agent.get(self.url("/healthz")).call().ok()
        });
    }

    /// Kills it.
    ///
    /// # Panics
    /// If that fails.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a signal");
            child.wait().expect("its end");
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If that does not come within a minute.
    pub fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a child");
        eventually("the web side's end", || child.try_wait().expect("a child"))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// An address.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where it listens.
    pub fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    /// `GET`, as an operator.
    pub fn get(&self, path: &str) -> Answer {
        self.get_as(&self.token, path)
    }

    /// `GET`, with this token.
    pub fn get_as(&self, token: &str, path: &str) -> Answer {
        let request = self.agent.get(self.url(path)).header("Authorization", bearer(token));
        read("GET", path, request.call())
    }

    /// `POST`, as an operator.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(&self.token, path, body)
    }

    /// `POST`, with this token.
    pub fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.post_text(token, path, &body.to_string())
    }

    /// `POST` of any text that says it is JSON.
    pub fn post_text(&self, token: &str, path: &str, body: &str) -> Answer {
        let request = self.agent.post(self.url(path)).header("Authorization", bearer(token));
        read("POST", path, request.header("Content-Type", "application/json").send(body))
    }

    /// Any request, with these headers and none of ours.
    ///
    /// # Panics
    /// If it is none, or is not answered.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).expect("a request");
        read(method, path, self.agent.run(request))
    }

    /// A request of a browser, which follows no redirect by itself here.
    ///
    /// # Panics
    /// If it is not answered.
    pub fn browse(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .max_redirects(0)
            .build();
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned()).expect("a request");
        read(method, path, ureq::Agent::from(config).run(request))
    }

    /// The operator's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// `DELETE`, as an operator.
    pub fn delete(&self, path: &str) -> Answer {
        let request = self.agent.delete(self.url(path));
        read("DELETE", path, request.header("Authorization", bearer(&self.token)).call())
    }

    /// Orders a backup of a customer: the job.
    ///
    /// # Panics
    /// If it is not admitted.
    pub fn order_backup(&self, customer: u32, scope: &str) -> JobId {
        let path = format!("/api/v1/customers/{customer}/backups");
        self.post(&path, &json!({ "scope": scope })).job()
    }

    /// `POST` of what is done with a job: `stop`, `retry`, `reset`, `undo`.
    pub fn act(&self, customer: u32, job: JobId, what: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v1/customers/{customer}/jobs/{job}/{what}"), body)
    }

    /// A job as it is shown.
    ///
    /// # Panics
    /// If there is none.
    pub fn job(&self, customer: u32, job: JobId) -> Value {
        self.get(&format!("/api/v1/customers/{customer}/jobs/{job}")).with(200).body
    }

    /// Waits until a job is neither pending nor running, and returns it.
    pub fn until_ended(&self, customer: u32, job: JobId) -> Value {
        eventually(&format!("the end of job {job}"), || {
            let shown = self.job(customer, job);
            (!["pending", "running"].contains(&shown["status"].as_str()?)).then_some(shown)
        })
    }

    /// Waits until a job has this status, and returns it.
    ///
    /// # Panics
    /// If it has not within a minute, or has ended in another way.
    pub fn until(&self, customer: u32, job: JobId, status: &str) -> Value {
        eventually(&format!("{status} of job {job}"), || {
            let shown = self.job(customer, job);
            let now = shown["status"].as_str().expect("a status").to_owned();
            let ended = !["pending", "running"].contains(&now.as_str());
            assert!(now == status || !ended, "{shown:#}");
            (now == status).then_some(shown)
        })
    }
}

/// A client that keeps so many connections for later requests.
fn agent(connections: usize) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .max_idle_connections_per_host(connections)
        .build();
    config.into()
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// What was answered, which is as the API's document has it.
fn read(
    method: &str,
    path: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Answer {
    let mut answer = answer.expect("an answer");
    let body = answer.body_mut().read_to_string().expect("a body");
    let answer = Answer {
        status: answer.status().as_u16(),
        body: serde_json::from_str(&body).unwrap_or_else(|_| Value::String(body.clone())),
        text: body,
        headers: answer.headers().clone(),
    };
    DOCUMENT.hold(method, path, &answer);
    answer
}

impl Answer {
    /// This answer, which has this status.
    ///
    /// # Panics
    /// If it has not.
    pub fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:#}", self.body);
        self
    }

    /// The problem, which is of this kind and this status.
    ///
    /// # Panics
    /// If it is not.
    pub fn problem(self, status: u16, kind: &str) -> Value {
        let answer = self.with(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(
            answer.body["type"],
            format!("urn:holdfast:problem:{kind}"),
            "{:#}",
            answer.body
        );
        assert_eq!(answer.body["status"], status);
        answer.body
    }

    /// The job that was admitted.
    ///
    /// # Panics
    /// If none was.
    pub fn job(self) -> JobId {
        let answer = self.with(202);
        let job = answer.body["job"].as_str().expect("a job").to_owned();
        assert!(answer.header("location").is_some_and(|place| place.ends_with(&job)));
        job.parse().expect("a job id")
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal_if_there("TERM", child.id());
            let _ = child.wait();
        }
    }
}
