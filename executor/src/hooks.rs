//! Hooks: the host's own programs, called on an order's way with the job as JSON on stdin.
//!
//! A hook gets no shell and an environment of two variables; it holds no lock, it has [`PATIENCE`],
//! and whatever of its process group is left at its end is ended with it.

use std::{collections::BTreeMap, path::Path, time::Duration};

use holdfast_job::{CustomerId, JobId, Level, Order, Outcome};
use serde::Serialize;

use crate::{
    confine,
    failure::{Failure, chain},
    process::{Ended, Moved, ProcessError, Program},
    stop::Stop,
    work::Work,
};

/// How long a hook has.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// With this exit code `before` says *not now*: sysexits.h's EX_TEMPFAIL.
const NOT_NOW: i32 = 75;
/// What of its first line is told on.
const MOST_CHARS: usize = 200;

/// When a hook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// Before anything is done.
    Before,
    /// The new site is there and not yet open, or the old one again.
    AfterSwap,
    /// All is done.
    After,
    /// A person must look.
    Stuck,
}

/// What a hook reads.
#[derive(Debug, Serialize)]
struct Told<'a> {
    version: u32,
    hook: Occasion,
    job: JobId,
    customer: CustomerId,
    order: &'a Order,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// What a hook came to.
struct Said {
    ended: Ended,
    first_line: String,
}

/// `before`: whether this may go on.
///
/// # Errors
/// What the hook said; with exit code 75 *not now*.
pub async fn before(program: Option<&Path>, work: &Work<'_>) -> Result<(), Failure> {
    let Some(program) = program else { return Ok(()) };
    let said = match call(program, Occasion::Before, (None, None), work, &work.stop).await {
        Err(ProcessError::Stopped { .. }) => return Err(Failure::stopped()),
        Err(error) => return Err(Failure::system("ask the `before` hook", &error)),
        Ok(said) => said,
    };
    match said.ended.status.code() {
        Some(0) => Ok(()),
        Some(NOT_NOW) => Err(Failure::not_now(
            format!("Not now: {}. It is tried again later.", said.first_line.trim_end_matches('.')),
            format!("the `before` hook says not now: {}", said.first_line),
        )),
        _ => Err(Failure::transient(
            "Your site's host does not allow this just now. Nothing was changed. Try again \
             later.",
            format!("the `before` hook refused: {}: {}", said.ended.how(), said.first_line),
        )),
    }
}

/// `after_swap`: what must be told to whatever keeps copies of the site.
///
/// # Errors
/// Why it is not done.
pub async fn after_swap(
    program: Option<&Path>,
    work: &Work<'_>,
    stop: &Stop,
) -> Result<(), String> {
    let Some(program) = program else { return Ok(()) };
    match call(program, Occasion::AfterSwap, (None, None), work, stop).await {
        Err(error) => Err(format!("the `after_swap` hook: {}", chain(&error))),
        Ok(said) if said.ended.status.success() => Ok(()),
        Ok(said) => {
            let how = said.ended.how();
            Err(format!("the `after_swap` hook ended with {how}: {}", said.first_line))
        }
    }
}

/// `after` or `stuck`, whose failure changes nothing.
pub async fn tell(
    program: Option<&Path>,
    occasion: Occasion,
    what: (Option<Outcome>, Option<&str>),
    work: &Work<'_>,
    stop: &Stop,
) {
    let Some(program) = program else { return };
    let problem = match call(program, occasion, what, work, stop).await {
        Ok(said) if said.ended.status.success() => return,
        Ok(said) => format!("ended with {}: {}", said.ended.how(), said.first_line),
        Err(error) => chain(&error),
    };
    work.teller.log(Level::Warn, format!("the hook {}: {problem}", program.display()));
}

async fn call(
    program: &Path,
    hook: Occasion,
    (outcome, message): (Option<Outcome>, Option<&str>),
    work: &Work<'_>,
    stop: &Stop,
) -> Result<Said, ProcessError> {
    let customer = work.customer();
    let text = match work.journal.opened() {
        Some(opened) => {
            let order = &opened.request.order;
            let told = Told { version: 1, hook, job: work.job, customer, order, outcome, message };
            let mut line = serde_json::to_vec(&told).unwrap_or_default();
            line.push(b'\n');
            line
        }
        None => Vec::new(),
    };
    let program = Program {
        name: format!("hook {}", program.display()),
        path: "/proc/self/exe".into(),
        args: confine::without_lock(vec![program.display().to_string()]),
        env: BTreeMap::from([
            ("PATH".into(), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()),
            ("LANG".into(), "C.UTF-8".into()),
        ]),
        stdin: text.into(),
        patience: PATIENCE,
    };
    let mut first_line = String::new();
    let ended = program
        .start()?
        .wait(stop, |line| {
            if first_line.is_empty() {
                first_line = String::from_utf8_lossy(line).trim().to_owned();
            }
            Moved::No
        })
        .await?;
    if first_line.is_empty() {
        first_line = ended.stderr.lines().next().unwrap_or("it said nothing").trim().to_owned();
    }
    let first_line = first_line.chars().filter(|c| !c.is_control()).take(MOST_CHARS).collect();
    Ok(Said { ended, first_line })
}
