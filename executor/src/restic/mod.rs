//! restic: the commands we use, each with what it takes, what it answers and what its end means.
//!
//! Nothing here knows plans or the site's doors. restic always runs confined, and its life ends with
//! the executor's; its password goes to its stdin, never to argv or environment.

mod backup;
mod cache;
mod cause;
mod forget;
mod gate;
mod listing;
mod locks;
mod restore;
mod said;
pub mod scratch;
mod verdict;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_job::CustomerId;

pub use backup::{Extent, Opened, SavePlan};
pub use cause::Cause;
pub use listing::{Listing, Reader, job_tag};
pub use restore::FetchPlan;
pub use verdict::ResticError;

use self::{cause::Places, scratch::SshLog};
use crate::{
    config::{ConfigError, IoClass, Limits, Node, Repository},
    confine::{Access, Confinement},
    mounts,
    process::{Ended, Moved, Program, Running},
    secret::Password,
    stop::Stop,
};

/// The oldest restic whose restores can be believed.
pub const MINIMUM_VERSION: (u32, u32) = (0, 18);
/// How long a command waits for a lock that is rightly held by somebody else.
const RETRY_LOCK: &str = "1m";

/// How far a command is, in restic's own counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Bytes done.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes_total: u64,
    /// Files done.
    pub files_done: u64,
    /// Files in all.
    pub files_total: u64,
}

/// What watches a command: the journal gets its process id before anything else, the customer its
/// progress, and the stop is listened for.
pub trait Watch {
    /// A restic has started.
    ///
    /// # Errors
    /// Whatever keeps its process id from being written down; the command is then not waited for.
    fn started(&mut self, pid: u32) -> Result<(), ResticError>;
    /// It is this far.
    fn tally(&mut self, tally: Tally);
    /// The wish to stop.
    fn stop(&self) -> &Stop;
}

/// One customer's view of one repository.
#[derive(Debug)]
pub struct Restic<'a> {
    node: &'a Node,
    repository: &'a Repository,
    limits: &'a Limits,
    customer: CustomerId,
    password: Password,
    patience: Duration,
    /// Of an sftp repository.
    ssh_log: Option<SshLog>,
}

impl<'a> Restic<'a> {
    /// restic on this repository for this customer.
    ///
    /// # Errors
    /// [`ConfigError`] if its password cannot be had.
    pub fn new(
        node: &'a Node,
        repository: &'a Repository,
        limits: &'a Limits,
        customer: CustomerId,
        patience: Duration,
    ) -> Result<Self, ConfigError> {
        let password = Password::of(node, repository, customer)?;
        let ssh_log = repository.sftp_command.as_ref().and_then(|_| SshLog::new(&node.state));
        Ok(Self { node, repository, limits, customer, password, patience, ssh_log })
    }

    /// The host that every snapshot of this customer names.
    pub fn host(&self) -> String {
        host_of(self.customer)
    }

    /// Runs a command to its end.
    async fn run(
        &self,
        command: Invocation,
        watch: &mut dyn Watch,
        on_line: &mut dyn FnMut(&[u8], &mut dyn Watch) -> Moved,
    ) -> Result<Ended, ResticError> {
        let running = self.start(command.clone(), watch)?;
        self.attend(&command, running, watch, on_line).await
    }

    fn start(&self, command: Invocation, watch: &mut dyn Watch) -> Result<Running, ResticError> {
        self.check_mount()?;
        let running = self.program(command).start()?;
        watch.started(running.pid())?;
        Ok(running)
    }

    /// Without its disk a repository's folder looks like one that was never used.
    fn check_mount(&self) -> Result<(), ResticError> {
        let Some(place) = &self.repository.mount_point else { return Ok(()) };
        match mounts::mount_points() {
            Ok(mounts) if mounts.contains(place) => Ok(()),
            _ => Err(ResticError::NotMounted { place: place.clone() }),
        }
    }

    /// Waits for the end of a command that was started.
    async fn attend(
        &self,
        command: &Invocation,
        running: Running,
        watch: &mut dyn Watch,
        on_line: &mut dyn FnMut(&[u8], &mut dyn Watch) -> Moved,
    ) -> Result<Ended, ResticError> {
        let stop = watch.stop().clone();
        let ended = running.wait(&stop, |line| on_line(line, watch)).await;
        let ssh = self.ssh_log.as_ref().map(SshLog::text).unwrap_or_default();
        let temporary = scratch::folder(&self.node.state);
        let places = Places {
            url: &self.repository.url,
            local: self.repository.local_path(),
            temporary: &temporary,
            cache: &self.node.cache,
            stage: command.written(),
        };
        let ended =
            ended.map_err(|error| ResticError::of_no_end(command.name, &places, (error, &ssh)))?;
        match ResticError::of(command.name, &places, (&ended, &ssh)) {
            Some(ResticError::NoRepository { url, .. }) if self.marker().exists() => {
                Err(ResticError::RepositoryGone { url, marker: self.marker() })
            }
            Some(error) => Err(error),
            None => Ok(ended),
        }
    }

