//! What an executor's end means for the job: pure, so that every case can be told apart in a test.

use std::time::Duration;

use holdfast_job::{Level, Outcome, Step, Verb, WorkResult};
use holdfast_store::{Claimed, Ending, PutBack};

use crate::executor::Last;

/// So often a job is tried that fails for reasons that may pass.
pub const MAX_ATTEMPTS: u32 = 3;

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has ended.
    End(Box<Ending>),
    /// It is tried again later.
    Again(PutBack),
}

/// How long a job waits before it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// After it found its site busy.
    pub busy: Duration,
    /// After its first failure that may pass; twice as long after each further.
    pub backoff: Duration,
}

impl Verdict {
    /// How much it matters to whoever reads the log.
    pub fn level(&self) -> Level {
        match self {
            Self::End(ending) if ending.customer_message.is_none() => Level::Info,
            Self::End(_) => Level::Warn,
            Self::Again(_) => Level::Info,
        }
    }
}

/// What this end means. `cut_short` says that the worker itself let the executor go.
pub fn verdict(claimed: &Claimed, last: Last, cut_short: bool, waits: Waits) -> Verdict {
    let Last { code, result, errors } = last;
    let Some(result) = result else { return silent(claimed, code, &errors, waits) };
    if let Some(contradiction) = contradiction(claimed, code, &result) {
        return failed(
            "Whether this was done could not be told. Please contact support.",
            format!("{contradiction}; it said: {}", result.operator_message),
            Some(result),
        );
    }
    match result.outcome {
        Outcome::Busy => Verdict::Again(PutBack {
            after: waits.busy,
            because: result.customer_message,
            operator_message: result.operator_message,
            uncounted: true,
        }),
        // Nobody cancelled the job: it is this worker that ends.
        Outcome::Stopped if cut_short => Verdict::Again(PutBack {
            after: Duration::ZERO,
            because: "It was interrupted and goes on in a moment.".into(),
            operator_message: "the worker that had it was ended".into(),
            uncounted: true,
        }),
        Outcome::FailedForNow if claimed.attempt < MAX_ATTEMPTS => Verdict::Again(PutBack {
            after: waits.after(claimed.attempt),
            because: result.customer_message,
            operator_message: result.operator_message,
            uncounted: false,
        }),
        outcome => ended(outcome, result),
    }
}

impl Waits {
    fn after(self, attempt: u32) -> Duration {
        self.backoff.saturating_mul(1 << attempt.saturating_sub(1).min(10))
    }
}

fn ended(outcome: Outcome, result: WorkResult) -> Verdict {
    let Some(step) = Step::end(outcome) else {
        return failed("Please try again later.", "busy is no end".into(), Some(result));
    };
    let success = outcome.is_success();
    Verdict::End(Box::new(Ending {
        step,
        customer_message: (!success).then(|| result.customer_message.clone()),
        operator_message: result.operator_message.clone(),
        result: Some(result),
    }))
}

fn failed(customer: &str, operator: String, result: Option<WorkResult>) -> Verdict {
    Verdict::End(Box::new(Ending {
        step: Step::FAIL,
        customer_message: Some(customer.into()),
        operator_message: operator,
        result,
    }))
}

/// It is gone and has said nothing: killed, or never begun. What it left open is settled by whoever
/// takes the customer's lock next.
fn silent(claimed: &Claimed, code: Option<i32>, errors: &str, waits: Waits) -> Verdict {
    let how = match code {
        Some(code) => format!("the executor ended with exit code {code} and said no result"),
        None => "the executor was killed".to_owned(),
    };
    let operator = match errors.is_empty() {
        true => format!("{how}; `holdfast-worker doctor` says whether it can be started"),
        false => format!("{how}: {errors}"),
    };
    if claimed.attempt < MAX_ATTEMPTS {
        return Verdict::Again(PutBack {
            after: waits.after(claimed.attempt),
            because: "It was interrupted and is tried again soon.".into(),
            operator_message: operator,
            uncounted: false,
        });
    }
    failed(
        "This could not be done: it was interrupted each time. Please contact support.",
        operator,
        None,
    )
}

