//! One order, given to the executor, and how it ended.

use std::{
    fmt,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, ChildStdin, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use holdfast_job::{
    CustomerId, JobId, Message, Moment, Order, Outcome, REQUEST_VERSION, Request, WorkResult,
};

use crate::{Node, Signer, Sudoers, eventually, node::program, rehearsal};

/// An order that is about to be given.
#[derive(Debug, Clone)]
pub struct Call {
    config: PathBuf,
    program: PathBuf,
    wrapper: Vec<String>,
    script: Option<String>,
    environment: Vec<(String, String)>,
    /// The request, to be changed by tests of bad ones.
    pub request: Request,
}

/// A new job id.
pub(crate) fn new_job() -> JobId {
    let uuid = std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("a uuid");
    uuid.trim().parse().expect("a job id")
}

impl Call {
    pub(crate) fn new(node: &Node, order: Order) -> Self {
        let now = Moment::of(std::time::SystemTime::now());
        let customer: CustomerId = Node::ID.to_string().parse().expect("an id");
        let request = Request {
            version: REQUEST_VERSION,
            job: new_job(),
            node: None,
            customer,
            issued_at: now,
            not_after: now.plus(std::time::Duration::from_secs(3600)),
            order,
        };
        let config = node.root().join("etc");
        let (wrapper, environment) = (Vec::new(), Vec::new());
        let program = node.executor().to_owned();
        Self { config, program, wrapper, script: None, environment, request }
    }

    /// With the executor of the tests, told what to do: see `holdfast-rehearsal`.
    pub fn rehearsed(mut self, script: &str) -> Self {
        self.program = rehearsal();
        self.script = Some(script.to_owned());
        self
    }

    /// Started by another program, such as strace.
    pub fn wrapped(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Given by the worker's user, through sudo.
    pub fn by_worker(mut self, sudoers: &Sudoers) -> Self {
        self.wrapper = sudoers.sudo();
        self
    }

    /// With one more variable in the executor's environment.
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the node's name, which every ticket must have.
    pub fn named(mut self) -> Self {
        self.request.node = Some(Node::NAME.parse().expect("a name"));
        self
    }

    /// Gives the order as a ticket, named and signed, and waits for its end.
    pub fn run_signed(&self, signer: &Signer) -> Ended {
        self.run_with(&signer.sign(&self.clone().named().request))
    }

    /// The job.
    pub fn job(&self) -> JobId {
        self.request.job
    }

    /// Gives the order and waits for its end.
    pub fn run(&self) -> Ended {
        self.start().wait()
    }

    /// Gives the order and waits for its end; and the most memory that the executor itself, without
    /// what it started, had at once, in KiB.
    pub fn run_measured(&self) -> (Ended, u64) {
        let mut running = self.start();
        let status = format!("/proc/{}/status", running.pid());
        let mut most = 0;
        while !running.has_ended() {
            let said = std::fs::read_to_string(&status).unwrap_or_default();
            let peak = said.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
            most = most.max(peak.unwrap_or(0));
            thread::yield_now();
        }
        (running.wait(), most)
    }

    /// Gives the order.
    pub fn start(&self) -> Running {
        let mut line = serde_json::to_vec(&self.request).expect("a request");
        line.push(b'\n');
        self.start_with(&line, Stdio::piped())
    }

    /// Gives the executor these bytes for a request, keeps the lifeline, and waits for its end.
    pub fn run_with(&self, line: &[u8]) -> Ended {
        self.start_with(line, Stdio::piped()).wait()
    }

    /// Gives the executor these bytes for a request, and this stdout.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_with(&self, line: &[u8], stdout: Stdio) -> Running {
        let mut words: Vec<String> = self.wrapper.clone();
        words.push(self.program.display().to_string());
        words.extend(["--config".to_owned(), self.config.display().to_string()]);
        words.push(self.request.order.verb().word().to_owned());
        let mut command = program(&words[0]);
        command.args(&words[1..]).stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(script) = &self.script {
            command.env("HOLDFAST_REHEARSAL", script);
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{words:?}: {error}"));
        let mut stdin = child.stdin.take().expect("stdin");
        // One that refuses early does not read it.
        let _ = stdin.write_all(line);
        let said = Arc::new(Mutex::new(Vec::new()));
        let reader = child.stdout.take().map(|stdout| {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    said.lock().expect("no poison").push(line);
                }
            })
        });
        let mut stderr = child.stderr.take().expect("stderr");
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Running { command: words, child, stdin: Some(stdin), said, reader, errors: Some(errors) }
    }
}

