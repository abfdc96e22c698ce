//! Disk quota, read through `quota` of Debian's quota package.
//!
//! Quota does not stop root, so a restore that goes past it succeeds, and the customer's site
//! comes back unable to write. Live tree, undo copy and stage count together: they share an owner
//! and a project.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    config::QuotaKind,
    process::{Input, Moved, ProcessError, Program},
    space::Free,
    stop::Stop,
};

const PROGRAM: &str = "/usr/bin/quota";

/// Why the quota is not known.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// `quota` could not be run.
    #[error("the quota cannot be read; install Debian's package `quota`")]
    Process(#[from] ProcessError),
    /// It said something else than it says.
    #[error("the answer of `quota` is not understood: {0}")]
    Answer(String),
}

/// What the quota leaves free for files below `base`; `None` if there is no limit.
///
/// # Errors
/// [`QuotaError`].
pub async fn free(kind: QuotaKind, base: &Path, stop: &Stop) -> Result<Option<Free>, QuotaError> {
    let (option, id) = match kind {
        QuotaKind::User(id) => ("--user", id),
        QuotaKind::Project(id) => ("--project", id),
    };
    let words = ["--verbose", "--no-wrap", "--raw-grace", "--show-mntpoint", "--hide-device"];
    let mut args: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    args.extend([option.to_owned(), id.to_string()]);
    let env = BTreeMap::from([("LC_ALL".to_owned(), "C".to_owned())]);
    let patience = Duration::from_secs(20);
    let program = Program {
        name: "quota".into(),
        path: PROGRAM.into(),
        args,
        env,
        stdin: Input::default(),
        patience,
    };
    let mut answer = String::new();
    // Its exit code says whether a limit is passed, which its numbers say too.
    program
        .start()?
        .wait(stop, |line| {
            answer.push_str(&String::from_utf8_lossy(line));
            answer.push('\n');
            Moved::Yes
        })
        .await?;
    read(&answer, base)
}

/// Reads the table: mount point, KiB used, soft, hard, grace, files used, soft, hard, grace.
fn read(answer: &str, base: &Path) -> Result<Option<Free>, QuotaError> {
    let strange = || QuotaError::Answer(answer.chars().take(200).collect());
    let mut rows = Vec::new();
    let mut lines = answer.lines();
    let head = lines.next().ok_or_else(strange)?;
    if !head.starts_with("Disk quotas for ") {
        return Err(strange());
    }
    for line in lines {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [mount, rest @ ..] = fields.as_slice()
            && mount.starts_with('/')
        {
            let number = |field: &&str| field.trim_end_matches('*').parse::<u64>();
            let numbers: Vec<u64> =
                rest.iter().map(number).collect::<Result<_, _>>().map_err(|_| strange())?;
            let [used, soft, hard, _, files, files_soft, files_hard, _] = numbers[..] else {
                return Err(strange());
            };
            let left = |used: u64, soft, hard| limit(soft, hard).map(|l| l.saturating_sub(used));
            let bytes = left(used, soft, hard).map(|kib| kib.saturating_mul(1024));
            rows.push((PathBuf::from(mount), bytes, left(files, files_soft, files_hard)));
        }
    }
    let own = rows.into_iter().filter(|(mount, ..)| base.starts_with(mount));
    let nearest = own.max_by_key(|(mount, ..)| mount.as_os_str().len());
    Ok(nearest.and_then(|(_, bytes, inodes)| match (bytes, inodes) {
        (None, None) => None,
        (bytes, inodes) => Some(Free { bytes: bytes.unwrap_or(u64::MAX), inodes }),
    }))
}

/// The soft limit, past which a grace period runs out, or the hard one; 0 is none.
fn limit(soft: u64, hard: u64) -> Option<u64> {
    [soft, hard].into_iter().filter(|limit| *limit > 0).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
Disk quotas for user shop (uid 1042): 
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
              /   51200       0       0       0     100       0       0       0
 /var/customers  204800* 102400  409600 1795201850    1200       0    2000       0
";

    fn read_for(base: &str) -> Option<Free> {
        read(TABLE, Path::new(base)).unwrap()
    }

    #[test]
    fn the_nearest_mount_counts_and_a_star_is_no_digit() {
        let free = read_for("/var/customers/customer-42").unwrap();
        assert_eq!(free, Free { bytes: 0, inodes: Some(800) });
        assert_eq!(read_for("/home/x"), None);
    }

    #[test]
    fn no_quota_is_no_limit_and_garbage_is_an_error() {
        let none = "Disk quotas for user nobody (uid 65534): none\n";
        assert_eq!(read(none, Path::new("/home")).unwrap(), None);
        let project = "Disk quotas for project #42 (pid 42): \n  Filesystem blocks quota limit grace files quota limit grace\n /home 1 0 11 0 5 0 0 0\n";
        let free = read(project, Path::new("/home/42")).unwrap().unwrap();
        assert_eq!(free, Free { bytes: 10240, inodes: None });
        for garbage in ["", "quota: error", &TABLE.replace("51200", "many")] {
            assert!(read(garbage, Path::new("/home")).is_err(), "{garbage}");
        }
    }
}
