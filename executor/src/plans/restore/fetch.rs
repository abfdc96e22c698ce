//! `Fetch`: restic restores into the stage; compared, sanitized, made durable.

use std::{
    fs::{self, File},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use holdfast_job::{Level, Stage, UndoCopy as Undoing};
use nix::unistd::syncfs;

use super::{
    Facts, Restore,
    fetched::text_of,
    ground::set_marks,
    unusable,
    ways::{Ways, inside},
};
use crate::{
    aside::{UndoCopy, UndoPart},
    base::Base,
    config::Site,
    failure::{Failure, chain},
    manifest::{self, Manifest},
    plans::{databases::DatabasePart, preconditions::restic, switch::milliseconds},
    restic::ResticError,
    swap::{Part, live_inode},
    tree::{TreeSum, WalkError, sum_and_sanitize},
    work::Work,
};

impl Restore {
    pub(super) async fn fetch(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let site = self.site.get()?;
        let aside = self.aside();
        let system = |error| Failure::system("prepare the stage", &error);
        let stage = aside.make_stage(work.job).map_err(system)?;
        let ways = Ways::new(&stage, &self.facts.saved_at, self.facts.longest_path);
        let fetched = ways.fetched().to_owned();
        ways.prepare().map_err(system)?;
        self.prepare_ground(&stage, &ways, work).await?;
        let restic = restic(site, &self.order.repository, Stage::Fetch, work.node)?;
        let mut watch = work.watching(Stage::Fetch, "Fetched");
        for plan in ways.plans(&self.order.snapshot, self.beside_trees()) {
            restic.fetch(&plan, &mut watch).await.map_err(ResticError::into_failure)?;
        }
        let manifest = self.follow_manifest(&fetched)?;
        let site = self.site.get()?;
        let Facts { switch, saved_at, sums, .. } = &self.facts;
        for ((part, saved_at), sum) in switch.parts.iter().zip(saved_at).zip(sums) {
            fs::rename(ways.place_of(saved_at), &part.aside).map_err(system)?;
            let root = compare_and_sanitize(part, site, sum, work)?;
            let marks = manifest.marks.get(&part.source).map(Vec::as_slice);
            set_marks(part, &root, marks.unwrap_or_default(), work)?;
        }
        self.take_dumps(&fetched, &inside(&fetched, &self.facts.spool), &stage)?;
        ways.remove().map_err(system)?;
        self.finish_stage(&stage, work)
    }

    /// The manifest, and the folders of databases, by their path in the snapshot.
    fn beside_trees(&self) -> Vec<PathBuf> {
        let spool = &self.facts.spool;
        let databases = self.facts.switch.databases.iter();
        let databases = databases.map(|part| spool.join(part.database.id.as_str()));
        std::iter::once(spool.join(manifest::FILE)).chain(databases).collect()
    }

    /// The manifest that came with the trees says which is which: two sources may have exchanged
    /// their paths since.
    fn follow_manifest(&mut self, fetched: &Path) -> Result<Manifest, Failure> {
        let customer = self.site.get()?.customer;
        let file = inside(fetched, &self.facts.spool).join(manifest::FILE);
        let text = text_of(fetched, &file)?;
        let manifest = Manifest::parse(&text, customer).map_err(|error| unusable(chain(&error)))?;
        let Facts { switch, saved_at, sums, .. } = &mut self.facts;
        let fetched: Vec<_> = saved_at.iter().cloned().zip(sums.iter().copied()).collect();
        for ((part, saved_at), sum) in switch.parts.iter().zip(saved_at).zip(sums) {
            let id = &part.source;
            let place = manifest.files(id).map(|saved| &saved.path);
            let found = fetched.iter().find(|(path, _)| Some(path) == place).ok_or_else(|| {
                unusable(format!(
                    "its manifest has `{id}` in another place: restore all sources together"
                ))
            })?;
            (*saved_at, *sum) = found.clone();
        }
        Ok(manifest)
    }

    /// Nothing touches the stage after this but the exchange.
    fn finish_stage(&mut self, stage: &Path, work: &mut Work<'_>) -> Result<(), Failure> {
        let system = |error| Failure::system("finish the stage", &error);
        let base = Base::open(&self.facts.switch.base).map_err(system)?;
        for part in &mut self.facts.switch.parts {
            part.new = live_inode(&base, &part.aside)
                .map_err(|error| Failure::system("look at the stage", &error))?;
        }
        if self.order.undo == Undoing::Keep {
            let until = Work::now().plus(self.site.get()?.undo_for);
            self.facts.undo_until = Some(until);
            let copy = UndoCopy {
                version: 2,
                job: work.job,
                made_at_ms: milliseconds(),
                until,
                parts: self.facts.switch.parts.iter().map(UndoPart::of).collect(),
                databases: self.facts.switch.databases.iter().map(DatabasePart::kept).collect(),
            };
            self.aside().announce_undo(stage, &copy).map_err(system)?;
        }
        // All of it on disk before the door closes: a power cut after the exchange would
        // otherwise leave the live site with files of no length.
        let folder = File::open(stage).map_err(system)?;
        syncfs(&folder).map_err(|errno| system(errno.into()))?;
        work.note(&self.facts)
    }
}

/// What restic wrote must be, entry by entry, what the snapshot's list says. Its root, opened anew.
fn compare_and_sanitize(
    part: &Part,
    site: &Site,
    expected: &TreeSum,
    work: &Work<'_>,
) -> Result<OwnedFd, Failure> {
    let id = &part.source;
    let open = || Base::open(&site.base).and_then(|base| base.open_folder(&part.aside));
    let unopened = |error| Failure::system(format!("open what was fetched of `{id}`"), &error);
    let root = open().map_err(unopened)?;
    let done =
        sum_and_sanitize(root, site.owners.as_ref(), &work.stop).map_err(|error| match error {
            WalkError::Ended => Failure::stopped(),
            error => Failure::system(format!("sanitize source `{id}`"), &error),
        })?;
    if done.was != *expected {
        let (was, expected) = (done.was.size, expected.size);
        return Err(Failure::transient(
            "The backup could not be fetched whole. Nothing was changed. Try again.",
            format!(
                "source `{id}` was fetched with {} entries and {} bytes, and the snapshot has {} \
                 entries and {} bytes, or they differ in name, owner or mode",
                was.entries, was.bytes, expected.entries, expected.bytes
            ),
        ));
    }
    if done.removed + done.disarmed + done.stripped + done.chowned > 0 {
        let text = format!(
            "source `{id}`: {} devices, FIFOs and sockets left out, {} files lost setuid or \
             setgid, {} entries lost capabilities, {} got another owner",
            done.removed, done.disarmed, done.stripped, done.chowned
        );
        work.teller.log(Level::Info, text);
    }
    open().map_err(unopened)
}
