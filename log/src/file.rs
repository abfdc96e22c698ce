//! A log file that may be taken away at any moment: whoever rotates it renames it, and says nothing to
//! this process. Each line goes into what stands at the path then, so none is lost and none is copied.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The file at a path, whichever that is.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    id: (u64, u64),
}

impl LogFile {
    /// Opens it, or makes it if it is not there.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o640).open(path)?;
        let id = id_of(&file.metadata()?);
        Ok(Self { path: path.to_owned(), file, id })
    }

    /// Takes up the file that stands at the path now. While none can be had there, lines go on into the
    /// one that was taken away, which whoever took it still has.
    fn follow(&mut self) {
        let there = fs::metadata(&self.path).ok();
        if there.is_none_or(|found| id_of(&found) != self.id)
            && let Ok(new) = Self::open(&self.path)
        {
            *self = new;
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.follow();
        self.file.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn id_of(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_lost_when_the_file_is_renamed_emptied_or_removed() {
        let folder = std::env::temp_dir().join(format!("holdfast-log-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let (path, old) = (folder.join("log"), folder.join("log.1"));
        let mut log = LogFile::open(&path).unwrap();
        let mut say = |line: &str| log.write_all(format!("{line}\n").as_bytes()).unwrap();
        say("one");
        fs::rename(&path, &old).unwrap();
        say("two");
        assert_eq!(fs::read_to_string(&old).unwrap(), "one\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        File::create(&path).unwrap();
        say("three");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        // Nothing can be made there: the file that was taken away goes on.
        fs::rename(&path, &old).unwrap();
        fs::create_dir(&path).unwrap();
        say("four");
        assert_eq!(fs::read_to_string(&old).unwrap(), "three\nfour\n");
        fs::remove_dir(&path).unwrap();
        say("five");
        assert_eq!(fs::read_to_string(&path).unwrap(), "five\n");
        fs::remove_dir_all(folder).unwrap();
    }
}
