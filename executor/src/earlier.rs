//! What a job's own journal says when the job is ordered: an ended one is never run again.
//!
//! The worker may ask as often as it likes, since it may have missed the answer; and whoever got
//! hold of an old ticket learns no more from it than how it ended.

use holdfast_job::{Outcome, WorkResult};

use crate::{
    answer::refused,
    config::Node,
    journal::{JOURNAL_VERSION, Journal, JournalError, Opened, Origin, Record, Shelf},
    judge::Judged,
    lock::CustomerLock,
    perform::outline_of,
    work::Work,
};

/// A job whose attempts all ended transient is tried this often.
const MAX_ATTEMPTS: u32 = 3;

/// What the journal says.
#[derive(Debug)]
pub enum Earlier {
    /// This is all there is to say: how the job ended, or that it was another one.
    Answer(Box<WorkResult>),
    /// It ended, and may be tried again, by this number.
    Again(Box<Journal>, u32),
    /// Nothing, or not how it ended.
    Unended,
}

/// What comes of it.
#[derive(Debug)]
pub enum Begun {
    /// There is nothing to be done but to say this.
    Answer(Box<WorkResult>),
    /// An attempt is begun.
    Ready(Box<Journal>),
}

impl Earlier {
    /// Looks into the journal of this order's job.
    ///
    /// # Errors
    /// [`JournalError`] if there is one that cannot be read.
    pub fn of(node: &Node, lock: &CustomerLock, order: &Judged) -> Result<Self, JournalError> {
        if !Shelf::knows(&node.state, &order.request) {
            return Ok(Self::Unended);
        }
        let journal = Journal::open(&Shelf::of(&node.state, lock)?.path_of(order.request.job))?;
        let refuse = |text: &str| Self::Answer(Box::new(refused(Some(order.request.job), text)));
        if journal.opened().is_some_and(|opened| !is_same(opened, order)) {
            return Ok(refuse("the job id was used before, for another order"));
        }
        let Some(Record::Ended { result }) = journal.records().last() else {
            return Ok(Self::Unended);
        };
        let attempts = journal.attempts();
        Ok(match (result.outcome, &order.void) {
            (Outcome::Busy | Outcome::Stopped, Some(void)) => refuse(void),
            // It had not begun; or its lifeline was closed, as it is when a worker dies or is renewed:
            // no attempt is counted. What a person has cancelled, its row does not hand out again.
            (Outcome::Busy | Outcome::Stopped, None) => Self::Again(Box::new(journal), attempts),
            (Outcome::FailedForNow, None) if attempts < MAX_ATTEMPTS => {
                Self::Again(Box::new(journal), attempts + 1)
            }
            _ => Self::Answer(result.clone()),
        })
    }

    /// Begins what may be begun: from here on the journal tells of this attempt.
    ///
    /// # Errors
    /// [`JournalError`] if it cannot be written.
    pub fn begin(
        self,
        node: &Node,
        lock: &CustomerLock,
        order: &Judged,
    ) -> Result<Begun, JournalError> {
        match (self, &order.void) {
            (Self::Answer(result), _) => Ok(Begun::Answer(result)),
            (Self::Again(mut journal, number), _) => {
                journal.begin_attempt(Record::Attempt { number, at: Work::now() })?;
                Ok(Begun::Ready(journal))
            }
            // It was cut off before it said what it was to do.
            (Self::Unended, Some(void)) => {
                Ok(Begun::Answer(Box::new(refused(Some(order.request.job), void))))
            }
            (Self::Unended, None) => {
                let path = Shelf::of(&node.state, lock)?.path_of(order.request.job);
                Journal::begin(&path, opened(order)).map(Box::new).map(Begun::Ready)
            }
        }
    }
}

/// Whether what was begun under this job id is what is ordered now. A ticket must say all the same
/// again, by whichever key; root may order the same anew.
fn is_same(opened: &Opened, order: &Judged) -> bool {
    match order.origin {
        Origin::Web { .. } => opened.request == order.request,
        Origin::Root => opened.request.order == order.request.order,
    }
}

fn opened(order: &Judged) -> Opened {
    Opened {
        version: JOURNAL_VERSION,
        plan: order.request.order.verb(),
        outline: outline_of(&order.request.order, &order.site),
        request: order.request.clone(),
        origin: order.origin.clone(),
        at: Work::now(),
    }
}
