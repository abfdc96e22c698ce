//! What restore and undo share: the door closes, trees change places, the door opens.
//!
//! All of it works on what the journal has noted, so that it can be finished or taken back after a
//! crash without the order's configuration.

use std::{path::PathBuf, time::SystemTime};

use holdfast_job::{JobId, Level, Moment, SourceResult, Stage, WhatHappened};
use serde::{Deserialize, Serialize};

use super::{
    SiteOrError,
    databases::DatabasePart,
    foreign_stage,
    life::{Life, comes_up_again},
};
use crate::{
    base::Base,
    conductor::Plan,
    door::{self, Flag},
    failure::{Failure, chain},
    foresight::reason,
    journal::Settlement,
    mariadb::ClosedTime,
    swap::{Part, Side, live_inode},
    uncopied::Uncopied,
    work::Work,
};

/// So often whoever comes up behind the closed door is stopped again.
pub const SOMEBODY_COMES_UP: u32 = 2;

/// The part of a plan's facts that says what changes places, and how far that is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Switch {
    /// The site's base directory.
    pub base: PathBuf,
    /// The trees that change places.
    pub parts: Vec<Part>,
    /// The databases that change places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<DatabasePart>,
    /// What runs on the site.
    #[serde(default)]
    pub life: Life,
    /// Whether what was live has been looked at, so that `Part::old` means something.
    pub looked: bool,
    /// Whether somebody else had closed the site: their flag stays.
    pub closed_by_others: bool,
    /// Whether we were about to close the site when this was noted.
    pub closing: bool,
    /// When the site was closed, in milliseconds since 1970.
    pub closed_at_ms: Option<u64>,
    /// When the site was opened, in milliseconds since 1970.
    pub opened_at_ms: Option<u64>,
}

/// A plan that switches: it has a [`Switch`] among its facts.
pub(super) trait Switching: Plan {
    /// The switch.
    fn switching(&mut self) -> &mut Switch;

    /// Writes all facts down.
    ///
    /// # Errors
    /// As [`Work::note`].
    fn note(&self, work: &mut Work<'_>) -> Result<(), Failure>;
}

/// Runs a stage that is the same for whoever switches.
pub(super) async fn run<P: Switching>(
    plan: &mut P,
    stage: Stage,
    work: &mut Work<'_>,
) -> Result<(), Failure> {
    match stage {
        Stage::Close => {
            let switch = plan.switching();
            switch.life.look_before_closing(&switch.parts, work).await?;
            switch.look_at_door(work.job)?;
            plan.note(work)?;
            plan.switching().close(work.job)
        }
        Stage::Halt => {
            plan.switching().life.look_again(work).await?;
            plan.note(work)?;
            plan.switching().life.halt(work).await
        }
        Stage::SwapDatabase => plan.switching().put_databases_new(work).await,
        Stage::SwapFiles => {
            stop_who_came_up(plan, work).await?;
            plan.switching().look_at_trees()?;
            plan.note(work)?;
            plan.switching().put(Side::New)
        }
        Stage::Resume => {
            plan.switching().life.resuming();
            plan.note(work)?;
            plan.switching().life.resume(work).await?;
            plan.note(work)
        }
        Stage::Open => {
            plan.switching().open(work.job)?;
            plan.switching().opened();
            plan.note(work)
        }
        other => Err(foreign_stage(P::VERB, other)),
    }
}

/// Nothing runs when the trees change places, whoever has started it meanwhile.
async fn stop_who_came_up<P: Switching>(plan: &mut P, work: &mut Work<'_>) -> Result<(), Failure> {
    let mut rounds = 0;
    while let Some(names) = plan.switching().life.look_once_more(work).await? {
        if rounds == SOMEBODY_COMES_UP {
            return Err(comes_up_again(&names));
        }
        rounds += 1;
        plan.note(work)?;
        plan.switching().life.halt(work).await?;
    }
    Ok(())
}

/// Reverts one.
pub(super) async fn revert<P: Switching>(
    plan: &mut P,
    stage: Stage,
    work: &mut Work<'_>,
) -> Result<(), Failure> {
    let switch = plan.switching();
    match stage {
        Stage::Close => switch.open(work.job),
        Stage::Halt => {
            switch.life.unhalt(work).await?;
            plan.note(work)
        }
        Stage::SwapDatabase => switch.put_databases_old(work).await,
        Stage::SwapFiles => switch.put(Side::Old),
        Stage::Resume => switch.life.unresume(work).await,
        Stage::Open => switch.close(work.job),
        other => Err(foreign_stage(P::VERB, other)),
    }
}

/// A system error while the site may be closed: what stays so until somebody does something is not
/// tried again.
fn failed(doing: &str, error: &(dyn std::error::Error + 'static)) -> Failure {
    let operator = format!("{doing}: {}", chain(error));
    let causes = std::iter::successors(Some(error), |error| error.source());
    match causes.filter_map(|cause| reason(cause.downcast_ref()?)).last() {
        Some(reason) => Failure::permanent(
            "The restore did not work, and your site was put back as it was. Contact support.",
            format!("{operator}: {reason}"),
        ),
        None => Failure::transient(
            "The restore did not work, and your site was put back as it was. Try again later.",
            operator,
        ),
    }
}

/// This moment in milliseconds since 1970.
pub(super) fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(u64::MAX)
}

impl Switch {
    fn open_base(&self) -> Result<Base, Failure> {
        Base::open(&self.base).map_err(|error| failed("open the base directory", &error))
    }

