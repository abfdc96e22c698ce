//! The way of each tree out of the snapshot into the stage: all at once where the paths allow it; where
//! a path would become longer than the system takes, each tree by a path no longer than its own.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use holdfast_job::SnapshotId;

use crate::restic::FetchPlan;

/// The longest path that a system call takes, in bytes: PATH_MAX without the zero at its end.
const LONGEST_PATH: usize = 4095;

/// The way of each tree.
#[derive(Debug)]
pub(super) struct Ways {
    stage: PathBuf,
    /// What is fetched by its whole path.
    fetched: PathBuf,
    saved_at: Vec<PathBuf>,
    /// The folder of each parent whose trees are fetched by themselves.
    apart: BTreeMap<PathBuf, PathBuf>,
}

impl Ways {
    /// The ways of the trees that were saved at these places, in a snapshot with a path so long.
    pub(super) fn new(stage: &Path, saved_at: &[PathBuf], longest_path: usize) -> Self {
        // A dot is in no source id, so nothing of the same name comes beside it.
        let fetched = stage.join("fetched.tmp");
        let mut apart = BTreeMap::new();
        if fetched.as_os_str().len() + longest_path > LONGEST_PATH {
            for parent in saved_at.iter().filter_map(|path| path.parent()) {
                let folder = stage.join(format!("fetched-{}.tmp", apart.len()));
                apart.entry(parent.to_owned()).or_insert(folder);
            }
        }
        Self { stage: stage.to_owned(), fetched, saved_at: saved_at.to_vec(), apart }
    }

    /// The folder below which everything is that was fetched by its whole path.
    pub(super) fn fetched(&self) -> &Path {
        &self.fetched
    }

    /// Makes the folders that restic wants to see.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn prepare(&self) -> io::Result<()> {
        self.apart.values().try_for_each(|folder| DirBuilder::new().mode(0o700).create(folder))
    }

    /// What restic is to fetch, one after the other: the trees, and `beside` by its whole path.
    pub(super) fn plans(&self, snapshot: &SnapshotId, beside: Vec<PathBuf>) -> Vec<FetchPlan> {
        let plan = |below: Option<&PathBuf>, paths, target: &PathBuf| FetchPlan {
            stage: self.stage.clone(),
            snapshot: snapshot.clone(),
            below: below.cloned(),
            paths,
            target: target.clone(),
        };
        if self.apart.is_empty() {
            let paths = self.saved_at.iter().cloned().chain(beside).collect();
            return vec![plan(None, paths, &self.fetched)];
        }
        let apart = self.apart.iter().map(|(parent, folder)| {
            let trees = self.saved_at.iter().filter_map(|path| path.strip_prefix(parent).ok());
            let trees = trees.filter(|name| name.components().count() == 1);
            plan(Some(parent), trees.map(|name| Path::new("/").join(name)).collect(), folder)
        });
        apart.chain(std::iter::once(plan(None, beside, &self.fetched))).collect()
    }

    /// The place to which a tree is fetched that was saved there.
    pub(super) fn place_of(&self, saved_at: &Path) -> PathBuf {
        let apart = saved_at.parent().and_then(|parent| self.apart.get(parent));
        match apart.zip(saved_at.file_name()) {
            Some((folder, name)) => folder.join(name),
            None => inside(&self.fetched, saved_at),
        }
    }

    /// Removes what is left when everything was taken out.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn remove(&self) -> io::Result<()> {
        std::iter::once(&self.fetched).chain(self.apart.values()).try_for_each(fs::remove_dir_all)
    }
}

/// Where a path of the snapshot is below the folder that it was fetched into.
pub(super) fn inside(fetched: &Path, path: &Path) -> PathBuf {
    fetched.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(paths: &[&str]) -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn trees_with_short_paths_come_in_one_go() {
        let ways = Ways::new(Path::new("/c/1/.holdfast/stage-x"), &paths(&["/c/1/web"]), 100);
        let snapshot: SnapshotId = "0".repeat(64).parse().unwrap();
        let plans = ways.plans(&snapshot, paths(&["/spool/manifest.json"]));
        assert_eq!(plans.len(), 1);
        assert_eq!(plans[0].paths, paths(&["/c/1/web", "/spool/manifest.json"]));
        let place = ways.place_of(Path::new("/c/1/web"));
        assert_eq!(place, Path::new("/c/1/.holdfast/stage-x/fetched.tmp/c/1/web"));
    }

    #[test]
    fn trees_with_a_long_path_come_from_the_folders_that_they_were_in() {
        let saved_at = paths(&["/c/1/web", "/c/1/mail", "/c/1/www/web"]);
        let ways = Ways::new(Path::new("/c/1/.holdfast/stage-x"), &saved_at, 4090);
        let snapshot: SnapshotId = "0".repeat(64).parse().unwrap();
        let plans = ways.plans(&snapshot, paths(&["/spool/manifest.json"]));
        let below: Vec<_> = plans.iter().map(|plan| plan.below.clone()).collect();
        assert_eq!(below, [Some("/c/1".into()), Some("/c/1/www".into()), None]);
        assert_eq!(plans[0].paths, paths(&["/web", "/mail"]));
        assert_eq!(plans[1].paths, paths(&["/web"]));
        assert_ne!(ways.place_of(&saved_at[0]), ways.place_of(&saved_at[2]));
    }
}