/// What in a result speaks against it: there is no success without evidence.
fn contradiction(claimed: &Claimed, code: Option<i32>, result: &WorkResult) -> Option<String> {
    // An order that could not be read has no job to name.
    let named = result.job.is_none() && result.outcome == Outcome::Refused;
    if result.job != Some(claimed.job) && !named {
        return Some("the executor's result is another job's".into());
    }
    if code != Some(i32::from(result.outcome.exit_code())) {
        let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        return Some(format!("the executor said {:?} and ended with {code}", result.outcome));
    }
    let backed_up = claimed.verb == Verb::Backup && result.outcome.is_success();
    (backed_up && result.snapshot.is_none()).then(|| "a backup that names no snapshot".into())
}

#[cfg(test)]
mod tests {
    use holdfast_job::JobStatus;

    use super::*;

    const WAITS: Waits = Waits { busy: Duration::from_secs(10), backoff: Duration::from_secs(30) };

    fn claimed(attempt: u32) -> Claimed {
        Claimed {
            job: "0193e5c0-0000-7000-8000-000000000001".parse().unwrap(),
            customer: "42".parse().unwrap(),
            verb: Verb::Backup,
            ticket: String::new(),
            fence: 1,
            attempt,
        }
    }

    fn last(outcome: Outcome) -> Last {
        let result = WorkResult {
            version: 1,
            job: Some(claimed(1).job),
            outcome,
            customer_message: "for the customer".into(),
            operator_message: "for the operator".into(),
            sources: Vec::new(),
            snapshot: Some("a".repeat(64).parse().unwrap()),
            closed_ms: None,
            services_ms: None,
            undo_until: None,
            healthy: None,
            unreadable: Vec::new(),
        };
        Last { code: Some(outcome.exit_code().into()), result: Some(result), errors: String::new() }
    }

    fn status(verdict: &Verdict) -> JobStatus {
        match verdict {
            Verdict::End(ending) => ending.step.to(),
            Verdict::Again(_) => JobStatus::Pending,
        }
    }

    fn of(attempt: u32, last: Last, cut_short: bool) -> Verdict {
        verdict(&claimed(attempt), last, cut_short, WAITS)
    }

    #[test]
    fn each_outcome_has_its_end() {
        for (outcome, expected) in [
            (Outcome::Completed, JobStatus::Completed),
            (Outcome::Incomplete, JobStatus::Completed),
            (Outcome::Failed, JobStatus::Failed),
            (Outcome::Refused, JobStatus::Failed),
            (Outcome::Stuck, JobStatus::Stuck),
            (Outcome::Stopped, JobStatus::Stopped),
            (Outcome::Busy, JobStatus::Pending),
            (Outcome::FailedForNow, JobStatus::Pending),
        ] {
            assert_eq!(status(&of(1, last(outcome), false)), expected, "{outcome:?}");
        }
        assert_eq!(status(&of(3, last(Outcome::FailedForNow), false)), JobStatus::Failed);
    }

    #[test]
    fn what_was_not_begun_costs_no_attempt_and_what_was_waits_longer_each_time() {
        for (verdict, uncounted, seconds) in [
            (of(1, last(Outcome::Busy), false), true, 10),
            (of(1, last(Outcome::Stopped), true), true, 0),
            (of(1, last(Outcome::FailedForNow), false), false, 30),
            (of(2, last(Outcome::FailedForNow), false), false, 60),
        ] {
            let Verdict::Again(back) = verdict else { panic!("{verdict:?}") };
            assert_eq!((back.uncounted, back.after.as_secs()), (uncounted, seconds), "{back:?}");
        }
    }

    #[test]
    fn a_success_that_is_contradicted_is_none() {
        let mut other = last(Outcome::Completed);
        other.result.as_mut().unwrap().job = None;
        let mut without = last(Outcome::Completed);
        without.result.as_mut().unwrap().snapshot = None;
        let code = Last { code: Some(1), ..last(Outcome::Completed) };
        let killed = Last { code: None, ..last(Outcome::Completed) };
        for last in [other, without, code, killed] {
            assert_eq!(status(&of(1, last.clone(), false)), JobStatus::Failed, "{last:?}");
        }
    }

    #[test]
    fn one_that_says_nothing_is_tried_three_times() {
        let silent = || Last { code: None, result: None, errors: "out of memory".into() };
        assert_eq!(status(&of(2, silent(), false)), JobStatus::Pending);
        let Verdict::End(ending) = of(3, silent(), false) else { panic!("it is tried again") };
        assert_eq!(ending.step, Step::FAIL);
        assert!(ending.operator_message.contains("out of memory"));
    }
}
