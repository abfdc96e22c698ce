//! PHP's cache of compiled code: after a switch nothing in it may be of the tree that was live before.
//!
//! opcache knows a script by its path and, if it looks at all, by its time in seconds. A restored script
//! has the path and often the time of the one that it takes the place of. So each FPM pool of the site is
//! asked, by one FastCGI request while the site is closed, to forget what it has compiled of this site. The
//! memory is one for all pools of a master, so what belongs to others stays.
//!
//! The request names a small script of ours in the base, root's and the same for every site: see
//! `forget.php`. A pool that is not running has no cache.

mod fastcgi;
mod pools;

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::fcntl::OFlag;

use self::fastcgi::ask;
use crate::config::{Node, Pools, Site};

/// In the base, readable by every pool.
const SCRIPT: &str = ".holdfast-opcache.php";
/// Its text.
const TEXT: &str = include_str!("forget.php");
/// All pools of a site together have so long: they may be busy with requests from before the closing.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a pool is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// To say whether it could forget.
    Look,
    /// To forget.
    Forget,
}

/// The pools of a site, and whether the configuration names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Their sockets.
    pub sockets: Vec<PathBuf>,
    /// Whether the configuration names them; else they were found by the owner of the sources.
    pub are_named: bool,
}

/// The FPM pools that run a site's code.
pub fn find(node: &Node, site: &Site) -> Found {
    match &site.php_pools {
        Pools::Named(sockets) => Found { sockets: sockets.clone(), are_named: true },
        Pools::ByOwner => {
            let owners = site.files.iter().filter_map(|source| source.path.symlink_metadata().ok());
            let owners: Vec<u32> =
                owners.map(|found| found.uid()).filter(|uid| *uid != 0).collect();
            Found { sockets: pools::of_owners(&node.php, &owners), are_named: false }
        }
    }
}

/// In `Check` and by `doctor`: whether each of these pools could forget a site.
///
/// # Errors
/// A sentence that names the pool and says what to do.
pub fn look(base: &Path, sockets: &[PathBuf]) -> Result<(), String> {
    ask_all(base, sockets, Wish::Look)
}

/// Has these pools forget what they have compiled of the site in this base.
///
/// # Errors
/// A sentence that names the pool and says what to do.
pub fn forget(base: &Path, sockets: &[PathBuf]) -> Result<(), String> {
    ask_all(base, sockets, Wish::Forget)
}

fn ask_all(base: &Path, sockets: &[PathBuf], wish: Wish) -> Result<(), String> {
    // One that does not run has no memory either.
    let sockets: Vec<&PathBuf> = sockets.iter().filter(|socket| socket.exists()).collect();
    if sockets.is_empty() {
        return Ok(());
    }
    let script = base.join(SCRIPT);
    place(&script).map_err(|error| format!("{}: {error}", script.display()))?;
    let deadline = Instant::now() + PATIENCE;
    for socket in sockets {
        let query = match wish {
            Wish::Look => "look",
            Wish::Forget => "forget",
        };
        let answer = match ask(socket, &script, query, deadline) {
            Ok(answer) => answer,
            Err(error) if is_not_running(&error) => continue,
            Err(error) => return Err(format!("PHP's pool at {}: {error}", socket.display())),
        };
        understand(&answer).map_err(|problem| {
            format!("PHP's pool at {} keeps what it has compiled: {problem}", socket.display())
        })?;
    }
    Ok(())
}

/// A pool has ended since it was looked for, or left its socket behind.
fn is_not_running(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// The last line of the script's answer, or what FPM says in place of it.
fn understand(answer: &str) -> Result<(), String> {
    let word = answer.lines().find_map(|line| line.strip_prefix("holdfast: "));
    match word {
        Some("off" | "done") => Ok(()),
        Some("restricted") => {
            Err("`opcache.restrict_api` does not let its script in: leave that empty \
                                   or set it to the customers' folder"
                .into())
        }
        Some("preloaded") => {
            Err("`opcache.preload` holds scripts of this site until PHP is started anew: have the \
                 `after_swap` hook do that, and set `site.php_pools = []`"
                .into())
        }
        _ => Err(format!(
            "it does not run {SCRIPT} in the site's base: add the base to its `open_basedir`, or set \
             `site.php_pools = []` and have the `after_swap` hook reload it"
        )),
    }
}

/// Puts the script into the base, which is root's. Done already, nothing is written.
fn place(script: &Path) -> io::Result<()> {
    let is_there = fs::symlink_metadata(script).is_ok_and(|found| {
        found.is_file() && found.uid() == 0 && found.permissions().mode() & 0o7777 == 0o644
    });
    if is_there && fs::read_to_string(script).is_ok_and(|text| text == TEXT) {
        return Ok(());
    }
    let beside = script.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(&beside)?;
    file.write_all(TEXT.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    fs::rename(beside, script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_of_the_scripts_is_a_refusal() {
        assert!(understand("X-Powered-By: PHP\r\n\r\nholdfast: done\n").is_ok());
        assert!(understand("holdfast: off\n").is_ok());
        assert!(understand("holdfast: restricted\n").unwrap_err().contains("restrict_api"));
        assert!(
            understand("Status: 404 Not Found\r\n\r\nFile not found.\n")
                .unwrap_err()
                .contains("open_basedir")
        );
    }
}
