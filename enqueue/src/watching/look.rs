//! The one task that looks for all who watch: it asks twice a second which jobs have changed, and reads
//! those alone that are watched.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use holdfast_job::{CustomerId, chain};
use holdfast_store::StoreError;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{Standing, Watched, Watching};

/// How often it is asked what has changed.
const EVERY: Duration = Duration::from_millis(500);
/// A change has the time of its statement and is seen after its commit: so long at most is between
/// them, unless a worker stands still in the middle. What came later still, [`SELDOM`] finds.
const LATEST_COMMIT: Duration = Duration::from_secs(10);
/// How often those are read that change by themselves.
const OFTEN: Duration = Duration::from_secs(2);
/// How often all others are read, whether their jobs are said to have changed or not.
const SELDOM: Duration = Duration::from_secs(120);
/// So many are read at most in one go of those whose jobs have not changed: where thousands wait, each
/// sees its place in the queue change later, and what has changed is told in time.
const UNCHANGED_AT_ONCE: usize = 64;
/// So many are read at the same time: orders need connections too.
const SIDE_BY_SIDE: usize = 4;
/// So long at most does the control database have for one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What is known of the looks before.
#[derive(Debug, Default)]
struct Before {
    /// When the last one began; none if everything has to be read.
    began: Option<Instant>,
    /// The changes that were seen, of those that the next look will see again.
    seen: HashSet<(i32, i64)>,
}

impl Watching {
    /// Looks, for ever, while somebody watches.
    pub async fn look(self: Arc<Self>) {
        let mut before = Before::default();
        loop {
            if self.open().topics.is_empty() {
                // Whoever comes reads for themselves, and what they have not seen is still lately then.
                self.begun.notified().await;
                before = Before { began: Some(Instant::now()), seen: HashSet::new() };
            }
            match self.look_once(&mut before).await {
                Ok(()) => {
                    if self.say(Standing::Here) {
                        info!("the streams go on");
                    }
                }
                Err(error) => {
                    before = Before::default();
                    if self.say(Standing::Away) {
                        warn!("the streams wait: {}", chain(&error));
                    }
                }
            }
            sleep(EVERY).await;
        }
    }

    async fn look_once(&self, before: &mut Before) -> Result<(), StoreError> {
        let began = Instant::now();
        let since = before.began.unwrap_or(began);
        let lately = began.duration_since(since) + LATEST_COMMIT;
        let changes = self.database.within(ANSWER, self.database.changes(lately)).await?;
        let is_new = |mark: &(i32, i64)| !before.seen.contains(mark);
        let changed: HashSet<CustomerId> = changes
            .iter()
            .filter(|change| is_new(&change.mark))
            .map(|change| change.customer)
            .collect();
        let everything = before.began.is_none();
        // What changed just now is looked at again: it may have changed once more in that moment.
        let seen = changes.iter().filter(|change| !change.just_now).map(|change| change.mark);
        *before = Before { began: Some(began), seen: seen.collect() };
        let (mut wanted, mut unchanged) = (Vec::new(), Vec::new());
        for watched in self.watched() {
            if everything || changed.contains(&watched.topic.customer) {
                wanted.push(watched);
            } else if let Some(began) = watched.due() {
                unchanged.push((began, watched));
            }
        }
        unchanged.sort_by_key(|(began, _)| *began);
        wanted.extend(unchanged.into_iter().take(UNCHANGED_AT_ONCE).map(|(_, watched)| watched));
        self.read_all(wanted).await
    }

    fn watched(&self) -> Vec<Arc<Watched>> {
        self.open().topics.values().map(|(watched, _)| Arc::clone(watched)).collect()
    }

    async fn read_all(&self, wanted: Vec<Arc<Watched>>) -> Result<(), StoreError> {
        let read = |watched: Arc<Watched>| async move {
            // Whoever looks just now is not the database's delay.
            let mut look = watched.look.lock().await;
            let read = self.database.within(ANSWER, self.read(&watched, &mut look)).await;
            (watched.topic.customer, read)
        };
        let mut reads = stream::iter(wanted).map(read).buffer_unordered(SIDE_BY_SIDE);
        while let Some((customer, read)) = reads.next().await {
            match read {
                Ok(_) => {}
                Err(error) if error.is_away() => return Err(error),
                // No reason to keep the others waiting.
                Err(error) => {
                    warn!(%customer, "the streams pass over {customer}: {}", chain(&error))
                }
            }
        }
        Ok(())
    }
}

impl Watched {
    /// When the last look began, if it is time for another. None is if one is under way.
    fn due(&self) -> Option<Instant> {
        let look = self.look.try_lock().ok()?;
        let look = look.as_ref()?;
        let every = if look.changes_by_itself { OFTEN } else { SELDOM };
        (look.began.elapsed() >= every).then_some(look.began)
    }
}
