//! Namespaces: a child sees, of all customers' folders, this customer's tree alone.
//!
//! A tenant who swaps a directory for a symbolic link while root reads its tree would get another
//! tenant's files into its own snapshot. So whatever walks a tree by name runs behind the hidden
//! verb `confine`: this program, executed again, single-threaded, makes a private mount namespace
//! in which the customers' folder is empty but for the one tree at its own path, without symbolic
//! links, setuid or devices; then it becomes the program that was meant.

use std::{
    ffi::CString,
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{prctl, signal::Signal},
    unistd::{Pid, close, execv, getppid},
};
use serde::{Deserialize, Serialize};

/// mount(2)'s MS_NOSYMFOLLOW, which nix does not name.
const NOSYMFOLLOW: u64 = 256;

/// The exit code of a `confine` that could not: none of restic's, `nice`'s or the shell's.
pub const FAILED: u8 = 125;

/// What a confined program sees of the customers' folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confinement {
    /// The customers' folder, made empty.
    pub hide: PathBuf,
    /// The one directory that is shown again, and what may be done there.
    pub show: Option<(PathBuf, Access)>,
    /// Where it is shown, below what is hidden; by itself at its own path.
    #[serde(default)]
    pub at: Option<PathBuf>,
}

/// What a confined program may do with the tree it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Read it.
    Read,
    /// Write it as well.
    Write,
}

/// The one argument of `confine`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cell {
    walls: Walls,
    program: Vec<String>,
}

/// What a program has between itself and the world.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Walls {
    /// A namespace.
    Namespace(Confinement),
    /// None, but it holds nothing of ours.
    NoLock,
    /// None; it ends with the executor.
    Tied,
}

/// Why a program was not confined.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// Somebody other than the executor started it.
    #[error("`confine` is the executor's own and not for use by hand")]
    NotForUse,
    /// The argument is not what the executor writes.
    #[error("the argument of `confine` is not understood")]
    Argument(#[source] serde_json::Error),
    /// The executor died in the meantime.
    #[error("the executor is gone")]
    Orphaned,
    /// A system call failed.
    #[error("cannot {doing}")]
    System {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Confinement {
    /// The arguments with which this program, executed again, becomes `program` confined.
    pub fn arguments(&self, program: Vec<String>) -> Vec<String> {
        Cell { walls: Walls::Namespace(self.clone()), program }.arguments()
    }
}

impl Cell {
    fn arguments(&self) -> Vec<String> {
        let argument = serde_json::to_string(self).unwrap_or_default();
        vec!["confine".into(), argument]
    }
}

/// The arguments with which this program, executed again, becomes `program`, which does not hold the
/// customer's lock and sees what root sees.
pub fn without_lock(program: Vec<String>) -> Vec<String> {
    Cell { walls: Walls::NoLock, program }.arguments()
}

/// The arguments with which this program, executed again, becomes `program`, which is asked to end when
/// the executor is dead, holds the customer's lock until then, and sees what root sees.
pub fn tied(program: Vec<String>) -> Vec<String> {
    Cell { walls: Walls::Tied, program }.arguments()
}

/// Becomes the program that `argument` names, confined. Returns only if that failed.
///
/// # Errors
/// [`ConfineError`] says at which step.
pub fn become_confined(argument: &str) -> ConfineError {
    match try_become_confined(argument) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn try_become_confined(argument: &str) -> Result<std::convert::Infallible, ConfineError> {
    let executor = getppid();
    if !is_this_program(executor) {
        return Err(ConfineError::NotForUse);
    }
    let cell: Cell = serde_json::from_str(argument).map_err(ConfineError::Argument)?;
    // SIGTERM, on which restic takes its lock out of the repository. Should it hang all the same, it
    // holds the customer's lock, and nobody acts beside it.
    prctl::set_pdeathsig(Signal::SIGTERM).map_err(system("tie its life to the executor's"))?;
    if getppid() != executor {
        return Err(ConfineError::Orphaned);
    }
    match &cell.walls {
        Walls::Namespace(confinement) => enter(confinement)?,
        Walls::Tied => {}
        Walls::NoLock => let_go().map_err(|source| ConfineError::System {
            doing: "let go of what the executor holds".into(),
            source,
        })?,
    }
    let program: Vec<CString> =
        cell.program.iter().filter_map(|part| CString::new(part.as_str()).ok()).collect();
    let [path, ..] = program.as_slice() else { return Err(ConfineError::NotForUse) };
    execv(path, &program).map_err(system(&format!("execute {}", cell.program[0])))
}

fn system(doing: &str) -> impl FnOnce(Errno) -> ConfineError + use<> {
    let doing = doing.to_owned();
    move |errno| ConfineError::System { doing, source: errno.into() }
}

/// Whether this process runs the same executable as we do.
fn is_this_program(other: Pid) -> bool {
    let executable = |of: String| fs::metadata(format!("/proc/{of}/exe"));
    match (executable("self".into()), executable(other.to_string())) {
        (Ok(ours), Ok(theirs)) => (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino()),
        _ => false,
    }
}

/// Closes every descriptor but the first three.
fn let_go() -> io::Result<()> {
    let numbers = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect::<Vec<RawFd>>();
    // That of the folder that was just read is closed already.
    for number in numbers.into_iter().filter(|number| *number > 2) {
        let _ = close(number);
    }
    Ok(())
}

fn enter(confinement: &Confinement) -> Result<(), ConfineError> {
    let Confinement { hide, show, at } = confinement;
    unshare(CloneFlags::CLONE_NEWNS).map_err(system("make a mount namespace"))?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(system("make the mount namespace private"))?;
    // Opened in the new namespace, whose mount it must be, and before it is hidden; the way to it
    // is root's, so no link can stand in it.
    let shown = match show {
        Some((show, access)) => Some((open_path(show)?, at.as_ref().unwrap_or(show), access)),
        None => None,
    };
    let plain = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), hide, Some("tmpfs"), plain, Some("mode=0711,size=1m"))
        .map_err(system(&format!("hide {}", hide.display())))?;
    if let Some((folder, show, access)) = shown {
        show_again(&folder, show, *access)?;
    }
    std::env::set_current_dir("/")
        .map_err(|source| ConfineError::System { doing: "leave the old tree".into(), source })
}

/// Binds the directory back where it is to be shown, in what the emptied folder hid.
fn show_again(folder: &File, show: &Path, access: Access) -> Result<(), ConfineError> {
    let none = None::<&str>;
    fs::create_dir_all(show).map_err(|source| ConfineError::System {
        doing: format!("make a place for {}", show.display()),
        source,
    })?;
    // mount(2) takes the descriptor's link as it is; nothing is looked up by name again.
    let from = format!("/proc/self/fd/{}", folder.as_raw_fd());
    mount(Some(from.as_str()), show, none, MsFlags::MS_BIND, none)
        .map_err(system(&format!("show {}", show.display())))?;
    let mut flags = MsFlags::MS_REMOUNT
        | MsFlags::MS_BIND
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | MsFlags::from_bits_retain(NOSYMFOLLOW as _);
    if access == Access::Read {
        flags |= MsFlags::MS_RDONLY;
    }
    mount(none, show, none, flags, none).map_err(system(&format!("restrict {}", show.display())))
}

fn open_path(path: &Path) -> Result<File, ConfineError> {
    let flags = (OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits();
    OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|source| {
        ConfineError::System { doing: format!("open {}", path.display()), source }
    })
}
