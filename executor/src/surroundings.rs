//! What this process stands in: nothing of it is taken over from whoever started it.
//!
//! sudo clears most of an environment, and root's shell nothing. Both are the same here: what a
//! library might heed, such as `LD_PRELOAD`, `TMPDIR` or `MALLOC_CONF`, is gone before anything is
//! read. Secrets pass through this process and its children, so no memory of theirs is written to a
//! disk, whatever the machine does with crashes.

use std::{
    convert::Infallible,
    env,
    ffi::{CString, OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
};

use nix::{
    errno::Errno,
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
        stat::{Mode, umask},
    },
    unistd::{chdir, execve},
};

/// What stays of the environment: who called sudo, and what the terminal is.
const KEPT: [&str; 3] = ["SUDO_UID", "SUDO_USER", "TERM"];

/// What the kernel calls this process, which it would otherwise call `exe`.
const NAME: &std::ffi::CStr = c"holdfast-executor";

/// Why this process does not stand as it must.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}")]
pub struct SurroundingsError {
    doing: &'static str,
    source: io::Error,
}

/// Leaves everything of the caller's behind. `rehearsal` is one more variable that stays.
///
/// # Errors
/// [`SurroundingsError`] says what could not be left.
pub fn leave(rehearsal: Option<&str>) -> Result<(), SurroundingsError> {
    clear_environment(rehearsal)?;
    // Only what is said to be for others is for others.
    umask(Mode::from_bits_truncate(0o077));
    chdir("/").map_err(failed("go to /"))?;
    keep_memory().map_err(failed("keep its memory from being written to a disk"))?;
    raise_file_limit();
    Ok(())
}

fn failed(doing: &'static str) -> impl FnOnce(Errno) -> SurroundingsError {
    move |errno| SurroundingsError { doing, source: errno.into() }
}

/// Executes this program again, as the same process, with what is kept. What it was loaded with by
/// the environment goes too.
fn clear_environment(rehearsal: Option<&str>) -> Result<(), SurroundingsError> {
    let stays = |name: &OsStr| KEPT.into_iter().chain(rehearsal).any(|kept| name == kept);
    let (kept, others): (Vec<_>, Vec<_>) = env::vars_os().partition(|(name, _)| stays(name));
    // The second time it is so.
    if others.is_empty() {
        return Ok(());
    }
    match execute_again(kept) {
        Ok(never) => match never {},
        Err(errno) => Err(failed("clear the environment")(errno)),
    }
}

fn execute_again(kept: Vec<(OsString, OsString)>) -> Result<Infallible, Errno> {
    // Neither an argument nor a variable can have a zero byte in it.
    let text = |bytes: Vec<u8>| CString::new(bytes).map_err(|_| Errno::EINVAL);
    let args: Vec<CString> =
        env::args_os().map(|arg| text(arg.as_bytes().to_vec())).collect::<Result<_, _>>()?;
    let variable = |(name, value): (OsString, OsString)| {
        text([name.as_bytes(), b"=", value.as_bytes()].concat())
    };
    let kept: Vec<CString> = kept.into_iter().map(variable).collect::<Result<_, _>>()?;
    execve(c"/proc/self/exe", &args, &kept)
}

/// No core dump of this process, and none of what it starts, though that is made readable anew.
fn keep_memory() -> Result<(), Errno> {
    let _ = prctl::set_name(NAME);
    prctl::set_dumpable(false)?;
    // One byte is too little for a file, and tells the kernel to start no program that takes dumps
    // either, which none at all does not (core(5)).
    setrlimit(Resource::RLIMIT_CORE, 1, 1).or_else(|_| setrlimit(Resource::RLIMIT_CORE, 0, 0))
}

/// A walk holds one descriptor for each level it is down.
fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // As it was, only very deep trees fail, and say so.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
