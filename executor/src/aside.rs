//! `.holdfast` in the base directory: stages, undo copies and trash, beside the live trees.
//!
//! On the same mount and in the same project quota as the live trees, root's alone, and marked so
//! that the host's own nightly backup passes it over. Nothing is ever removed here during a job:
//! it is renamed to trash, and `recover` takes the trash out.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use holdfast_job::{JobId, Moment, SourceId};
use serde::{Deserialize, Serialize};

use crate::{config::Database, swap::Part};

/// The folder's name.
pub const FOLDER: &str = ".holdfast";
/// The file that makes a folder an undo copy.
pub const UNDO_FILE: &str = "undo.json";
const NEXT_UNDO_FILE: &str = "undo.next.json";
/// See <https://bford.info/cachedir/>.
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
                            # Stages and undo copies of Holdfast: not worth a backup.\n";

/// `.holdfast` of one site.
#[derive(Debug, Clone)]
pub struct Aside {
    folder: PathBuf,
}

/// Undo copies and where they are.
type Copies = Vec<(PathBuf, UndoCopy)>;

/// What an undo copy holds, in its `undo.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoCopy {
    /// 2; 1 is what was written before there were databases.
    pub version: u32,
    /// The job that displaced it.
    pub job: JobId,
    /// When it was displaced, nearly, in milliseconds since 1970: the latest is the largest.
    pub made_at_ms: u64,
    /// Until when it is kept.
    pub until: Moment,
    /// The trees in it.
    pub parts: Vec<UndoPart>,
    /// The databases that belong to it: their tables are in schemas of ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<UndoDatabase>,
}

/// One source in an undo copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoPart {
    /// Which source; also the name of its folder in the copy.
    pub source: SourceId,
    /// Its name for people.
    pub name: String,
    /// Where it lived.
    pub live: PathBuf,
}

/// One database in an undo copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoDatabase {
    /// Which database, as it was configured.
    pub database: Database,
    /// The schema that holds its tables.
    pub schema: String,
    /// The file in the copy's folder that says what else the schema was.
    pub document: String,
}

impl Aside {
    /// `.holdfast` in this base; it need not be there.
    pub fn of(base: &Path) -> Self {
        Self { folder: base.join(FOLDER) }
    }

    /// Makes the folder if it is not there, and checks that it is root's alone.
    ///
    /// # Errors
    /// What the system said, or what is wrong with what is there.
    pub fn prepare(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let found = self.folder.symlink_metadata()?;
        let root = nix::unistd::geteuid().as_raw();
        if !found.is_dir() || found.uid() != root || found.mode() & 0o077 != 0 {
            let problem = format!(
                "{} must be a directory of root's with mode 0700: remove what is there",
                self.folder.display()
            );
            return Err(io::Error::other(problem));
        }
        let tag = self.folder.join("CACHEDIR.TAG");
        if !tag.exists() {
            fs::write(tag, CACHEDIR_TAG)?;
        }
        Ok(())
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where this job prepares.
    pub fn stage(&self, job: JobId) -> PathBuf {
        self.folder.join(format!("stage-{job}"))
    }

    /// Where a process tries what the kernel lets it do.
    pub fn trial(&self, process: u32) -> PathBuf {
        self.folder.join(format!("trial-{process}"))
    }

    /// Where what this job displaced is kept.
    pub fn undo(&self, job: JobId) -> PathBuf {
        self.folder.join(format!("undo-{job}"))
    }

    /// Makes an empty stage for this job; what an earlier attempt left becomes trash.
    ///
    /// # Errors
    /// What the system said.
    pub fn make_stage(&self, job: JobId) -> io::Result<PathBuf> {
        let stage = self.stage(job);
        self.discard(&stage)?;
        DirBuilder::new().mode(0o700).create(&stage)?;
        Ok(stage)
    }

    /// Makes something in the folder trash, if it is there.
    ///
    /// # Errors
    /// What the system said.
    pub fn discard(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for number in 0.. {
            let trash = self.folder.join(format!("trash-{number}-{name}"));
            if trash.symlink_metadata().is_ok() {
                continue;
            }
            match fs::rename(path, trash) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                renamed => return renamed.and_then(|()| self.sync()),
            }
        }
        Ok(())
    }

