//! Trees: walked by descriptor, measured, made harmless, removed.
//!
//! Everything here opens beneath a descriptor and follows no link; nothing here knows restic.

mod changes;
mod flags;
mod marks;
mod measure;
mod sanitize;
mod walk;

pub use changes::{changed_since, moment};
pub use flags::{Attributes, Flags};
pub use marks::{Mark, Marks};
pub use measure::{Entry, Kind, Size, TreeSum, measure_live};
pub use sanitize::sum_and_sanitize;
pub use walk::{Found, Next, WalkError, walk};
