//! One order, from the line on stdin to its result: read, judged, locked, journalled, conducted.

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::Path};

use holdfast_job::{JobId, Level, MAX_REQUEST_BYTES, Outcome, Request, Verb, WorkResult};

use crate::{
    cgroup,
    config::{Node, Site},
    failure::{Failure, chain},
    journal::{JOURNAL_VERSION, Journal, JournalError, Opened, Origin, Record, Shelf},
    lifeline,
    lock::{CustomerLock, LockError},
    perform::{Performance, outline_of, perform},
    plans::misconfigured,
    recover::{Settling, settle_open},
    rehearsal::Rehearsal,
    slots::{SlotError, Slots},
    stop::Stop,
    teller::Teller,
    work::Work,
};

/// A job whose attempts all ended transient is tried this often.
const MAX_ATTEMPTS: u32 = 3;
/// The folders in the node's state.
const FOLDERS: [&str; 4] = ["locks", "journals", "spool", "repositories"];

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
    let request = match Request::parse(&line) {
        Ok(request) => request,
        Err(error) => return refused(None, &chain(&error)),
    };
    let job = request.job;
    match judge(verb, folder, &request) {
        Ok((node, site)) => carry_out_judged(&node, site, request, teller, stop, rehearsal).await,
        Err(Judgement::Refused(text)) => refused(Some(job), &text),
        Err(Judgement::Misconfigured(failure)) => ended(job, &failure),
    }
}

/// Why an order is not carried out.
enum Judgement {
    /// The order is wrong.
    Refused(String),
    /// The order may be right, but the configuration is not.
    Misconfigured(Failure),
}

/// Who asks what of whom: everything that can be told without touching anything.
fn judge(verb: Verb, folder: &Path, request: &Request) -> Result<(Node, Site), Judgement> {
    let refuse = |text: String| Err(Judgement::Refused(text));
    if request.order.verb() != verb {
        let (said, called) = (request.order.verb().word(), verb.word());
        return refuse(format!("the request is for `{said}`, and the verb is `{called}`"));
    }
    let wrong = |error| Judgement::Misconfigured(misconfigured(&error));
    let node = Node::load(folder).map_err(wrong)?;
    if started_by_worker(&node) {
        return refuse("an order of the worker's must be signed, and this one is not".into());
    }
    if request.node.as_ref().is_some_and(|named| *named != node.name) {
        return refuse(format!("the request is for another node; this one is {}", node.name));
    }
    if request.not_after < Work::now() {
        return refuse(format!("the request was void after {}: order again", request.not_after));
    }
    let site = node.site(request.customer).map_err(wrong)?;
    if !site.base.exists() {
        let (customer, base) = (request.customer, site.base.display());
        return refuse(format!("there is no customer {customer} on this node: {base} is missing"));
    }
    make_folders(&node)
        .map_err(|error| Judgement::Misconfigured(Failure::system(node.state.display(), &error)))?;
    Ok((node, site))
}

/// Whether sudo says that the worker's user started this.
pub fn started_by_worker(node: &Node) -> bool {
    let Some(worker) = &node.worker_user else { return false };
    let uid = nix::unistd::User::from_name(worker).ok().flatten().map(|user| user.uid.to_string());
    let told = |name: &str| std::env::var(name).ok();
    told("SUDO_USER").as_ref() == Some(worker) || (uid.is_some() && told("SUDO_UID") == uid)
}

/// Makes what is missing of the node's own folders, root's alone.
///
/// # Errors
/// What the system said.
pub fn make_folders(node: &Node) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(&node.cache)?;
    FOLDERS.iter().try_for_each(|folder| builder.create(node.state.join(folder)))
}

