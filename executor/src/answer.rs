//! What is answered to an order that never came to a plan.

use holdfast_job::{JobId, Outcome, WorkResult};

use crate::{
    failure::{Failure, chain},
    journal::JournalError,
    judge::Refusal,
    plans::CONTACT_SUPPORT,
};

/// The result of an order that is itself wrong.
pub fn refused(job: Option<JobId>, text: &str) -> WorkResult {
    WorkResult {
        outcome: Outcome::Refused,
        customer_message: "This order was not accepted, and nothing was done.".into(),
        ..busy(job, text.to_owned())
    }
}

/// The result of an order that was judged and is not carried out.
pub fn not_accepted(job: Option<JobId>, why: &Refusal) -> WorkResult {
    match why {
        Refusal::Wrong(text) => refused(job, text),
        Refusal::Misconfigured(failure) => ended(job, failure),
    }
}

/// The result of an order that cannot be carried out just now.
pub fn busy(job: Option<JobId>, operator_message: String) -> WorkResult {
    WorkResult {
        version: 1,
        job,
        outcome: Outcome::Busy,
        customer_message: "Another order for this site is still under way. Wait for it.".into(),
        operator_message,
        sources: Vec::new(),
        snapshot: None,
        closed_ms: None,
        services_ms: None,
        undo_until: None,
        healthy: None,
        unreadable: Vec::new(),
    }
}

/// The result of an order that failed before its plan was begun.
pub fn ended(job: Option<JobId>, failure: &Failure) -> WorkResult {
    WorkResult {
        outcome: failure.outcome(),
        customer_message: failure.customer.clone(),
        ..busy(job, failure.operator.clone())
    }
}

/// A journal of this customer cannot be read, so nobody knows how its site stands.
pub fn unreadable(error: &JournalError) -> Failure {
    Failure::permanent(
        CONTACT_SUPPORT,
        format!(
            "{}; nothing is done for this customer until a person has looked at the site and \
             mended or removed that file",
            chain(error)
        ),
    )
}
