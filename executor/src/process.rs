//! Child processes: an absolute program, a cleared environment, a group of its own, bounded
//! output, patience and a stop policy. The one place that starts any.

mod feed;
mod output;

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
    time::{Instant, sleep_until, timeout},
};

pub use self::output::FULL_DISK;
use self::{
    feed::Feed,
    output::{Lines, MAX_LINE_BYTES, Tail},
};
use crate::stop::Stop;

/// Between the asking and the killing of a child that is to stop.
const GRACE: Duration = Duration::from_secs(3);
/// How long the output of a dead child may be held open by somebody it left behind.
const AFTERGLOW: Duration = Duration::from_secs(1);
/// A child that says that a disk is full has so long for its next step, however patient one is with it:
/// restic tries again for minutes, and says no more.
const PATIENCE_WITH_A_FULL_DISK: Duration = Duration::from_secs(10);
/// How long it takes at most to end a child whose patience is at its end: asked, killed, awaited.
pub const LONGEST_END: Duration = GRACE.saturating_add(GRACE).saturating_add(AFTERGLOW);
/// What is read of stdout, or of an input file, at once.
const CHUNK_BYTES: usize = 1 << 20;

/// A child to be run.
#[derive(Debug)]
pub struct Program {
    /// What people call it: this executor itself stands before what it confines.
    pub name: String,
    /// The absolute path of the program.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The whole of its environment.
    pub env: BTreeMap<String, String>,
    /// What it reads on stdin, which is closed behind it.
    pub stdin: Input,
    /// How long it may go on without progress.
    pub patience: Duration,
}

/// What a child reads on stdin.
#[derive(Debug, Default)]
pub struct Input {
    /// This first.
    pub text: Vec<u8>,
    /// Then this file, from where it stands to its end.
    pub file: Option<File>,
}

impl From<Vec<u8>> for Input {
    fn from(text: Vec<u8>) -> Self {
        Self { text, file: None }
    }
}

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// The beginning and the end of what it said on stderr.
    pub stderr: String,
}

impl Ended {
    /// The exit code, or the signal that ended it.
    pub fn how(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit status".into(),
        }
    }
}

/// Why a child did not come to its own end.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started.
    #[error("cannot start {name}")]
    Start {
        /// Which.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// What it said could not be kept.
    #[error("cannot keep what {name} says")]
    Keep {
        /// Which.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Talking to it failed.
    #[error("lost hold of {name}")]
    Lost {
        /// Which.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It made no progress and was ended.
    #[error("{name} made no progress for {} s and was ended", .patience.as_secs())]
    NoProgress {
        /// Which.
        name: String,
        /// For how long.
        patience: Duration,
        /// The beginning and the end of what it said on stderr. Not for every reader: a database's
        /// client says there what rows hold.
        stderr: String,
    },
    /// A stop was asked for and it was ended.
    #[error("{name} was stopped")]
    Stopped {
        /// Which.
        name: String,
    },
}

/// What is heard of a child that runs.
#[derive(Debug)]
pub enum Heard<'a> {
    /// It said this on stdout.
    Said(&'a [u8]),
    /// It has closed stdout.
    SaidAll,
    /// It has taken so many bytes of its input, in all.
    Took(u64),
}

/// Whether what was heard tells of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It does: the patience begins anew.
    Yes,
    /// It does not.
    No,
}

impl Program {
    /// Starts the child.
    ///
    /// # Errors
    /// [`ProcessError::Start`].
    pub fn start(self) -> Result<Running, ProcessError> {
        #[expect(clippy::disallowed_methods, reason = "this is the module that starts children")]
        let mut command = Command::new(&self.path);
        let mut child = command
            .args(&self.args)
            .env_clear()
            .envs(&self.env)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| ProcessError::Start { name: self.name.clone(), source })?;
        let (name, patience) = (self.name, self.patience);
        let feed = Feed::new(child.stdin.take(), self.stdin);
        Ok(Running { name, patience, feed, child })
    }
}

/// A child that runs.
#[derive(Debug)]
pub struct Running {
    name: String,
    patience: Duration,
    feed: Feed,
    child: Child,
}

