//! The control plane's memory: all of its SQL (MariaDB is the truth), and the bell in Redis.
//!
//! Nothing here knows HTTP, root or restic. Times are the database's own: no clock of ours decides
//! what is due or whose lease has run out.

mod audit;
mod backups;
mod bell;
mod credential;
mod customers;
mod database;
mod error;
mod jobs;
mod nodes;
mod page;
mod schema;
mod sessions;

pub use audit::Actor;
pub use backups::{Backup, BackupFilter, BackupKind, BackupName, BackupState, SavedSource};
pub use bell::{Listener, Popped, Queue, Ring, Ringer};
pub use credential::{Secret, read_secret};
pub use customers::Customer;
pub use database::{Database, DatabaseOptions, DatabaseTable};
pub use error::StoreError;
pub use jobs::{
    Admissions, AdmitError, Admitted, BackupOutcome, Change, Claimed, Class, CustomerJobs, Ending,
    Idle, Job, JobFilter, NewJob, OrderKey, Place, PutBack, Report, Reset, ResetOrder, Stopping,
};
pub use nodes::{Drain, Load, Node, Unsettled};
pub use page::{Page, PageLimit};
pub use schema::{Schema, SchemaError};
pub use sessions::{Login, WebSession};
