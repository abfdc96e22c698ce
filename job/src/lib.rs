//! The vocabulary of Holdfast: ids, scope, orders, tickets, stages, messages and results.
//!
//! Every other package speaks in these words, so they are defined once and checked where they
//! enter. Nothing here does I/O, and nothing here knows HTTP, SQL, Redis, restic or root.

mod bell;
mod bounded;
mod chain;
mod id;
mod incoming;
mod key;
mod message;
mod moment;
mod order;
mod outcome;
mod scope;
mod stage;
mod status;
mod ticket;

pub use bell::{Bell, BellError};
pub use bounded::{LONGEST_TEXT, bounded};
pub use chain::chain;
pub use id::{CustomerId, IdError, JobId, KeyId, NodeName, RepositoryName, SnapshotId, SourceId};
pub use incoming::{Incoming, IncomingError};
pub use key::{PublicKey, PublicKeyError};
pub use message::{
    Level, Message, Progress, Recovered, SourceResult, Standing, WhatHappened, WorkResult,
};
pub use moment::Moment;
pub use order::{
    Backup, Delete, Label, MAX_REQUEST_BYTES, MaintenanceMode, Order, REQUEST_VERSION, Request,
    RequestError, Restore, Undo, UndoCopy, Verb,
};
pub use outcome::Outcome;
pub use scope::Scope;
pub use stage::Stage;
pub use status::{JobStatus, StatusError, Step};
pub use ticket::{TICKET_VERSION, Ticket, TicketError};
