//! Sessions that move batches side by side.
//!
//! The server syncs several times for each move, and sessions wait for that at the same time. Each batch
//! has its own marker and no table in common with another, so their order is no matter. Each session has
//! a lock of its own, and whoever comes later waits for all of these.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

use tokio::sync::watch;

use super::{Exchange, MariadbError, Script, Seen, Server, kill_statement};
use crate::{mariadb::script::SESSIONS, stop::Stop};

/// The statements of one attempt.
pub(super) struct Scripts {
    /// What comes first, and the share of the first session.
    first: Script,
    /// What other sessions do from the row [`READY`] on, side by side.
    beside: Vec<Script>,
}

/// The tag of the row that says that the others may begin.
const READY: &[u8] = b"ready";

impl Exchange<'_> {
    /// The RENAMEs of all batches that are left: a single one behind `first`, several by sessions. Before
    /// each, those of the site are sent away who have come meanwhile.
    pub(super) fn moving(
        &self,
        server: &Server<'_>,
        now: &Seen,
        (mut first, unchecked): (Script, bool),
    ) -> Scripts {
        let live = &server.database.schema;
        let mut batches: Vec<Vec<String>> = now
            .batches_to_move(self.side)
            .into_iter()
            .map(|batch| now.moves(batch, live, self.marker, self.side))
            .collect();
        if let [only] = batches.as_slice() {
            push_rename(&mut first, only);
            return Scripts { first, beside: Vec::new() };
        }
        // The largest first, each to the session that has least to do.
        batches.sort_by_key(|moves| std::cmp::Reverse(moves.len()));
        let mut sessions = vec![(0, Vec::new()); SESSIONS.min(batches.len())];
        for moves in &batches {
            if let Some((load, list)) = sessions.iter_mut().min_by_key(|(load, _)| *load) {
                *load += moves.len();
                list.push(moves);
            }
        }
        let kill = kill_statement(live, &server.database.account.user);
        let share = |mut script: Script, list: Vec<&Vec<String>>| {
            self.time.begin(&mut script);
            for moves in list {
                self.time.keep(&mut script);
                script.push("end the site's connections", &kill);
                push_rename(&mut script, moves);
            }
            script
        };
        let mut shares = sessions.into_iter().map(|(_, list)| list);
        let first = first.let_others(self.lock).then("let other sessions begin", "SELECT 'ready'");
        let first = share(first, shares.next().unwrap_or_default());
        let beside = (1..).zip(shares).map(|(number, list)| {
            let mut script = Script::beside(self.lock, number);
            if unchecked {
                script.push("prepare the session", "SET SESSION foreign_key_checks = 0");
            }
            share(script, list)
        });
        Scripts { first, beside: beside.collect() }
    }
}

fn push_rename(script: &mut Script, moves: &[String]) {
    script.push("rename the tables", format!("RENAME TABLE {}", moves.join(", ")));
}

/// A session at work.
type Session<'a> = Pin<Box<dyn Future<Output = Result<(), MariadbError>> + Send + 'a>>;

impl Scripts {
    /// Runs them. Each is waited for, also when another one has failed; without the row [`READY`] the
    /// others do not begin.
    ///
    /// # Errors
    /// The first error of all.
    pub(super) async fn run(&self, server: &Server<'_>, stop: &Stop) -> Result<(), MariadbError> {
        let (begin, begun) = watch::channel(false);
        let first: Session<'_> = Box::pin(async move {
            let hear = |row: &crate::mariadb::rows::Row| {
                if row.tag() == READY {
                    begin.send_replace(true);
                }
            };
            server.run_hearing(&self.first, stop, hear).await.map(|_| ())
        });
        let other = |script| -> Session<'_> {
            let mut begun = begun.clone();
            Box::pin(async move {
                let may_begin = begun.wait_for(|begun| *begun).await.is_ok();
                match may_begin {
                    true => server.run(script, stop).await.map(|_| ()),
                    false => Ok(()),
                }
            })
        };
        let sessions = std::iter::once(first).chain(self.beside.iter().map(other));
        all(sessions).await.into_iter().collect()
    }
}

/// Waits for all of them at once.
async fn all<F: Future + Unpin>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (future, None)).collect();
    poll_fn(move |context| {
        for (future, output) in &mut running {
            if output.is_none()
                && let Poll::Ready(done) = Pin::new(&mut *future).poll(context)
            {
                *output = Some(done);
            }
        }
        match running.iter().all(|(_, output)| output.is_some()) {
            true => {
                Poll::Ready(running.iter_mut().filter_map(|(_, output)| output.take()).collect())
            }
            false => Poll::Pending,
        }
    })
    .await
}