impl Running {
    /// Its process id, which is its group's too.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Gives it all that it reads on stdin, so that it may go on by itself for a while: nobody hears what
    /// it says, and nobody ends it, until it is waited for. Only for what a pipe has room for, since
    /// nothing else is done meanwhile.
    ///
    /// # Errors
    /// [`ProcessError::Lost`].
    pub async fn feed(&mut self) -> Result<(), ProcessError> {
        while self.feed.is_open() {
            let given = self.feed.give().await;
            given.map_err(|source| ProcessError::Lost { name: self.name.clone(), source })?;
        }
        Ok(())
    }

    /// Whether it has ended, and not well.
    pub fn has_failed(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(status)) if !status.success())
    }

    /// Ends it: SIGTERM to its group, SIGKILL 3 s later.
    pub async fn end(mut self) {
        end(&mut self.child).await;
    }

    /// Waits for its end, giving each line of its stdout to `on_line`.
    ///
    /// # Errors
    /// [`ProcessError`] if it was ended for lack of progress or by a stop; it is gone then.
    pub async fn wait(
        self,
        stop: &Stop,
        on_line: impl FnMut(&[u8]) -> Moved,
    ) -> Result<Ended, ProcessError> {
        self.wait_for_lines(stop, MAX_LINE_BYTES, on_line).await
    }

    /// The same with lines of at most so many bytes.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub async fn wait_for_lines(
        self,
        stop: &Stop,
        longest_bytes: usize,
        mut on_line: impl FnMut(&[u8]) -> Moved,
    ) -> Result<Ended, ProcessError> {
        let mut lines = Lines::up_to(longest_bytes);
        self.attend(stop, |heard| {
            Ok(match heard {
                Heard::Said(bytes) => lines.take(bytes, &mut on_line),
                Heard::SaidAll => lines.end(&mut on_line),
                Heard::Took(_) => Moved::Yes,
            })
        })
        .await
    }

    /// Waits for its end, giving `on_event` what it says, as it comes, and how much it has taken of
    /// its input.
    ///
    /// # Errors
    /// As [`Self::wait`], and [`ProcessError::Keep`] with what `on_event` returned.
    pub async fn attend(
        mut self,
        stop: &Stop,
        mut on_event: impl FnMut(Heard<'_>) -> io::Result<Moved>,
    ) -> Result<Ended, ProcessError> {
        let name = self.name.clone();
        let lost = |source| ProcessError::Lost { name: name.clone(), source };
        let group = Pid::from_raw(self.pid() as i32);
        let (Some(mut stdout), Some(stderr)) = (self.child.stdout.take(), self.child.stderr.take())
        else {
            return Err(lost(io::Error::from(io::ErrorKind::BrokenPipe)));
        };
        // A dump is not to wait for us at every page; the default is as good where this is refused.
        let _ = fcntl(&stdout, FcntlArg::F_SETPIPE_SZ(CHUNK_BYTES as i32));
        let (all_patience, feed) = (self.patience, &mut self.feed);
        let mut patience = all_patience;
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let mut tail = Tail::new(stderr);
        let (mut out_open, mut err_open) = (true, true);
        let mut status: Option<ExitStatus> = None;
        let mut deadline = Instant::now() + patience;
        while status.is_none() || ((out_open || err_open) && Instant::now() < deadline) {
            let heard = tokio::select! {
                taken = feed.give(), if feed.is_open() && status.is_none() => {
                    taken.map_err(lost)?.map(Heard::Took)
                }
                read = stdout.read_buf(&mut chunk), if out_open => {
                    out_open = read.map_err(lost)? > 0;
                    Some(if out_open { Heard::Said(&chunk) } else { Heard::SaidAll })
                }
                read = tail.read(), if err_open => {
                    err_open = read.map_err(lost)?;
                    if status.is_none() && tail.tells_of_a_full_disk() {
                        patience = all_patience.min(PATIENCE_WITH_A_FULL_DISK);
                        deadline = deadline.min(Instant::now() + patience);
                    }
                    None
                }
                ended = self.child.wait(), if status.is_none() => {
                    status = Some(ended.map_err(lost)?);
                    // What it has left behind of its group goes with it.
                    let _ = killpg(group, Signal::SIGKILL);
                    deadline = Instant::now() + AFTERGLOW;
                    None
                }
                () = stop.requested(), if status.is_none() => {
                    end(&mut self.child).await;
                    return Err(ProcessError::Stopped { name });
                }
                () = sleep_until(deadline) => {
                    if status.is_none() {
                        end(&mut self.child).await;
                        let stderr = tail.text();
                        return Err(ProcessError::NoProgress { name, patience, stderr });
                    }
                    None
                }
            };
            let Some(heard) = heard else { continue };
            match on_event(heard) {
                Ok(Moved::Yes) if status.is_none() => {
                    patience = all_patience;
                    deadline = Instant::now() + patience;
                }
                Ok(_) => {}
                Err(source) => {
                    end(&mut self.child).await;
                    return Err(ProcessError::Keep { name, source });
                }
            }
            chunk.clear();
        }
        match status {
            Some(status) => Ok(Ended { status, stderr: tail.text() }),
            None => Err(lost(io::Error::from(io::ErrorKind::BrokenPipe))),
        }
    }
}

