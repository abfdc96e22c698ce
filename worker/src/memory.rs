//! What the memory of this process holds, its database's password and tickets, goes into no core dump.

use nix::{errno::Errno, sys::prctl};

/// No core dump of this process, whatever the machine does with crashes. Other processes of this user
/// cannot look into it either. What it starts looks after itself.
///
/// # Errors
/// What the system said.
pub fn keep() -> Result<(), Errno> {
    prctl::set_dumpable(false)
}
