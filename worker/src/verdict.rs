//! What an executor's end means for the job: pure, so that every case can be told apart in a test.

use std::time::Duration;

use holdfast_job::{Level, Outcome, Step, Verb, WorkResult};
use holdfast_store::{Claimed, Ending, PutBack};

use crate::executor::Last;

/// So often a job is tried that fails for reasons that may pass.
const MAX_ATTEMPTS: u32 = 3;
/// So often a job is claimed at most. The one claim more is for the answer: what an executor did that
/// could not say so is in its journal, and a job that has ended is not run again.
pub const MAX_CLAIMS: u32 = MAX_ATTEMPTS + 1;

/// What is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has ended.
    End(Box<Ending>),
    /// It is tried again later.
    Again(PutBack),
    /// Nobody knows, and nothing is recorded: the lease runs out, and the janitor sees to it that the
    /// site is settled first.
    Unknown(String),
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
            Self::Unknown(_) => Level::Warn,
        }
    }
}

/// Who let the executor go, if it was not left to its own end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetGo {
    /// Nobody.
    Not,
    /// The worker, which ends.
    Worker,
    /// A person, who wants the job stopped.
    Person,
}

/// What this end means.
pub fn verdict(claimed: &Claimed, last: Last, let_go: LetGo, waits: Waits) -> Verdict {
    let Last { code, heard, result, errors } = last;
    let Some(result) = result else {
        let problem = silence(code, &errors);
        return match (heard, code) {
            // It ended by itself and had not said a word: it was not the executor, or could not begin.
            (false, Some(_)) => Verdict::Again(not_begun(waits.backoff, problem)),
            _ => unclear(claimed, problem, waits),
        };
    };
    if let Some(contradiction) = contradiction(claimed, code, &result) {
        let problem = format!("{contradiction}; it said: {}", result.operator_message);
        return unclear(claimed, problem, waits);
    }
    match (result.outcome, claimed.verb) {
        // The node cannot read its configuration, and has not looked at the order.
        (outcome, _) if result.job.is_none() && outcome != Outcome::Refused => {
            Verdict::Again(not_begun(waits.backoff, result.operator_message))
        }
        // Another job of this customer's is stuck: a delete holds nobody, and waits.
        (Outcome::Stuck, Verb::Delete) => {
            Verdict::Again(not_begun(waits.backoff, result.operator_message))
        }
        (Outcome::Busy, _) => Verdict::Again(PutBack {
            after: waits.busy,
            because: result.customer_message,
            operator_message: result.operator_message,
            uncounted: true,
        }),
        // Nobody cancelled the job: it is this worker that ends.
        (Outcome::Stopped, _) if let_go == LetGo::Worker => Verdict::Again(PutBack {
            after: Duration::ZERO,
            because: "It was interrupted and goes on in a moment.".into(),
            operator_message: "the worker that had it was ended".into(),
            uncounted: true,
        }),
        // It is as it was, which is what was wanted.
        (Outcome::FailedForNow, _) if let_go == LetGo::Person => ended(Step::STOP, result),
        (Outcome::FailedForNow, _) if claimed.attempt < MAX_ATTEMPTS => Verdict::Again(PutBack {
            after: waits.after(claimed.attempt),
            because: result.customer_message,
            operator_message: result.operator_message,
            uncounted: false,
        }),
        (outcome, _) => match Step::end(outcome) {
            Some(step) => ended(step, result),
            None => unclear(claimed, "an end that is none".into(), waits),
        },
    }
}

impl Waits {
    fn after(self, attempt: u32) -> Duration {
        self.backoff.saturating_mul(1 << attempt.saturating_sub(1).min(10))
    }
}

fn ended(step: Step, result: WorkResult) -> Verdict {
    let success = result.outcome.is_success();
    Verdict::End(Box::new(Ending {
        step,
        customer_message: (!success).then(|| result.customer_message.clone()),
        operator_message: result.operator_message.clone(),
        result: Some(result),
    }))
}

/// Nothing was begun, for a reason that the operator must mend: no attempt is counted.
fn not_begun(after: Duration, operator_message: String) -> PutBack {
    PutBack {
        after,
        because: "It could not be begun just now, and is tried again soon.".into(),
        operator_message,
        uncounted: true,
    }
}

/// What was done is not known. The next claim's executor settles what is open, or answers from the
/// journal; without a next one the lease runs out.
fn unclear(claimed: &Claimed, problem: String, waits: Waits) -> Verdict {
    match claimed.attempt < MAX_CLAIMS {
        true => Verdict::Again(PutBack {
            after: waits.after(claimed.attempt),
            because: "It was interrupted and is tried again soon.".into(),
            operator_message: problem,
            uncounted: false,
        }),
        false => Verdict::Unknown(problem),
    }
}

/// How an executor ended that said no result.
fn silence(code: Option<i32>, errors: &str) -> String {
    let how = match code {
        Some(code) => format!("the executor ended with exit code {code} and said no result"),
        None => "the executor was killed".to_owned(),
    };
    match errors.is_empty() {
        true => format!("{how}; `holdfast-worker doctor` says whether it can be started"),
        false => format!("{how}: {errors}"),
    }
}

