//! What the memory of this process holds, its database's password and tickets, goes into no core dump.

use nix::{
    errno::Errno,
    sys::{
        prctl,
        resource::{Resource, setrlimit},
    },
};

/// No core dump of this process, whatever the machine does with crashes, and none of the executors that
/// it starts. Other processes of this user cannot look into it either.
///
/// # Errors
/// What the system said.
pub fn keep() -> Result<(), Errno> {
    prctl::set_dumpable(false)?;
    // One byte is too little for a file, and tells the kernel to start no program that takes dumps
    // either, which none at all does not (core(5)). Where none is allowed, one is too many.
    setrlimit(Resource::RLIMIT_CORE, 1, 1).or_else(|_| setrlimit(Resource::RLIMIT_CORE, 0, 0))
}
