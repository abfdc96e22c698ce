//! `settle <customer> --as old|new`: a person says how a stuck site stands, and is checked first.

use holdfast_job::{CustomerId, WorkResult};

use crate::{
    config::Node,
    failure::chain,
    journal::{Record, Settlement, Shelf},
    lock::CustomerLock,
    perform::{Performance, perform, switch_of},
    rehearsal::Rehearsal,
    stop::Stop,
    teller::Teller,
    work::Work,
};

/// Settles the customer's stuck journal and brings its plan to the end that was said.
///
/// # Errors
/// A sentence for the person who asked: the lock is held, nothing is stuck, or the world is not as
/// they say.
pub async fn settle(
    node: &Node,
    customer: CustomerId,
    settlement: Settlement,
    teller: &Teller,
    rehearsal: &mut dyn Rehearsal,
) -> Result<WorkResult, String> {
    let nothing = || format!("nothing of customer {customer} is stuck");
    // Nothing is made for a customer that never was.
    if Shelf::look(&node.state, customer).is_ok_and(|journals| journals.is_empty()) {
        return Err(nothing());
    }
    let lock = CustomerLock::try_take(&node.state, customer).map_err(|error| chain(&error))?;
    let shelf = Shelf::of(&node.state, &lock).map_err(|error| chain(&error))?;
    let journals = shelf.journals().map_err(|error| chain(&error))?;
    let stuck = |journal: &crate::journal::Journal| {
        matches!(journal.records().last(), Some(Record::Stuck { .. }))
    };
    let Some(journal) = journals.into_iter().find(stuck) else {
        return Err(nothing());
    };
    let switch = switch_of(&journal).map_err(|error| chain(&error))?;
    let job = journal.opened().map(|opened| opened.request.job).ok_or_else(nothing)?;
    let work = Work { job, node, lock: &lock, journal, teller, stop: Stop::default() };
    match switch {
        Some(switch) => switch
            .check_settled(settlement, &work)
            .await
            .map_err(|problem| format!("the site is not as you say: {problem}"))?,
        None if settlement == Settlement::New => {
            return Err("this order changes no site: settle it with `--as old`".into());
        }
        None => {}
    }
    let Work { mut journal, .. } = work;
    journal
        .append(Record::Settled { as_: settlement, at: Work::now() })
        .map_err(|error| chain(&error))?;
    let stop = Stop::default();
    stop.request();
    let performance = Performance { node, lock: &lock, teller, stop };
    let result = perform(&performance, journal, node.site(customer), rehearsal)
        .await
        .map_err(|error| chain(&error))?;
    match settlement == Settlement::New && !result.outcome.is_success() {
        true => Err(format!("it did not come to its end: {}", result.operator_message)),
        false => Ok(result),
    }
}
