//! A look at a site's repository: it opens with our password, its newest snapshot can be read, and there
//! is room for the next one.

use std::time::SystemTime;

use holdfast_job::{CustomerId, Moment, RepositoryName};

use super::{LOW_BYTES, PATIENCE};
use crate::{
    config::{Node, Repository, Site},
    failure::chain,
    restic::{Restic, ResticError, Tally, Watch},
    space::Free,
    stop::Stop,
};

/// With fewer free inodes than this, a disk is as good as full.
const LOW_INODES: u64 = 10_000;

/// Looks at a repository.
pub(super) async fn examine_repository(
    node: &Node,
    site: &Site,
    customer: CustomerId,
    name: &RepositoryName,
) -> Result<String, String> {
    let Some(repository) = site.repositories.get(name) else { return Ok("not there".into()) };
    let restic = Restic::new(node, repository, &site.limits, customer, PATIENCE)
        .map_err(|error| chain(&error))?;
    let mut watch = Unwatched(Stop::default());
    let found = match restic.newest(&mut watch).await {
        Ok(None) => "opens with our password, and holds nothing of this customer's".to_owned(),
        // What was written there lies in the past, by whichever clock.
        Ok(Some((newest, snapshot))) if newest <= Moment::of(SystemTime::now()).to_string() => {
            restic.look_into(&snapshot, &mut watch).await.map_err(|error| chain(&error))?;
            format!("opens with our password; the newest snapshot is of {newest}")
        }
        Ok(Some((newest, _))) => {
            return Err(format!(
                "the newest snapshot, of {newest}, is from the future: set this node's clock by NTP"
            ));
        }
        Err(ResticError::NoRepository { .. }) => "not there yet: the first backup makes it".into(),
        Err(error) => return Err(chain(&error)),
    };
    // One that is not there yet holds none.
    let forgotten = restic.forgotten_locks(&mut watch).await.unwrap_or_default();
    if let Some(lock) = forgotten.first() {
        return Err(format!(
            "{found}; it holds {lock}, which nobody has refreshed for an hour: deletions and prunes wait \
             for it. Look whether that process is at work, and if not, run `restic unlock --remove-all`"
        ));
    }
    match shortage(repository) {
        Some(shortage) => Err(format!("{found}; {shortage}")),
        None => Ok(found),
    }
}

/// What is said of the disk of a local repository that is nearly full.
fn shortage(repository: &Repository) -> Option<String> {
    let path = repository.local_path()?;
    let free = Free::at(path.ancestors().find(|path| path.exists())?).ok()?;
    let low = free.bytes < LOW_BYTES || free.inodes.is_some_and(|inodes| inodes < LOW_INODES);
    let inodes = free.inodes.map_or_else(String::new, |inodes| format!(" and {inodes} inodes"));
    low.then(|| {
        format!(
            "the repository's disk is nearly full: {} bytes{inodes} are free at {}: make room before \
             backups and deletions fail",
            free.bytes,
            path.display()
        )
    })
}

/// A look that leaves no trace.
struct Unwatched(Stop);

impl Watch for Unwatched {
    fn started(&mut self, _: u32) -> Result<(), ResticError> {
        Ok(())
    }

    fn tally(&mut self, _: Tally) {}

    fn stop(&self) -> &Stop {
        &self.0
    }
}
