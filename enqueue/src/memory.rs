//! What the memory of this process holds, the key that signs above all, goes into no core dump.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core dump of this process, whatever the machine does with crashes. Other processes of this user
/// cannot look into it either.
///
/// # Errors
/// What the system said.
pub fn keep() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let most = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    // One byte is too little for a file, and tells the kernel to start no program that takes dumps
    // either, which none at all does not (core(5)). Where none is allowed, one is too many.
    let limited = setrlimit(Resource::Core, most(1));
    Ok(limited.or_else(|_| setrlimit(Resource::Core, most(0)))?)
}
