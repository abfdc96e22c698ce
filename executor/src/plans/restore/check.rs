//! `Check`: the backup is this customer's, holds what is asked for, and there is room.

use std::path::Path;

use holdfast_job::{Scope, SourceId, SourceResult, Stage, UndoCopy as Undoing, WhatHappened};

use super::{Facts, Restore, unusable};
use crate::{
    aside::Aside,
    failure::{Failure, chain},
    manifest::{self, Manifest},
    plans::{
        CONTACT_SUPPORT,
        foresee::{foresee, to_come},
        hooks::ask_before,
        life::Life,
        preconditions::{Sources, look_at, restic, sources_of},
        switch::open_site,
    },
    quota,
    restic::{Listing, Restic, ResticError},
    space::{self, Free},
    stop::Stop,
    swap::Part,
    trash::{Haste, remove},
    tree::Size,
    work::{Watching, Work},
};

impl Restore {
    pub(super) async fn check(&mut self, work: &mut Work<'_>) -> Result<(), Failure> {
        let base = open_site(&self.site)?;
        let site = self.site.get()?;
        ask_before(site, work).await?;
        let wanted = sources_of(site, &self.order.scope)?;
        for source in &wanted.files {
            look_at(source, &base)?;
        }
        let trees = to_come(wanted.files.iter().map(|source| source.path.as_path()));
        let aside = foresee(&base, &trees).await?;
        let restic = restic(site, &self.order.repository, Stage::Check, work.node)?;
        let (job, customer) = (work.job, work.customer());
        let mut watch = work.watching(Stage::Check, "Read");
        let listing = restic
            .list(&self.order.snapshot, &mut watch)
            .await
            .map_err(ResticError::into_failure)?;
        if !listing.head.belongs_to(customer) {
            return Err(not_this_customers(&listing));
        }
        let spool = listing.head.paths.iter().find(|path| manifest::is_spool(path, customer));
        let spool = spool.cloned().ok_or_else(|| {
            unusable("it holds no manifest: it was not made by Holdfast".to_owned())
        })?;
        let marked = listing.head.tags.iter().any(|tag| tag == manifest::MARKED);
        let manifest = match wanted_at_their_places(&wanted, &listing) && !marked {
            true => None,
            false => Some(self.read_manifest(&restic, &spool, &mut watch).await?),
        };
        let mut facts = Facts { spool, longest_path: listing.longest_path, ..Facts::default() };
        facts.switch.base = site.base.clone();
        let mut size = Size::default();
        for source in &wanted.files {
            let place = match &manifest {
                None => Some(source.path.clone()),
                Some(manifest) => manifest.files(&source.id).map(|saved| saved.path.clone()),
            };
            let Some(sum) = place.as_ref().and_then(|place| listing.trees.get(place)) else {
                facts.missing.push(not_in_backup(&source.id, &source.name));
                continue;
            };
            // A file with several names takes its room once.
            let again = place.as_ref().and_then(|place| listing.again.get(place));
            size = size.plus(sum.size).without(again.copied().unwrap_or_default());
            facts.sums.push(*sum);
            facts.saved_at.extend(place);
            facts.switch.parts.push(Part {
                source: source.id.clone(),
                name: source.name.clone(),
                live: source.path.clone(),
                aside: aside.stage(job).join(source.id.as_str()),
                old: None,
                new: None,
            });
        }
        if let Some(manifest) = &manifest {
            self.check_databases(&wanted.databases, manifest, &mut facts, work).await?;
        }
        let nothing = facts.switch.parts.is_empty() && facts.switch.databases.is_empty();
        if nothing || !self.order_is_met(&facts) {
            let missing: Vec<&str> = facts.missing.iter().map(|s| s.name.as_str()).collect();
            let missing = missing.join(", ");
            return Err(Failure::permanent(
                format!("This backup does not hold {missing}. Choose another one."),
                format!("snapshot {} does not hold: {missing}", self.order.snapshot),
            ));
        }
        self.check_room(size, &aside, work).await?;
        let parts = &facts.switch.parts;
        facts.switch.life = Life::look(site, parts, self.order.keep_unhealthy, work).await?;
        if let Some(manifest) = &manifest {
            self.keep_beforehand(manifest);
        }
        self.facts = facts;
        work.note(&self.facts)
    }

