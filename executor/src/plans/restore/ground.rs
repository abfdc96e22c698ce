//! The ground that a tree is fetched onto: what a folder must have before anything is in it, so that all
//! that comes into it has it as well. Project and subvolume are those of the tree that it replaces, flags
//! those of the backup.

use std::{
    fs::{DirBuilder, File},
    io,
    os::{fd::OwnedFd, unix::fs::DirBuilderExt},
    path::Path,
};

use holdfast_job::Level;
use nix::fcntl::AT_FDCWD;

use super::{Restore, unusable, ways::Ways};
use crate::{
    base::Base,
    failure::{Failure, chain},
    manifest::Manifest,
    plans::CONTACT_SUPPORT,
    project::Project,
    subvolume,
    swap::Part,
    tree::{Attributes, Mark},
    work::Work,
};

impl Restore {
    /// Makes the root of each tree that needs more than a plain folder, and what is marked in it.
    pub(super) async fn prepare_ground(
        &self,
        stage: &Path,
        ways: &Ways,
        work: &Work<'_>,
    ) -> Result<(), Failure> {
        let system = |error| Failure::system("prepare the stage", &error);
        let base = Base::open(&self.facts.switch.base).map_err(system)?;
        let folder = File::open(stage).map_err(system)?;
        // Else the kernel would take in no displaced tree of another project.
        Project::hand_on_nothing(&folder).await.map_err(misfit)?;
        for (part, saved_at) in self.facts.switch.parts.iter().zip(&self.facts.saved_at) {
            let place = ways.place_of(saved_at);
            prepare_root(&base, part, &place).await?;
            let marks = self.beforehand.iter().filter(|(path, _)| path == saved_at);
            for (_, mark) in marks {
                prepare_marked(&place, mark, work).map_err(system)?;
            }
        }
        Ok(())
    }

    /// Keeps those marks of a manifest that must be there before the trees are.
    pub(super) fn keep_beforehand(&mut self, manifest: &Manifest) {
        let marks = manifest.files.iter().flat_map(|saved| {
            let marks = manifest.marks.get(&saved.id).into_iter().flatten();
            let marks = marks.filter(|mark| mark.is_beforehand() && mark.is_inside());
            marks.map(|mark| (saved.path.clone(), mark.clone()))
        });
        self.beforehand = marks.collect();
    }
}

/// A tree that only its root's maker can give its project, or that is a subvolume.
async fn prepare_root(base: &Base, part: &Part, place: &Path) -> Result<(), Failure> {
    let system = |error: io::Error| Failure::system("prepare the stage", &error);
    let (parent, name) = base.parent_of(&part.live).map_err(system)?;
    let live = match parent.open_tree(name) {
        Ok(live) => Some(live),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(system(error)),
    };
    let project = match &live {
        Some(live) => Project::of(live).await,
        None => Project::of(&parent.as_fd()).await,
    };
    let project = project.map_err(misfit)?;
    let volume = live.as_ref().is_some_and(subvolume::is_one);
    if project == Project::default() && !volume {
        return Ok(());
    }
    if volume {
        make_folder(place.parent().unwrap_or(place)).map_err(system)?;
        subvolume::make(place).await.map_err(misfit)?;
    } else {
        make_folder(place).map_err(system)?;
    }
    if project != Project::default() {
        let root: OwnedFd = File::open(place).map_err(system)?.into();
        // All that comes into the tree must be of its project, whatever the old one handed on.
        let project = Project { inherits: true, ..project };
        project.give_to(&root).await.map_err(misfit)?;
    }
    Ok(())
}

/// A folder that must have its flags before anything is in it.
fn prepare_marked(place: &Path, mark: &Mark, work: &Work<'_>) -> io::Result<()> {
    let folder = place.join(&mark.path);
    make_folder(&folder)?;
    if let Err(error) = mark.set_beforehand(File::open(&folder)?) {
        let (path, flags) = (&mark.path, &mark.flags);
        let text = format!("{path:?} gets no flags {flags} here: {error}");
        work.teller.log(Level::Warn, text);
    }
    Ok(())
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match folder.is_dir() {
        true => Ok(()),
        false => DirBuilder::new().mode(0o700).recursive(true).create(folder),
    }
}

/// Something that will not be otherwise the next time.
fn misfit(error: impl std::error::Error) -> Failure {
    Failure::permanent(CONTACT_SUPPORT, chain(&error))
}

/// Sets the flags of the backup on a restored tree, which nobody else can reach yet.
pub(super) fn set_marks(
    part: &Part,
    root: &OwnedFd,
    marks: &[Mark],
    work: &Work<'_>,
) -> Result<(), Failure> {
    let encrypted = |path: &Path| Attributes::at(AT_FDCWD, path).is_ok_and(|a| a.is_encrypted());
    if let Some(mark) =
        marks.iter().find(|mark| mark.is_encrypted()).filter(|_| !encrypted(&part.aside))
    {
        let path = part.live.join(&mark.path);
        return Err(unusable(format!(
            "{} lay encrypted (fscrypt), and would lie open now: encrypt the site's base directory, \
             and nothing below it by itself",
            path.display()
        )));
    }
    let mut failed: Vec<String> = Vec::new();
    // What is in a folder before the folder itself, whose protection says nothing about it.
    for mark in marks.iter().rev().filter(|mark| mark.is_inside()) {
        match mark.set(root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                failed.push(format!("{:?} (+{}): {error}", mark.path, mark.flags));
            }
            _ => {}
        }
    }
    if let Some(first) = failed.first() {
        let (id, count) = (&part.source, failed.len());
        let text = format!("source `{id}`: {count} entries do not get their flags back: {first}");
        work.teller.log(Level::Warn, text);
    }
    Ok(())
}