/// What in a result speaks against it: there is no success without evidence.
fn contradiction(claimed: &Claimed, code: Option<i32>, result: &WorkResult) -> Option<String> {
    // An order that could not be read, or not be judged, has no job to name.
    let nameless = result.job.is_none() && !result.outcome.is_success();
    if result.job != Some(claimed.job) && !nameless {
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
            stopping: false,
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
        let code = Some(outcome.exit_code().into());
        Last { code, heard: true, result: Some(result), errors: String::new() }
    }

    /// How the job stands then; it stays as it is if nobody knows.
    fn status(verdict: &Verdict) -> JobStatus {
        match verdict {
            Verdict::End(ending) => ending.step.to(),
            Verdict::Again(_) => JobStatus::Pending,
            Verdict::Unknown(_) => JobStatus::Running,
        }
    }

    fn of(attempt: u32, last: Last, let_go: LetGo) -> Verdict {
        verdict(&claimed(attempt), last, let_go, WAITS)
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
            assert_eq!(status(&of(1, last(outcome), LetGo::Not)), expected, "{outcome:?}");
        }
        assert_eq!(status(&of(3, last(Outcome::FailedForNow), LetGo::Not)), JobStatus::Failed);
    }

    #[test]
    fn what_was_not_begun_costs_no_attempt_and_what_was_waits_longer_each_time() {
        for (verdict, uncounted, seconds) in [
            (of(1, last(Outcome::Busy), LetGo::Not), true, 10),
            (of(1, last(Outcome::Stopped), LetGo::Worker), true, 0),
            (of(1, last(Outcome::FailedForNow), LetGo::Not), false, 30),
            (of(2, last(Outcome::FailedForNow), LetGo::Not), false, 60),
        ] {
            let Verdict::Again(back) = verdict else { panic!("{verdict:?}") };
            assert_eq!((back.uncounted, back.after.as_secs()), (uncounted, seconds), "{back:?}");
        }
    }

    #[test]
    fn what_a_person_wants_stopped_is_stopped_if_it_is_as_it_was_and_ends_as_it_did_if_not() {
        for (outcome, expected) in [
            (Outcome::Stopped, JobStatus::Stopped),
            (Outcome::FailedForNow, JobStatus::Stopped),
            (Outcome::Failed, JobStatus::Failed),
            (Outcome::Completed, JobStatus::Completed),
            (Outcome::Stuck, JobStatus::Stuck),
            (Outcome::Busy, JobStatus::Pending),
        ] {
            assert_eq!(status(&of(1, last(outcome), LetGo::Person)), expected, "{outcome:?}");
        }
        let killed = Last { code: None, heard: true, result: None, errors: String::new() };
        assert_eq!(status(&of(1, killed, LetGo::Person)), JobStatus::Pending);
    }

    #[test]
    fn a_success_that_is_contradicted_is_none_and_the_journal_is_asked() {
        let mut other = last(Outcome::Completed);
        other.result.as_mut().unwrap().job = None;
        let mut without = last(Outcome::Completed);
        without.result.as_mut().unwrap().snapshot = None;
        let code = Last { code: Some(1), ..last(Outcome::Completed) };
        let killed = Last { code: None, ..last(Outcome::Completed) };
        for last in [other, without, code, killed] {
            for (attempt, expected) in [(3, JobStatus::Pending), (4, JobStatus::Running)] {
                assert_eq!(status(&of(attempt, last.clone(), LetGo::Not)), expected, "{last:?}");
            }
        }
    }

    #[test]
    fn one_that_dies_is_tried_again_and_the_last_claim_is_not_the_end_of_it() {
        let killed = || Last { code: None, heard: true, result: None, errors: "no memory".into() };
        let Verdict::Again(back) = of(3, killed(), LetGo::Not) else {
            panic!("it is not tried again")
        };
        assert!(back.operator_message.contains("no memory") && !back.uncounted, "{back:?}");
        assert_eq!(status(&of(4, killed(), LetGo::Not)), JobStatus::Running);
    }

    #[test]
    fn what_the_node_could_not_begin_costs_no_attempt() {
        let mut unreadable = last(Outcome::Failed);
        unreadable.result.as_mut().unwrap().job = None;
        let refused_by_sudo =
            Last { code: Some(1), heard: false, result: None, errors: "a password".into() };
        for last in [unreadable, refused_by_sudo] {
            let Verdict::Again(back) = of(4, last.clone(), LetGo::Not) else { panic!("{last:?}") };
            assert!(back.uncounted && back.after == WAITS.backoff, "{back:?}");
        }
        let mut refused = last(Outcome::Refused);
        refused.result.as_mut().unwrap().job = None;
        assert_eq!(status(&of(1, refused, LetGo::Not)), JobStatus::Failed);
    }
}
