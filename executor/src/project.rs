//! Project ids, by which ext4 and XFS count a quota: read and given through e2fsprogs, which every
//! Debian with ext4 has. The kernel's own call for them cannot be made from safe code.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, AsRawFd},
    path::Path,
    time::Duration,
};

use rustix::fs::fstatfs;

use crate::{
    process::{Input, Moved, ProcessError, Program},
    stop::Stop,
};

const LSATTR: &str = "/usr/bin/lsattr";
const CHATTR: &str = "/usr/bin/chattr";
const PATIENCE: Duration = Duration::from_secs(20);
/// statfs(2)'s words for the file systems that have project ids.
const WITH_PROJECTS: [u64; 2] = [0xef53, 0x5846_5342];

/// The project of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Project {
    /// Its number; 0 is none.
    pub id: u32,
    /// Whether what is made in the directory belongs to it as well.
    pub inherits: bool,
}

/// Why a project is not known or not given.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The program could not be run.
    #[error("{0} is needed for project ids; install Debian's package `e2fsprogs`")]
    Program(&'static str, #[source] ProcessError),
    /// It did not do what it was to do.
    #[error("{program} {words} said: {said}")]
    Failed {
        /// The program.
        program: &'static str,
        /// Its arguments.
        words: String,
        /// Its answer.
        said: String,
    },
    /// The directory could not be looked at.
    #[error("look at the project of a directory")]
    System(#[from] io::Error),
}

impl Project {
    /// The project of an open directory; none where the file system has no projects.
    ///
    /// # Errors
    /// [`ProjectError`].
    pub async fn of(folder: &impl AsFd) -> Result<Self, ProjectError> {
        let kind = fstatfs(folder).map_err(io::Error::from)?.f_type;
        if !WITH_PROJECTS.contains(&(kind as u64)) {
            return Ok(Self::default());
        }
        let path = path_of(folder);
        let words = ["-d", "-p", &path];
        let said = run(LSATTR, &words).await?;
        read(&said).ok_or_else(|| failed(LSATTR, &words, &said))
    }

    /// Has an open directory hand no project on: it then takes in trees of whatever project.
    ///
    /// # Errors
    /// [`ProjectError`].
    pub async fn hand_on_nothing(folder: &impl AsFd) -> Result<(), ProjectError> {
        let own = Self::of(folder).await?;
        match own.inherits {
            true => Self { inherits: false, ..own }.give_to(folder).await,
            false => Ok(()),
        }
    }

    /// Gives it to an open directory in which nothing is yet; what is made there then follows.
    ///
    /// # Errors
    /// [`ProjectError`].
    pub async fn give_to(self, folder: &impl AsFd) -> Result<(), ProjectError> {
        let path = path_of(folder);
        let inherits = if self.inherits { "+P" } else { "-P" };
        let words = ["-p", &self.id.to_string(), inherits, &path];
        let said = run(CHATTR, &words).await?;
        match Self::of(folder).await? == self {
            true => Ok(()),
            false => Err(failed(CHATTR, &words, &said)),
        }
    }
}

/// A directory by its descriptor: no name is looked up again on the way to it. The dot makes a
/// directory of what would be a link.
fn path_of(folder: &impl AsFd) -> String {
    format!("/proc/{}/fd/{}/.", std::process::id(), folder.as_fd().as_raw_fd())
}

fn failed(program: &'static str, words: &[&str], said: &str) -> ProjectError {
    ProjectError::Failed { program, words: words.join(" "), said: said.trim().to_owned() }
}

/// Reads a line of lsattr: the number, the flags, the path.
fn read(said: &str) -> Option<Project> {
    let mut fields = said.split_whitespace();
    let id = fields.next()?.parse().ok()?;
    Some(Project { id, inherits: fields.next()?.contains('P') })
}

async fn run(path: &'static str, words: &[&str]) -> Result<String, ProjectError> {
    let program = Program {
        name: Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned(),
        path: path.into(),
        args: words.iter().map(|&word| word.to_owned()).collect(),
        env: BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]),
        stdin: Input::default(),
        patience: PATIENCE,
    };
    let failed_to_run = |error| ProjectError::Program(path, error);
    let mut said = String::new();
    let running = program.start().map_err(failed_to_run)?;
    let ended = running
        .wait(&Stop::default(), |line| {
            said.push_str(&String::from_utf8_lossy(line));
            said.push('\n');
            Moved::Yes
        })
        .await
        .map_err(failed_to_run)?;
    match ended.status.success() {
        true => Ok(said),
        false => Err(failed(path, words, &ended.stderr)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_lsattr_is_a_number_and_a_flag() {
        let line = "  100 -------------------P-- /proc/7/fd/9/.\n";
        assert_eq!(read(line), Some(Project { id: 100, inherits: true }));
        let line = "    0 --------------e------- /proc/7/fd/9/.\n";
        assert_eq!(read(line), Some(Project::default()));
        assert_eq!(read("lsattr: Operation not supported"), None);
    }
}
