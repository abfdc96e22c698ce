//! What the memory of this process holds, the key that signs above all, goes into no core dump.

use std::io;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

/// No core dump of this process, whatever the machine does with crashes. Other processes of this user
/// cannot look into it either.
///
/// # Errors
/// What the system said.
pub fn keep() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