    /// A source that was named must be there; of `files` and `both`, what is there.
    fn order_is_met(&self, facts: &Facts) -> bool {
        !matches!(self.order.scope, Scope::Sources(_)) || facts.missing.is_empty()
    }

    /// The manifest in the snapshot: where each source was then, and what databases there are.
    async fn read_manifest(
        &self,
        restic: &Restic<'_>,
        spool: &Path,
        watch: &mut Watching<'_>,
    ) -> Result<Manifest, Failure> {
        let text = restic
            .dump_text(&self.order.snapshot, &spool.join(manifest::FILE), watch)
            .await
            .map_err(ResticError::into_failure)?;
        let customer = self.site.get()?.customer;
        Manifest::parse(text.as_bytes(), customer).map_err(|error| unusable(chain(&error)))
    }

    /// Live tree, stage and undo copy are there together, on the disk and in the quota.
    async fn check_room(
        &self,
        size: Size,
        aside: &Aside,
        work: &mut Work<'_>,
    ) -> Result<(), Failure> {
        let site = self.site.get()?;
        let free = Free::at(aside.folder())
            .map_err(|error| Failure::system("measure the free space", &error))?;
        let leave = match self.order.undo {
            Undoing::Keep => site.reserve.max(site.undo_min_free),
            Undoing::None => site.reserve,
        };
        if space::fits(size, leave, free).is_err() {
            make_room(aside, &work.stop).await;
        }
        let free = Free::at(aside.folder())
            .map_err(|error| Failure::system("measure the free space", &error))?;
        if let Err(shortage) = space::fits(size, leave, free) {
            let offer = match space::fits(size, site.reserve, free) {
                Ok(()) => " Without keeping a copy for undo (undo = none) there is enough.",
                Err(_) => " Make room, or contact support.",
            };
            return Err(no_room("disk", &shortage, offer));
        }
        let Some(kind) = site.quota else { return Ok(()) };
        let left = quota::free(kind, &site.base, &work.stop)
            .await
            .map_err(|error| Failure::permanent(CONTACT_SUPPORT, chain(&error)))?;
        match left.map(|left| space::fits(size, 0, left)) {
            Some(Err(shortage)) => Err(no_room("quota", &shortage, " Make room, or ask for more.")),
            _ => Ok(()),
        }
    }
}

fn no_room(whose: &str, shortage: &space::Shortage, offer: &str) -> Failure {
    Failure::permanent(
        format!("There is not enough room to restore this backup: {shortage}.{offer}"),
        format!(
            "{whose}: {shortage}.{offer} What must stay free is the larger of site.reserve and, with \
             an undo copy, site.undo_min_free"
        ),
    )
}

/// Gives back what nobody can use any more: superseded undo copies and the trash.
async fn make_room(aside: &Aside, stop: &Stop) {
    let superseded = aside.superseded_copies().unwrap_or_default();
    for (folder, _) in superseded {
        // What cannot be discarded takes up its room, and that is measured next.
        let _ = aside.discard(&folder);
    }
    for tree in aside.trash().unwrap_or_default() {
        // What stays takes up its room, and that is measured next.
        let _ = remove(&tree, Haste::Soon, stop).await;
    }
}

fn not_this_customers(listing: &Listing) -> Failure {
    Failure::permanent(
        "There is no such backup of this site.",
        format!(
            "snapshot {} is of host {} with tags {}: it is not this customer's",
            listing.head.id,
            listing.head.hostname,
            listing.head.tags.join(",")
        ),
    )
}

pub(super) fn not_in_backup(id: &SourceId, name: &str) -> SourceResult {
    let what = WhatHappened::NotInBackup;
    SourceResult { id: id.clone(), name: name.to_owned(), what, bytes: 0, entries: 0 }
}

/// Whether the list alone says where everything is.
fn wanted_at_their_places(wanted: &Sources<'_>, listing: &Listing) -> bool {
    wanted.databases.is_empty()
        && wanted.files.iter().all(|source| listing.trees.contains_key(&source.path))
}
