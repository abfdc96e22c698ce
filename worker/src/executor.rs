//! The executor as a child: started through sudo, fed one ticket, heard line by line, let go by closing
//! its stdin and in no other way: nobody sends a signal to sudo.

use std::{io, process::Stdio};

use holdfast_job::{JobId, Level, Message, Outcome, Verb, WorkResult, bounded};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::watch,
};
use tracing::{info, warn};

use holdfast_store::Report;

/// So much of stderr is kept, for an executor that says no result.
const KEPT_ERRORS: usize = 16 * 1024;
/// The longest line that is read: a result has at most 100 unreadable files in it.
const LONGEST_LINE: u64 = 4 * 1024 * 1024;

/// An executor under way.
#[derive(Debug)]
pub struct Executor {
    child: Child,
    lifeline: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
    errors: tokio::task::JoinHandle<String>,
}

/// What an executor left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// Its exit code, if no signal ended it.
    pub code: Option<i32>,
    /// Whether it said anything that was understood.
    pub heard: bool,
    /// Its result, if it said one.
    pub result: Option<WorkResult>,
    /// The end of what it wrote on stderr.
    pub errors: String,
}

/// The command of a verb: of the environment nothing is passed on.
fn command(words: &[String], verb: &str) -> io::Result<Command> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| io::Error::other("no executor is configured"))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the worker starts a program"
    )]
    let mut command = Command::new(program);
    command.args(arguments).arg(verb);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
    // Out of the terminal's reach: a Ctrl-C is for the worker.
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

impl Executor {
    /// Starts it for a verb and hands it the ticket.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn start(words: &[String], verb: Verb, ticket: &str) -> io::Result<Self> {
        let mut child = command(words, verb.word())?.spawn()?;
        let missing = || io::Error::other("a pipe is missing");
        let mut lifeline = child.stdin.take().ok_or_else(missing)?;
        let lines = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        let errors = tokio::spawn(tail(child.stderr.take().ok_or_else(missing)?));
        // One that refuses early does not read it; and no ticket is longer than a pipe.
        let _ = lifeline.write_all(format!("{ticket}\n").as_bytes()).await;
        Ok(Self { child, lifeline: Some(lifeline), lines, errors })
    }

    /// Hears it to its end. How far it is goes to `reports`; when `cut_short` comes, it is let go: it
    /// puts everything back, or finishes what it may not leave.
    pub async fn until_end(
        mut self,
        job: JobId,
        reports: &watch::Sender<Option<Report>>,
        cut_short: impl Future<Output = ()>,
    ) -> io::Result<Last> {
        let (mut heard, mut result) = (false, None);
        let mut line = Vec::new();
        tokio::pin!(cut_short);
        loop {
            let mut lines = (&mut self.lines).take(LONGEST_LINE);
            tokio::select! {
                () = &mut cut_short, if self.lifeline.is_some() => self.lifeline = None,
                // What was read of a line when this is left is in `line`, and read on next time.
                read = lines.read_until(b'\n', &mut line) => {
                    if read? == 0 {
                        break;
                    }
                    heard |= hear(&line, job, reports, &mut result);
                    line.clear();
                }
            }
        }
        let status = self.child.wait().await?;
        let errors = self.errors.await.unwrap_or_default();
        Ok(Last { code: status.code(), heard, result, errors })
    }
}

/// Says whether it was understood.
fn hear(
    line: &[u8],
    job: JobId,
    reports: &watch::Sender<Option<Report>>,
    result: &mut Option<WorkResult>,
) -> bool {
    match serde_json::from_slice(line) {
        Ok(Message::Stage { stage, number, of, reverting }) => {
            info!(%job, %stage, reverting, "job {job}: {stage}");
            reports.send_replace(Some(Report { stage, number, of, reverting, progress: None }));
        }
        Ok(Message::Progress(progress)) => reports.send_modify(|report| {
            if let Some(report) = report {
                report.progress = Some(progress);
            }
        }),
        Ok(Message::Log { level: Level::Info, text }) => {
            info!(%job, "job {job}: {}", bounded(text))
        }
        Ok(Message::Log { level: Level::Warn, text }) => {
            warn!(%job, "job {job}: {}", bounded(text))
        }
        Ok(Message::Result(said)) => {
            let operator_message = bounded(said.operator_message.clone());
            let customer_message = bounded(said.customer_message.clone());
            *result = Some(WorkResult { operator_message, customer_message, ..*said });
        }
        Err(error) => {
            let error = bounded(error.to_string());
            warn!(%job, "job {job}: the executor said what is not understood: {error}");
            return false;
        }
    }
    true
}

/// The end of what is written, as text.
async fn tail(mut from: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        kept.extend_from_slice(&piece[..read]);
        let over = kept.len().saturating_sub(KEPT_ERRORS);
        kept.drain(..over);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

/// Runs a verb that takes no request; returns what it said, line by line.
///
/// # Errors
/// If it cannot be started, or ends in another way than those outcomes do: what it wrote on stderr.
pub async fn ask(words: &[String], verb: &str, outcomes: &[Outcome]) -> io::Result<Vec<String>> {
    let mut child = command(words, verb)?.spawn()?;
    drop(child.stdin.take());
    let missing = || io::Error::other("a pipe is missing");
    let errors = tokio::spawn(tail(child.stderr.take().ok_or_else(missing)?));
    let mut lines = BufReader::new(child.stdout.take().ok_or_else(missing)?).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await? {
        said.push(line);
    }
    let status = child.wait().await?;
    let errors = errors.await.unwrap_or_default();
    let expected = |outcome: &Outcome| status.code() == Some(i32::from(outcome.exit_code()));
    match outcomes.iter().any(expected) {
        true => Ok(said),
        false => Err(io::Error::other(format!("`{verb}` ended with {status}: {errors}"))),
    }
}