/// One that an error kept from being waited for is told to end.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.child.id() {
            let _ = killpg(Pid::from_raw(group as i32), Signal::SIGTERM);
        }
    }
}

/// SIGTERM to the child's group, SIGKILL after [`GRACE`], and its end awaited as long again.
async fn end(child: &mut Child) {
    let Some(group) = child.id().map(|id| Pid::from_raw(id as i32)) else { return };
    // The group may be gone already: then there is nothing to signal.
    let _ = killpg(group, Signal::SIGTERM);
    if timeout(GRACE, child.wait()).await.is_err() {
        let _ = killpg(group, Signal::SIGKILL);
        // One that hangs in the kernel, on a dead file system, is left to it.
        let _ = timeout(GRACE, child.wait()).await;
    }
    let _ = killpg(group, Signal::SIGKILL);
}

#[cfg(test)]
mod tests {
    use super::{output::MAX_STDERR_HALF, *};

    fn shell(script: &str, patience: Duration) -> Program {
        Program {
            name: "sh".into(),
            path: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]),
            stdin: b"given".to_vec().into(),
            patience,
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(flavor = "current_thread")]
    async fn lines_arrive_and_stderr_is_bounded() {
        let script = "cat; echo; yes | head -c 20000000 >&2; echo last >&2; exit 7";
        let mut lines = Vec::new();
        let ended = shell(script, LONG)
            .start()
            .unwrap()
            .wait(&Stop::default(), |line| {
                lines.push(line.to_vec());
                Moved::Yes
            })
            .await
            .unwrap();
        assert_eq!(lines, [b"given"]);
        assert_eq!(ended.status.code(), Some(7));
        assert!(ended.stderr.len() < 3 * MAX_STDERR_HALF && ended.stderr.ends_with("last\n"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn talk_without_progress_ends_the_patience() {
        let script = "trap '' TERM; while :; do echo still here; read -t 0.1 x </dev/zero; done";
        let waited = shell(script, Duration::from_millis(300))
            .start()
            .unwrap()
            .wait(&Stop::default(), |_| Moved::No)
            .await;
        assert!(matches!(waited, Err(ProcessError::NoProgress { .. })), "{waited:?}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_stop_ends_the_child_and_its_children() {
        let stop = Stop::default();
        let heard = stop.clone();
        let mut grandchild = 0;
        let waited = shell("sleep 1000 & echo $!; wait", LONG)
            .start()
            .unwrap()
            .wait(&stop, |line| {
                grandchild = String::from_utf8_lossy(line).parse().unwrap();
                heard.request();
                Moved::Yes
            })
            .await;
        assert!(matches!(waited, Err(ProcessError::Stopped { .. })), "{waited:?}");
        let deadline = Instant::now() + LONG;
        let alive = || {
            let stat = std::fs::read_to_string(format!("/proc/{grandchild}/stat"));
            stat.is_ok_and(|stat| !stat.contains(") Z"))
        };
        while alive() {
            assert!(Instant::now() < deadline, "{grandchild} is still alive");
            tokio::task::yield_now().await;
        }
    }
}
