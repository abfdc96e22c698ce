//! A file system of a test's own on a loop device.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{output_of, program};

/// XFS refuses to be smaller.
const BYTES: u64 = 320 << 20;

/// A mounted file system in a file, unmounted and removed on drop.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    path: PathBuf,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Disk {
    /// An XFS, which has project ids without any option.
    pub fn xfs() -> Self {
        Self::made_by(&["/usr/sbin/mkfs.xfs", "-q"])
    }

    /// A btrfs.
    pub fn btrfs() -> Self {
        Self::made_by(&["/usr/sbin/mkfs.btrfs", "-q"])
    }

    /// An ext4 with these features.
    pub fn ext4(features: &str) -> Self {
        Self::made_by(&["/usr/sbin/mkfs.ext4", "-q", "-I", "256", "-O", features])
    }

    fn made_by(make: &[&str]) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let own = |what: &str| {
            let name = format!("holdfast-{what}-{}-{number}", std::process::id());
            std::env::temp_dir().join(name)
        };
        let disk = Self { image: own("image"), path: own("disk") };
        fs::create_dir(&disk.path).expect("a mount point");
        fs::File::create(&disk.image).and_then(|file| file.set_len(BYTES)).expect("an image");
        output_of(program(make[0]).args(&make[1..]).arg(&disk.image));
        output_of(program("/usr/bin/mount").args(["-o", "loop"]).arg(&disk.image).arg(&disk.path));
        disk
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let ended = program("/usr/bin/umount").arg("--lazy").arg(&self.path).output();
        let unmounted = ended.is_ok_and(|ended| ended.status.success());
        let _ = fs::remove_file(&self.image);
        let _ = fs::remove_dir(&self.path);
        assert!(unmounted || std::thread::panicking(), "{} stays mounted", self.path.display());
    }
}

/// What chattr(1) does with one entry.
///
/// # Panics
/// If it does not succeed.
pub fn chattr(words: &str, path: &Path) {
    output_of(program("/usr/bin/chattr").args(words.split(' ')).arg(path));
}

/// The project and the letters that lsattr(1) says of one entry.
///
/// # Panics
/// If it says none.
pub fn lsattr(path: &Path) -> (u32, String) {
    let said = output_of(program("/usr/bin/lsattr").args(["-d", "-p"]).arg(path));
    let mut fields = said.split_whitespace();
    let project = fields.next().and_then(|id| id.parse().ok()).expect("a project");
    let letters = fields.next().expect("flags").replace('-', "");
    // Extents and inline data are the file system's own affair.
    (project, letters.replace(['e', 'N'], ""))
}
