//! Child processes: an absolute program, a cleared environment, a group of its own, bounded
//! output, patience and a stop policy. The one place that starts any.

mod output;

use std::{
    collections::BTreeMap,
    io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    time::{Instant, sleep_until, timeout},
};

use self::output::{Lines, Tail};
use crate::stop::Stop;

/// Between the asking and the killing of a child that is to stop.
const GRACE: Duration = Duration::from_secs(3);
/// How long the output of a dead child may be held open by somebody it left behind.
const AFTERGLOW: Duration = Duration::from_secs(1);

/// A child to be run.
#[derive(Debug, Clone)]
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
    pub stdin: Vec<u8>,
    /// How long it may go on without progress.
    pub patience: Duration,
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
    },
    /// A stop was asked for and it was ended.
    #[error("{name} was stopped")]
    Stopped {
        /// Which.
        name: String,
    },
}

/// Whether a line of output tells of progress.
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
        let child = command
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
        Ok(Running { program: self, child })
    }
}

/// A child that runs.
#[derive(Debug)]
pub struct Running {
    program: Program,
    child: Child,
}

impl Running {
    /// Its process id, which is its group's too.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits for its end, giving each line of its stdout to `on_line`.
    ///
    /// # Errors
    /// [`ProcessError`] if it was ended for lack of progress or by a stop; it is gone then.
    pub async fn wait(
        mut self,
        stop: &Stop,
        mut on_line: impl FnMut(&[u8]) -> Moved,
    ) -> Result<Ended, ProcessError> {
        let lost = |source| ProcessError::Lost { name: self.program.name.clone(), source };
        let (stdin, stdout, stderr) =
            (self.child.stdin.take(), self.child.stdout.take(), self.child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
            return Err(lost(io::Error::from(io::ErrorKind::BrokenPipe)));
        };
        let input = std::mem::take(&mut self.program.stdin);
        let patience = self.program.patience;
        let mut lines = Lines::new(stdout);
        let mut tail = Tail::new(stderr);
        let feed = async move {
            // A child that does not read its input says so by its exit code.
            let _ = stdin.write_all(&input).await;
        };
        tokio::pin!(feed);
        let (mut fed, mut out_open, mut err_open) = (false, true, true);
        let mut status: Option<ExitStatus> = None;
        let mut deadline = Instant::now() + patience;
        while status.is_none() || ((out_open || err_open) && Instant::now() < deadline) {
            tokio::select! {
                () = &mut feed, if !fed => fed = true,
                read = lines.read(), if out_open => {
                    out_open = read.map_err(lost)?;
                    let moved = lines.take(out_open, &mut on_line);
                    if moved == Moved::Yes && status.is_none() {
                        deadline = Instant::now() + patience;
                    }
                }
                read = tail.read(), if err_open => err_open = read.map_err(lost)?,
                ended = self.child.wait(), if status.is_none() => {
                    status = Some(ended.map_err(lost)?);
                    deadline = Instant::now() + AFTERGLOW;
                }
                () = stop.requested(), if status.is_none() => {
                    end(&mut self.child).await;
                    return Err(ProcessError::Stopped { name: self.program.name });
                }
                () = sleep_until(deadline) => if status.is_none() {
                    end(&mut self.child).await;
                    return Err(ProcessError::NoProgress { name: self.program.name, patience });
                }
            }
        }
        match status {
            Some(status) => Ok(Ended { status, stderr: tail.text() }),
            None => Err(lost(io::Error::from(io::ErrorKind::BrokenPipe))),
        }
    }
}

/// SIGTERM to the child's group, SIGKILL after [`GRACE`], and its end awaited.
async fn end(child: &mut Child) {
    let Some(group) = child.id().map(|id| Pid::from_raw(id as i32)) else { return };
    // The group may be gone already: then there is nothing to signal.
    let _ = killpg(group, Signal::SIGTERM);
    if timeout(GRACE, child.wait()).await.is_err() {
        let _ = killpg(group, Signal::SIGKILL);
        let _ = child.wait().await;
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
            stdin: b"given".to_vec(),
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