async fn carry_out_judged(
    node: &Node,
    site: Site,
    request: Request,
    teller: &Teller,
    stop: Stop,
    rehearsal: &mut dyn Rehearsal,
) -> WorkResult {
    let job = request.job;
    let taken = match CustomerLock::try_take(&node.state, request.customer) {
        Err(LockError::Held(_)) => {
            teller.log(Level::Info, "waiting for another order of this site");
            CustomerLock::take(&node.state, request.customer, node.lock_wait, &stop).await
        }
        taken => taken,
    };
    let lock = match taken {
        Ok(lock) => lock,
        Err(error @ LockError::Held(_)) => return busy(job, chain(&error)),
        Err(LockError::Stopped(_)) => return ended(job, &Failure::stopped()),
        Err(error) => return ended(job, &Failure::system("take the lock", &error)),
    };
    let _slots = match Slots::take(node, &site, &request.order) {
        Ok(slots) => slots,
        Err(error @ SlotError::Full { .. }) => {
            return WorkResult {
                customer_message: "Many sites are being saved or restored just now. Yours has its \
                                   turn soon."
                    .into(),
                ..busy(job, chain(&error))
            };
        }
        Err(error) => return ended(job, &Failure::system("take a slot", &error)),
    };
    match settle_earlier(node, &lock, teller, rehearsal).await {
        Ok(None) => {}
        Ok(Some(result)) => return WorkResult { job: Some(job), ..result },
        Err(error) => return ended(job, &unreadable(&error)),
    }
    let group = cgroup::enter(&site.limits, job, &node.state).await;
    if let Err(why) = &group {
        teller.log(Level::Warn, format!("the limits of memory, processor and disk: {why}"));
    }
    let performance = Performance { node, lock: &lock, teller, stop };
    match begin(&performance, &request, &site) {
        Ok(Begun::Answered(result)) => *result,
        Ok(Begun::Ready(journal)) => {
            match perform(&performance, *journal, Ok(site), rehearsal).await {
                Ok(result) => result,
                Err(error) if error.is_waiting() => WorkResult {
                    customer_message: "Your site is being put back as it was, and waits for its \
                                       database or containers. Please try again later."
                        .into(),
                    ..busy(job, chain(&error))
                },
                Err(error) => ended(job, &error.into_failure()),
            }
        }
        Ok(Begun::Reused) => refused(Some(job), "the job id was used before, for another order"),
        Err(error) => ended(job, &Failure::system("begin the journal", &error)),
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
                return Ok(Some(WorkResult { outcome: Outcome::Busy, ..busy_result(why) }));
            }
        }
    }
    Ok(None)
}

/// What the journal of this job says before it is begun.
enum Begun {
    /// It has ended: this was its result.
    Answered(Box<WorkResult>),
    /// It is begun.
    Ready(Box<Journal>),
    /// It is another order's.
    Reused,
}

fn begin(
    performance: &Performance<'_>,
    request: &Request,
    site: &Site,
) -> Result<Begun, JournalError> {
    let Performance { node, lock, .. } = performance;
    let path = Shelf::of(&node.state, lock)?.path_of(request.job);
    if path.exists() {
        let mut journal = Journal::open(&path)?;
        if journal.opened().is_some_and(|opened| opened.request.order != request.order) {
            return Ok(Begun::Reused);
        }
        if let Some(Record::Ended { result }) = journal.records().last() {
            let attempts = journal.attempts();
            let number = match result.outcome {
                // It had not begun: no attempt is counted.
                Outcome::Busy => attempts,
                Outcome::FailedForNow if attempts < MAX_ATTEMPTS => attempts + 1,
                _ => return Ok(Begun::Answered(result.clone())),
            };
            journal.begin_attempt(Record::Attempt { number, at: Work::now() })?;
            return Ok(Begun::Ready(Box::new(journal)));
        }
    }
    let opened = Opened {
        version: JOURNAL_VERSION,
        plan: request.order.verb(),
        outline: outline_of(&request.order, site),
        request: request.clone(),
        origin: Origin::Root,
        at: Work::now(),
    };
    Journal::begin(&path, opened).map(Box::new).map(Begun::Ready)
}

/// SIGTERM comes from sudo, SIGINT and SIGHUP from a terminal: each is the wish to stop.
fn stop_on_signals(stop: &Stop) {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        if let Ok(mut signals) = signal(kind) {
            let stop = stop.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    stop.request();
                }
            });
        }
    }
}

/// The result of an order that is itself wrong.
pub fn refused(job: Option<JobId>, text: &str) -> WorkResult {
    WorkResult {
        job,
        outcome: Outcome::Refused,
        customer_message: "This order was not accepted, and nothing was done.".into(),
        ..busy_result(text.to_owned())
    }
}

fn busy(job: JobId, text: String) -> WorkResult {
    WorkResult { job: Some(job), ..busy_result(text) }
}

fn busy_result(operator_message: String) -> WorkResult {
    WorkResult {
        version: 1,
        job: None,
        outcome: Outcome::Busy,
        customer_message: "Another order for this site is still under way. Please wait for it."
            .into(),
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

fn ended(job: JobId, failure: &Failure) -> WorkResult {
    WorkResult {
        job: Some(job),
        outcome: failure.outcome(),
        customer_message: failure.customer.clone(),
        ..busy_result(failure.operator.clone())
    }
}

/// A journal of this customer cannot be read, so nobody knows how its site stands.
fn unreadable(error: &JournalError) -> Failure {
    Failure::permanent(
        crate::plans::CONTACT_SUPPORT,
        format!(
            "{}; nothing is done for this customer until a person has looked at the site and \
             mended or removed that file",
            chain(error)
        ),
    )
}