    /// Before `Close`: looks whether somebody else has closed the site. To be noted.
    pub(super) fn look_at_door(&mut self, job: JobId) -> Result<(), Failure> {
        let base = self.open_base()?;
        let flag = door::look(&base, job).map_err(|error| failed("look at the door", &error))?;
        // Looked at twice, the flag may be the one we made.
        self.closed_by_others = flag == Flag::Foreign || (flag == Flag::Ours && !self.closing);
        if flag == Flag::NoFile {
            return Err(Failure::permanent(
                super::CONTACT_SUPPORT,
                format!("{} is no regular file: remove it", base.path().join(door::FLAG).display()),
            ));
        }
        self.closing = true;
        self.closed_at_ms = Some(milliseconds());
        Ok(())
    }

    /// `Close`, and the way back from `Open`.
    pub(super) fn close(&self, job: JobId) -> Result<(), Failure> {
        if self.closed_by_others {
            return Ok(());
        }
        door::close(&self.open_base()?, job).map_err(|error| failed("close the site", &error))
    }

    /// `Open`, and the way back from `Close`.
    pub(super) fn open(&self, job: JobId) -> Result<(), Failure> {
        if self.closed_by_others || !self.closing {
            return Ok(());
        }
        door::open(&self.open_base()?, job).map_err(|error| failed("open the site", &error))
    }

    /// After `Open`. To be noted.
    pub(super) fn opened(&mut self) {
        self.opened_at_ms.get_or_insert_with(milliseconds);
    }

    /// Before the exchange: looks what is live. To be noted.
    pub(super) fn look_at_trees(&mut self) -> Result<(), Failure> {
        let base = self.open_base()?;
        for part in &mut self.parts {
            let live = live_inode(&base, &part.live)
                .map_err(|error| failed("look at the live tree", &error))?;
            // Exchanged already, it says nothing about what was live before.
            if !(self.looked && live == part.new) {
                part.old = live;
            }
        }
        self.looked = true;
        Ok(())
    }

    /// The exchange of every part, or its way back.
    pub(super) fn put(&self, side: Side) -> Result<(), Failure> {
        if !self.looked {
            return Ok(());
        }
        let base = self.open_base()?;
        for part in &self.parts {
            part.put(&base, side).map_err(|error| failed("exchange the trees", &error))?;
        }
        Ok(())
    }

    /// The exchange of every schema, all in one time.
    pub(super) async fn put_databases_new(&self, work: &Work<'_>) -> Result<(), Failure> {
        let limits = self.databases.iter().filter_map(DatabasePart::closed);
        let time = ClosedTime::from_now(limits.min());
        for part in &self.databases {
            part.put_new(time, work).await?;
        }
        Ok(())
    }

    /// Its way back.
    pub(super) async fn put_databases_old(&self, work: &Work<'_>) -> Result<(), Failure> {
        for part in self.databases.iter().rev() {
            part.put_old(work).await?;
        }
        Ok(())
    }

    /// The one side that every tree and every database is on, if they are on one.
    pub async fn whole(&self, work: &Work<'_>) -> Option<Side> {
        let mut sides = Vec::new();
        if self.looked {
            let base = self.open_base().ok()?;
            sides.extend(self.parts.iter().map(|part| part.look(&base).ok()));
        } else if !self.parts.is_empty() {
            sides.push(Some(Side::Old));
        }
        for part in &self.databases {
            sides.push(part.look(work).await.ok());
        }
        let first = sides.first().copied().unwrap_or(Some(Side::Old))?;
        sides.into_iter().all(|side| side == Some(first)).then_some(first)
    }

