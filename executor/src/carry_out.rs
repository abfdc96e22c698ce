//! One order, from the line on stdin to its result: read, judged, locked, journalled, conducted.

use std::path::Path;

use holdfast_job::{Incoming, Level, MAX_REQUEST_BYTES, Verb, WorkResult};

use crate::{
    answer::{busy, ended, not_accepted, refused, unreadable},
    cgroup,
    config::Node,
    earlier::{Begun, Earlier},
    failure::{Failure, chain},
    journal::{JournalError, Shelf},
    judge::{Judged, admit, job_of, judge},
    lifeline,
    lock::{CustomerLock, LockError},
    perform::{Performance, perform},
    plans::misconfigured,
    recover::{Settling, settle_open},
    rehearsal::Rehearsal,
    signals::stop_on_signals,
    slots::{SlotError, Slots},
    stop::Stop,
    teller::Teller,
};

/// Reads an order for `verb` from stdin and carries it out.
pub async fn carry_out(
    verb: Verb,
    folder: &Path,
    teller: &Teller,
    rehearsal: &mut dyn Rehearsal,
) -> WorkResult {
    let stop = Stop::default();
    stop_on_signals(&stop);
    let line = match lifeline::read_request(stop.clone()).await {
        Ok(line) => line,
        Err(error) => return refused(None, &format!("stdin could not be read: {error}")),
    };
    if line.len() <= MAX_REQUEST_BYTES && line.trim_ascii().is_empty() {
        return refused(None, "stdin was closed before a request came: give one line of JSON");
    }
    let incoming = match Incoming::parse(&line) {
        Ok(incoming) => incoming,
        Err(error) => return refused(None, &chain(&error)),
    };
    let said = job_of(&incoming);
    let node = match Node::load(folder) {
        Ok(node) => node,
        Err(error) => return ended(said, &misconfigured(&error)),
    };
    let order = match admit(&node, incoming) {
        Ok(order) => order,
        Err(why) => return not_accepted(said, &why),
    };
    let job = order.request.job;
    match judge(verb, &node, order) {
        Ok(order) => carry_out_judged(&node, order, teller, stop, rehearsal).await,
        Err(why) => not_accepted(Some(job), &why),
    }
}

async fn carry_out_judged(
    node: &Node,
    order: Judged,
    teller: &Teller,
    stop: Stop,
    rehearsal: &mut dyn Rehearsal,
) -> WorkResult {
    let (job, customer) = (order.request.job, order.request.customer);
    let taken = match CustomerLock::try_take(&node.state, customer) {
        Err(LockError::Held(_)) => {
            teller.log(Level::Info, "waiting for another order of this site");
            CustomerLock::take(&node.state, customer, node.lock_wait, &stop).await
        }
        taken => taken,
    };
    let lock = match taken {
        Ok(lock) => lock,
        Err(error @ LockError::Held(_)) => return busy(Some(job), chain(&error)),
        // Whoever has the lock may be at work on this very job.
        Err(error @ LockError::Stopped(_)) if Shelf::knows(&node.state, &order.request) => {
            return busy(Some(job), chain(&error));
        }
        Err(LockError::Stopped(_)) => return ended(Some(job), &Failure::stopped()),
        Err(error) => return ended(Some(job), &Failure::system("take the lock", &error)),
    };
    // What has ended is told whatever else is under way.
    match Earlier::of(node, &lock, &order) {
        Ok(Earlier::Answer(result)) => return *result,
        Ok(_) => {}
        Err(error) => return ended(Some(job), &unreadable(&error)),
    }
    let _slots = match Slots::take(node, &order.site, &order.request.order) {
        Ok(slots) => slots,
        Err(error @ SlotError::Full { .. }) => {
            return WorkResult {
                customer_message: "Many sites are being saved or restored just now. Yours has its \
                                   turn soon."
                    .into(),
                ..busy(Some(job), chain(&error))
            };
        }
        Err(error) => return ended(Some(job), &Failure::system("take a slot", &error)),
    };
    match settle_earlier(node, &lock, teller, rehearsal).await {
        Ok(None) => {}
        Ok(Some(result)) => return WorkResult { job: Some(job), ..result },
        Err(error) => return ended(Some(job), &unreadable(&error)),
    }
    let group = cgroup::enter(&order.site.limits, job, &node.state).await;
    if let Err(why) = &group {
        teller.log(Level::Warn, format!("the limits of memory, processor and disk: {why}"));
    }
    let earlier = Earlier::of(node, &lock, &order);
    let journal = match earlier.and_then(|earlier| earlier.begin(node, &lock, &order)) {
        Ok(Begun::Answer(result)) => return *result,
        Ok(Begun::Ready(journal)) => journal,
        Err(error) => return ended(Some(job), &Failure::system("begin the journal", &error)),
    };
    let performance = Performance { node, lock: &lock, teller, stop };
    match perform(&performance, *journal, Ok(order.site), rehearsal).await {
        Ok(result) => result,
        Err(error) if error.is_waiting() => WorkResult {
            customer_message: "Your site is being put back as it was, and waits for its \
                               database or containers. Try again later."
                .into(),
            ..busy(Some(job), chain(&error))
        },
        Err(error) => ended(Some(job), &error.into_failure()),
    }
}

/// Settles what an earlier order of this customer left open. What stands in the way is returned.
async fn settle_earlier(
    node: &Node,
    lock: &CustomerLock,
    teller: &Teller,
    rehearsal: &mut dyn Rehearsal,
) -> Result<Option<WorkResult>, JournalError> {
    for journal in Shelf::of(&node.state, lock)?.journals()? {
        let path = journal.path().to_owned();
        match settle_open(node, lock, journal, teller, rehearsal).await {
            Settling::Settled(_) => {}
            Settling::Stuck(result) => return Ok(Some(*result)),
            Settling::NotYet(why) => {
                let why = format!("{} is open and cannot be settled yet: {why}", path.display());
                return Ok(Some(busy(None, why)));
            }
        }
    }
    Ok(None)
}
