//! Sessions that move batches side by side.
//!
//! The server syncs several times for each move, and sessions wait for that at the same time. Each batch
//! has its own marker and no table in common with another, so their order is no matter. Each session has
//! a lock of its own, and whoever comes later waits for all of these.

use std::{
    future::{Future, poll_fn},
    task::Poll,
};

use super::{Exchange, MariadbError, Script, Seen, Server, kill_statement};
use crate::{mariadb::script::SESSIONS, stop::Stop};

/// The statements of one attempt.
pub(super) struct Scripts {
    /// What comes first, by itself.
    pub(super) first: Script,
    /// What sessions do then, side by side.
    pub(super) beside: Vec<Script>,
}

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
        let rename = |script: &mut Script, moves: &[String]| {
            script.push("rename the tables", format!("RENAME TABLE {}", moves.join(", ")));
        };
        if let [only] = batches.as_slice() {
            rename(&mut first, only);
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
        let script = |(number, (_, list)): (usize, (usize, Vec<&Vec<String>>))| {
            let mut script = Script::beside(self.lock, number);
            if unchecked {
                script.push("prepare the session", "SET SESSION foreign_key_checks = 0");
            }
            self.time.begin(&mut script);
            for moves in list {
                self.time.keep(&mut script);
                script.push("end the site's connections", &kill);
                rename(&mut script, moves);
            }
            script
        };
        Scripts { first, beside: sessions.into_iter().enumerate().map(script).collect() }
    }
}

impl Scripts {
    /// Runs them. Each is waited for, also when another one has failed.
    ///
    /// # Errors
    /// The first error of all.
    pub(super) async fn run(&self, server: &Server<'_>, stop: &Stop) -> Result<(), MariadbError> {
        server.run(&self.first, stop).await?;
        let runs = self.beside.iter().map(|script| server.run(script, stop));
        all(runs).await.into_iter().try_for_each(|ran| ran.map(|_| ()))
    }
}

/// Waits for all of them at once.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(move |context| {
        for (future, output) in &mut running {
            if output.is_none()
                && let Poll::Ready(done) = future.as_mut().poll(context)
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