    /// Takes something back out of the trash that was discarded last under this path; does
    /// nothing if it is in its place.
    ///
    /// # Errors
    /// What the system said.
    pub fn undiscard(&self, path: &Path) -> io::Result<()> {
        if path.exists() {
            return Ok(());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number = |trash: &PathBuf| {
            let rest = trash.file_name()?.to_str()?.strip_prefix("trash-")?;
            rest.strip_suffix(&name)?.strip_suffix('-')?.parse::<u32>().ok()
        };
        match self.trash()?.into_iter().filter(|trash| number(trash).is_some()).max_by_key(number) {
            Some(trash) => fs::rename(trash, path).and_then(|()| self.sync()),
            None => {
                Err(io::Error::other(format!("{name} is neither in its place nor in the trash")))
            }
        }
    }

    /// Makes the folder's own entries durable.
    ///
    /// # Errors
    /// What fsync(2) said.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    /// Names in the folder that begin so; none if there is no folder.
    fn named(&self, beginning: &str) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(beginning) {
                found.push(entry.path());
            }
        }
        Ok(found)
    }

    /// What waits to be taken out.
    ///
    /// # Errors
    /// What the system said.
    pub fn trash(&self) -> io::Result<Vec<PathBuf>> {
        self.named("trash-")
    }

    /// Stages and trials, of whichever job.
    ///
    /// # Errors
    /// What the system said.
    pub fn stages(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = self.named("stage-")?;
        found.extend(self.named("trial-")?);
        Ok(found)
    }

    /// The undo copies, the latest last, and where they are.
    ///
    /// # Errors
    /// What the system said, or which `undo.json` is not understood.
    pub fn undo_copies(&self) -> io::Result<Vec<(PathBuf, UndoCopy)>> {
        let mut copies = Vec::new();
        for folder in self.named("undo-")? {
            let copy = read_undo(&folder.join(UNDO_FILE))?;
            copies.push((folder, copy));
        }
        copies.sort_by_key(|(_, copy)| copy.made_at_ms);
        Ok(copies)
    }

    /// Writes beforehand what `keep` will make of this folder.
    ///
    /// # Errors
    /// What the system said.
    pub fn announce_undo(&self, folder: &Path, copy: &UndoCopy) -> io::Result<()> {
        let file = File::create(folder.join(NEXT_UNDO_FILE))?;
        serde_json::to_writer(&file, copy)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()
    }

    /// Makes what was announced count, if that has not been done.
    ///
    /// # Errors
    /// What the system said.
    pub fn confirm_undo(&self, folder: &Path) -> io::Result<()> {
        match fs::rename(folder.join(NEXT_UNDO_FILE), folder.join(UNDO_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed,
        }
    }

    /// Takes the announcement back.
    ///
    /// # Errors
    /// What the system said.
    pub fn retract_undo(&self, folder: &Path) -> io::Result<()> {
        match fs::remove_file(folder.join(NEXT_UNDO_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Makes `folder`, in which an undo copy was announced, the undo copy of `job`: from then on
    /// the earlier ones that share a source with it are superseded. Done already, it does nothing.
    ///
    /// # Errors
    /// What the system said.
    pub fn keep(&self, folder: &Path, job: JobId) -> io::Result<()> {
        let kept = self.undo(job);
        if !kept.exists() {
            self.confirm_undo(folder)?;
            fs::rename(folder, &kept)?;
            self.sync()?;
        }
        Ok(())
    }

    /// The undo copies that no later one shares a source with, the latest last.
    ///
    /// # Errors
    /// As [`Self::undo_copies`].
    pub fn standing_copies(&self) -> io::Result<Vec<(PathBuf, UndoCopy)>> {
        let (standing, _) = self.sorted_copies()?;
        Ok(standing)
    }

    /// Those that a later one has superseded.
    ///
    /// # Errors
    /// As [`Self::undo_copies`].
    pub fn superseded_copies(&self) -> io::Result<Vec<(PathBuf, UndoCopy)>> {
        let (_, superseded) = self.sorted_copies()?;
        Ok(superseded)
    }

    fn sorted_copies(&self) -> io::Result<(Copies, Copies)> {
        let copies = self.undo_copies()?;
        let later = copies.clone();
        Ok(copies.into_iter().partition(|(_, copy)| {
            let shares = |other: &UndoCopy| other.sources().any(|source| copy.holds(source));
            !later.iter().any(|(_, other)| other.made_at_ms > copy.made_at_ms && shares(other))
        }))
    }
}

impl UndoPart {
    /// What an undo copy says of a part.
    pub fn of(part: &Part) -> Self {
        let Part { source, name, live, .. } = part.clone();
        Self { source, name, live }
    }
}

impl UndoCopy {
    /// Whether it holds this source.
    pub fn holds(&self, source: &SourceId) -> bool {
        self.sources().any(|held| held == source)
    }

    /// What it holds, trees and databases.
    pub fn sources(&self) -> impl Iterator<Item = &SourceId> {
        let databases = self.databases.iter().map(|held| &held.database.id);
        self.parts.iter().map(|part| &part.source).chain(databases)
    }
}

fn read_undo(file: &Path) -> io::Result<UndoCopy> {
    let named =
        |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", file.display()));
    let text = fs::read(file).map_err(|error| named(&error))?;
    let copy: UndoCopy = serde_json::from_slice(&text).map_err(|error| named(&error))?;
    match copy.version {
        1 | 2 => Ok(copy),
        version => {
            Err(named(&format!("has version {version}, and this executor understands 1 and 2")))
        }
    }
}
