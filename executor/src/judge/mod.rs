//! Who asks what of whom: everything that can be told of an order without touching anything.
//!
//! First who gave it, then whether it is right. [`Admitted`] and then [`Judged`] are made here
//! alone, so whoever holds one need not ask again.

mod ticket;

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt};

use holdfast_job::{Incoming, JobId, Request, Verb};

use crate::{
    config::{ConfigError, Node, Site},
    failure::Failure,
    journal::{Origin, Shelf},
    plans::misconfigured,
    restic::scratch,
    work::Work,
};

/// The folders in the node's state.
const FOLDERS: [&str; 5] = ["locks", "journals", "spool", "repositories", scratch::FOLDER];

/// An order from somebody who may give one.
#[derive(Debug)]
pub struct Admitted {
    /// The order.
    pub request: Request,
    /// Who gave it.
    pub origin: Origin,
    _made_here: (),
}

/// An order that is right, as far as can be told without touching anything.
#[derive(Debug)]
pub struct Judged {
    /// The order.
    pub request: Request,
    /// Who gave it.
    pub origin: Origin,
    /// The site that is meant.
    pub site: Site,
    /// What to say if its job has not ended on this node: its time is over, so it can only be
    /// answered with the result that stands in the journal.
    pub void: Option<String>,
    _made_here: (),
}

/// Why an order is not carried out.
#[derive(Debug)]
pub enum Refusal {
    /// The order is wrong.
    Wrong(String),
    /// The order may be right, but the configuration is not.
    Misconfigured(Failure),
}

impl Refusal {
    /// By a mistake in the configuration.
    pub fn misconfigured(error: &ConfigError) -> Self {
        Self::Misconfigured(misconfigured(error))
    }
}

/// Tells who gave an order. A ticket's signature is checked whoever brings it.
///
/// # Errors
/// [`Refusal`] if nobody who may did.
pub fn admit(node: &Node, incoming: Incoming) -> Result<Admitted, Refusal> {
    match incoming {
        Incoming::Ticket(ticket) => ticket::admit(node, &ticket),
        Incoming::Request(_) if started_by_worker(node) => {
            let text = "an order of the worker's must be signed, and this one is not";
            Err(Refusal::Wrong(text.into()))
        }
        Incoming::Request(request) => {
            Ok(Admitted { request, origin: Origin::Root, _made_here: () })
        }
    }
}

/// Tells whether an order is right: for this verb, this node, now, and for a site that is here.
///
/// # Errors
/// [`Refusal`] names the first thing that is not.
pub fn judge(verb: Verb, node: &Node, order: Admitted) -> Result<Judged, Refusal> {
    let Admitted { request, origin, .. } = order;
    let refuse = |text: String| Err(Refusal::Wrong(text));
    let now = Work::now();
    if request.order.verb() != verb {
        let (said, called) = (request.order.verb().word(), verb.word());
        return refuse(format!("the request is for `{said}`, and the verb is `{called}`"));
    }
    if request.node.as_ref().is_some_and(|named| *named != node.name) {
        return refuse(format!("the request is for another node; this one is {}", node.name));
    }
    let is_void = match &origin {
        Origin::Root => request.not_after < now,
        Origin::Web { .. } => {
            ticket::check(&request, now).map_err(Refusal::Wrong)?;
            ticket::is_void(&request, now)
        }
    };
    let void =
        is_void.then(|| format!("the request was void after {}: order again", request.not_after));
    match (&void, &origin) {
        // Its end may not have been heard when it came.
        (Some(_), Origin::Web { .. }) if Shelf::knows(&node.state, &request) => {}
        (Some(text), _) => return refuse(text.clone()),
        (None, _) => {}
    }
    let site = node.site(request.customer).map_err(|error| Refusal::misconfigured(&error))?;
    if !site.base.exists() {
        let (customer, base) = (request.customer, site.base.display());
        return refuse(format!("there is no customer {customer} on this node: {base} is missing"));
    }
    make_folders(node)
        .map_err(|error| Refusal::Misconfigured(Failure::system(node.state.display(), &error)))?;
    Ok(Judged { request, origin, site, void, _made_here: () })
}

/// The job that an order says it is, where that is somebody's word.
pub fn job_of(incoming: &Incoming) -> Option<JobId> {
    match incoming {
        Incoming::Request(request) => Some(request.job),
        Incoming::Ticket(_) => None,
    }
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