    /// Checks that the world is as a person says.
    ///
    /// # Errors
    /// Which part is not so.
    pub async fn check_settled(
        &self,
        settlement: Settlement,
        work: &Work<'_>,
    ) -> Result<(), String> {
        let side = match settlement {
            Settlement::Old => Side::Old,
            Settlement::New => Side::New,
        };
        for part in &self.databases {
            match part.look(work).await {
                Ok(found) if found == side => {}
                Ok(found) => return Err(format!("schema {} is {found:?}", part.database.schema)),
                Err(failure) => return Err(failure.operator),
            }
        }
        if self.parts.is_empty() {
            return Ok(());
        }
        if !self.looked {
            return match side {
                Side::Old => Ok(()),
                Side::New => Err("no tree has changed places yet, so they are old".into()),
            };
        }
        let base = self.open_base().map_err(|failure| failure.operator)?;
        for part in &self.parts {
            match part.look(&base) {
                Ok(found) if found == side => {}
                Ok(found) => return Err(format!("{} is {found:?}", part.live.display())),
                Err(error) => return Err(chain(&error)),
            }
        }
        Ok(())
    }

    /// What a stuck plan does and says: a site that is whole is opened, one that is a mixture stays
    /// closed.
    pub(super) async fn stuck(&self, work: &Work<'_>) -> String {
        let (job, customer) = (work.job, work.customer());
        let whole = self.whole(work).await;
        let door = match whole {
            Some(side) => match self.open(job) {
                Ok(()) => format!("The site is whole ({side:?}) and open."),
                Err(failure) => {
                    format!("The site is whole ({side:?}), but stays closed: {}.", failure.operator)
                }
            },
            None => "The site is a mixture and stays closed.".to_owned(),
        };
        let base = self.base.display();
        if let Some(side) = whole {
            let side = if side == Side::Old { "old" } else { "new" };
            return format!(
                "{door} Nothing is to be moved. Mend the cause, then run, as root, \
                 `holdfast-executor settle {customer} --as {side}`."
            );
        }
        let mut advice =
            vec![door, "Bring every tree to its place, by `mv`, not by copying:".into()];
        for part in &self.parts {
            let old = part.old.map_or("nothing".into(), |inode| format!("inode {inode}"));
            let new = part.new.map_or("nothing".into(), |inode| format!("inode {inode}"));
            advice.push(format!("  {}: old is {old}, new is {new}", part.live.display()));
        }
        advice.extend(self.databases.iter().map(DatabasePart::advice));
        advice.push(format!("`find {base} -inum N` finds an inode. Then run, as root,"));
        advice.push(format!("`holdfast-executor settle {customer} --as old` (or `--as new`)."));
        advice.join("\n")
    }

    /// `Keep` failed: from now on no older copy of these sources is offered.
    /// That this cannot be written is no reason to take back what is done: it is said.
    pub(super) fn note_uncopied(&self, work: &Work<'_>) {
        let parts = self.parts.iter().map(|part| part.source.clone());
        let databases = self.databases.iter().map(|part| part.database.id.clone());
        let noted = Uncopied::read(&work.node.state, work.customer())
            .and_then(|mut file| file.note(work.job, milliseconds(), parts.chain(databases)));
        if let Err(error) = noted {
            let text = format!("an undo may take back an earlier restore: {error}");
            work.teller.log(Level::Warn, text);
        }
    }

    /// How long the site was closed.
    pub(super) fn closed_ms(&self) -> Option<u64> {
        Some(self.opened_at_ms?.saturating_sub(self.closed_at_ms?))
    }

    /// What happened to each part.
    pub(super) fn results(&self, what: WhatHappened) -> Vec<SourceResult> {
        let result = |part: &Part| SourceResult {
            id: part.source.clone(),
            name: part.name.clone(),
            what,
            bytes: 0,
            entries: 0,
        };
        let database = |part: &DatabasePart| SourceResult {
            id: part.database.id.clone(),
            name: part.database.name.clone(),
            what,
            bytes: part.bytes,
            entries: part.rows,
        };
        self.parts.iter().map(result).chain(self.databases.iter().map(database)).collect()
    }
}

/// The way back from [`Switch::note_uncopied`].
pub(super) fn forget_uncopied(work: &Work<'_>) -> Result<(), Failure> {
    Uncopied::read(&work.node.state, work.customer())
        .and_then(|mut file| file.forget(work.job))
        .map_err(|error| failed("forget that no undo copy was kept", &error))
}

/// What a customer is told at the end, with a word more if no copy for an undo could be kept.
pub(super) fn told(done: &str, undo_until: Option<Moment>) -> String {
    match undo_until {
        Some(_) => done.to_owned(),
        None => format!("{done} What it replaced could not be kept: this cannot be taken back."),
    }
}

/// The base of a site that is to be switched, made ready.
pub(super) fn open_site(site: &SiteOrError) -> Result<Base, Failure> {
    super::preconditions::open_base(site.get()?)
}