    /// As [`Self::run`], but a lock that a dead restic of ours left behind is cleared first, and
    /// one that somebody else holds is waited for.
    async fn run_past_locks(
        &self,
        command: Invocation,
        watch: &mut dyn Watch,
        on_line: &mut dyn FnMut(&[u8], &mut dyn Watch) -> Moved,
    ) -> Result<Ended, ResticError> {
        let ended = self.run(command.clone(), watch, on_line).await;
        self.past_locks(ended, command, watch, on_line).await
    }

    /// What has ended, or if a lock was in its way, the same command once more without it.
    async fn past_locks(
        &self,
        ended: Result<Ended, ResticError>,
        command: Invocation,
        watch: &mut dyn Watch,
        on_line: &mut dyn FnMut(&[u8], &mut dyn Watch) -> Moved,
    ) -> Result<Ended, ResticError> {
        let Err(ResticError::Locked { .. }) = ended else { return ended };
        self.clear_own_stale_locks(watch).await?;
        let command = command.arg("--retry-lock").arg(RETRY_LOCK);
        self.run(command, watch, on_line).await
    }

    fn program(&self, command: Invocation) -> Program {
        let nice = ["/usr/bin/nice".to_owned(), "-n".into(), self.limits.nice.to_string()];
        let ionice: &[&str] = match self.limits.ionice {
            IoClass::BestEffort => &["/usr/bin/ionice", "-c", "2", "-n", "7"],
            IoClass::Idle => &["/usr/bin/ionice", "-c", "3"],
            IoClass::Normal => &[],
        };
        let mut argv = nice.to_vec();
        argv.extend(ionice.iter().map(|&part| part.to_owned()));
        argv.push(self.node.restic.display().to_string());
        argv.extend(["--json".to_owned(), "--password-file".into(), "/dev/stdin".into()]);
        argv.extend(self.cache_arguments(&command.cache));
        if let Some(sftp) = &self.repository.sftp_command {
            let sftp = self.ssh_log.as_ref().map_or(sftp.clone(), |log| log.kept_by(sftp));
            argv.extend(["-o".to_owned(), format!("sftp.command={sftp}")]);
        }
        for (option, limit) in [
            ("--limit-upload", self.limits.upload_kib_per_second),
            ("--limit-download", self.limits.download_kib_per_second),
        ] {
            argv.extend(limit.into_iter().flat_map(|kib| [option.to_owned(), kib.to_string()]));
        }
        let name = format!("restic {}", command.name);
        argv.push(command.name.into());
        argv.extend(command.args);
        // A command that needs no tree sees none.
        let hide = self.node.customers.clone();
        let confinement = Confinement { hide, show: command.show, at: command.at };
        let (path, args) = (PathBuf::from("/proc/self/exe"), confinement.arguments(argv));
        let mut env = self.repository.environment.clone();
        env.extend([
            ("RESTIC_REPOSITORY".to_owned(), self.repository.url.clone()),
            ("RESTIC_PROGRESS_FPS".to_owned(), "4".to_owned()),
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            // Packs are put together there, and `/tmp` is any tenant's to fill.
            ("TMPDIR".to_owned(), scratch::folder(&self.node.state).display().to_string()),
        ]);
        let stdin = format!("{}\n", self.password.reveal()).into_bytes();
        Program {
            name,
            path,
            args,
            env: BTreeMap::from_iter(env),
            stdin: stdin.into(),
            patience: self.patience,
        }
    }
}

/// The host that every snapshot of a customer names.
pub fn host_of(customer: CustomerId) -> String {
    format!("customer-{customer}")
}

/// One restic command.
#[derive(Debug, Clone)]
struct Invocation {
    name: &'static str,
    args: Vec<String>,
    show: Option<(PathBuf, Access)>,
    /// Where that is shown, if not at its own path.
    at: Option<PathBuf>,
    /// Where restic keeps what it reads.
    cache: Cache,
}

/// Where a restic keeps what it reads.
#[derive(Debug, Clone, Default)]
enum Cache {
    /// In the node's.
    #[default]
    Node,
    /// In another.
    At(PathBuf),
    /// Nowhere.
    None,
}

impl Invocation {
    fn new(name: &'static str) -> Self {
        Self { name, args: Vec::new(), show: None, at: None, cache: Cache::Node }
    }

    fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    fn caching(mut self, cache: &Path) -> Self {
        self.cache = Cache::At(cache.to_owned());
        self
    }

    fn caching_nothing(mut self) -> Self {
        self.cache = Cache::None;
        self
    }

    /// The tree that it may write.
    fn written(&self) -> Option<&Path> {
        match &self.show {
            Some((tree, Access::Write)) => Some(tree),
            _ => None,
        }
    }

    fn showing(mut self, tree: &Path, access: Access) -> Self {
        self.show = Some((tree.to_owned(), access));
        self
    }

    fn shown_at(mut self, place: &Path) -> Self {
        self.at = Some(place.to_owned());
        self
    }
}