/// An order under way.
#[derive(Debug)]
pub struct Running {
    command: Vec<String>,
    child: Child,
    stdin: Option<ChildStdin>,
    said: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    errors: Option<JoinHandle<String>>,
}

impl Running {
    /// The process id of what was started: the executor, or what it was wrapped in.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line on stdout says this.
    pub fn until_said(&self, what: &str) {
        eventually(what, || {
            self.said
                .lock()
                .expect("no poison")
                .iter()
                .any(|line| line.contains(what))
                .then_some(())
        });
    }

    /// Closes the lifeline.
    pub fn let_go(&mut self) {
        self.stdin = None;
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.child.kill().expect("a signal");
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If that does not come within a minute.
    pub fn wait(mut self) -> Ended {
        let status = eventually("the end of the executor", || self.child.try_wait().expect("wait"));
        self.stdin = None;
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader");
        }
        let stderr = self.errors.take().map(|errors| errors.join().expect("stderr"));
        let said = std::mem::take(&mut *self.said.lock().expect("no poison"));
        let stderr = stderr.unwrap_or_default();
        Ended { command: self.command.join(" "), status, said, stderr }
    }
}

/// How an order ended.
pub struct Ended {
    command: String,
    /// The exit status.
    pub status: ExitStatus,
    said: Vec<String>,
    /// What stderr said.
    pub stderr: String,
}

/// A failing test prints the command, the status and both outputs.
impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}\n{}", self.command, self.status)?;
        self.said.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        writeln!(f, "stderr: {}", self.stderr)
    }
}

impl Ended {
    /// Every message on stdout.
    pub fn messages(&self) -> Vec<Message> {
        let parse = |line: &String| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}\n{self:?}"))
        };
        self.said.iter().map(parse).collect()
    }

    /// The one result, if it was said.
    pub fn try_result(&self) -> Option<WorkResult> {
        self.messages().into_iter().find_map(|message| match message {
            Message::Result(result) => Some(*result),
            _ => None,
        })
    }

    /// The one result.
    ///
    /// # Panics
    /// If none was said.
    pub fn result(&self) -> WorkResult {
        self.try_result().unwrap_or_else(|| panic!("no result\n{self:?}"))
    }

    /// The result of an order that completed.
    ///
    /// # Panics
    /// If it did not.
    pub fn completed(&self) -> WorkResult {
        self.ended_as(Outcome::Completed)
    }

    /// The result of an order that ended so, by its word and by its exit code.
    ///
    /// # Panics
    /// If it did not.
    pub fn ended_as(&self, outcome: Outcome) -> WorkResult {
        let result = self.result();
        assert_eq!(result.outcome, outcome, "{self:?}");
        assert_eq!(self.status.code(), Some(i32::from(outcome.exit_code())), "{self:?}");
        result
    }

    /// The result, to the byte.
    ///
    /// # Panics
    /// If none was said.
    pub fn last_line(&self) -> &str {
        self.said.last().unwrap_or_else(|| panic!("nothing was said\n{self:?}"))
    }

    /// Whether a signal ended it: strace ends itself as what it traced was ended.
    pub fn was_killed(&self) -> bool {
        self.status.signal() == Some(9) || self.status.code() == Some(137)
    }

    /// What was said, line by line.
    pub fn said(&self) -> &[String] {
        &self.said
    }
}
