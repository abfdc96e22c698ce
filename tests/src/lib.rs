//! The harness: a private node in a directory of its own, orders given to the real executor on it,
//! and a look at the world before and after.
//!
//! Nothing here starts a server outside its directory, and nothing it made outlives it: dropping a
//! [`Node`] asserts a clean world.

mod call;
mod double;
mod mount;
mod node;
mod output;
mod points;
mod sample;
mod script;
mod signal;
mod sshd;
pub mod sweep;
mod tree;
mod wait;
mod world;

pub use call::{Call, Ended, Running};
pub use mount::Mount;
pub use node::{Node, executor, program, rehearsal, restic};
pub use output::output_of;
pub use points::{Point, SECTION_CALLS, Traced, traced_points, traced_points_of};
pub use sample::{damage, fill_site};
pub use signal::signal;
pub use sshd::Sshd;
pub use tree::Tree;
pub use wait::{eventually, remains};
pub use world::World;
