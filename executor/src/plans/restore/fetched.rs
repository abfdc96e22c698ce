//! The files beside the trees in what restic has fetched: manifest, dumps, programs. A snapshot can
//! hold anything in their places, such as a link to another customer's dump, or a FIFO that never
//! ends: only what is a plain file, in plain folders, is used.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
    path::Path,
};

use nix::{
    fcntl::{OFlag, OpenHow},
    sys::stat::SFlag,
};

use super::unusable;
use crate::{base::Base, failure::Failure};

/// More than this is no manifest and no list of programs.
const MOST_BYTES: u64 = 64 << 20;

/// The length of a plain file in what was fetched.
///
/// # Errors
/// If it is not there, which may be otherwise the next time, or something else.
pub(super) fn length_of(fetched: &Path, file: &Path) -> Result<u64, Failure> {
    let not_plain = || unusable(format!("{} in it is no plain file", shown(fetched, file)));
    let look = || {
        let base = Base::open(fetched)?;
        let (folder, name) = base.parent_of(file)?;
        folder.look_up(name)
    };
    let stat = match look() {
        // Verified with the backup, it is in the snapshot: restic has brought too little.
        Ok(None) => return Err(not_fetched(fetched, file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(not_fetched(fetched, file));
        }
        looked => looked.map_err(|_| not_plain())?,
    };
    let is_plain = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    match stat.filter(|stat| is_plain(stat.st_mode)) {
        Some(stat) => Ok(stat.st_size.unsigned_abs()),
        None => Err(not_plain()),
    }
}

/// What stands in one.
///
/// # Errors
/// As [`length_of`], or if it is too long or cannot be read.
pub(super) fn text_of(fetched: &Path, file: &Path) -> Result<Vec<u8>, Failure> {
    if length_of(fetched, file)? > MOST_BYTES {
        return Err(unusable(format!("{} in it is too long", shown(fetched, file))));
    }
    let read = || {
        let how = OpenHow::new().flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK);
        let below = file.strip_prefix(fetched).unwrap_or(file);
        let opened: OwnedFd = Base::open(fetched)?.open_below(below, how)?;
        let mut text = Vec::new();
        File::from(opened).take(MOST_BYTES).read_to_end(&mut text)?;
        Ok(text)
    };
    read().map_err(|error: std::io::Error| Failure::system("read what was fetched", &error))
}

fn not_fetched(fetched: &Path, file: &Path) -> Failure {
    Failure::transient(
        "The backup could not be fetched whole. Nothing was changed. Try again.",
        format!("{} was not fetched", shown(fetched, file)),
    )
}

/// Its path in the snapshot.
fn shown(fetched: &Path, file: &Path) -> String {
    Path::new("/").join(file.strip_prefix(fetched).unwrap_or(file)).display().to_string()
}
