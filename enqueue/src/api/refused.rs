//! The problem that is answered to an order that is not taken.

use axum::http::StatusCode;
use holdfast_job::chain;
use tracing::error;

use crate::{
    orders::{
        confirm::SetsAside,
        refusal::{Lacks, NotRetryable, Refusal},
    },
    problem::Problem,
    spoken::to_come,
    view::time,
};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchThing => Self::not_found("backup or job"),
            Refusal::NoNode => Self::unavailable(
                "no-node",
                "No server is registered yet for the place where this site is, so nothing was \
                 ordered. Contact support.",
                300,
            ),
            Refusal::Daily { orders, wait } => {
                let detail = format!(
                    "{orders} orders for this site were given in the last 24 hours, and that is as \
                     many as are taken. The next one is taken in {}.",
                    to_come(wait)
                );
                Self::too_many("daily-limit", detail, wait)
            }
            Refusal::Active(job) => Self::new(
                StatusCode::CONFLICT,
                "active-job",
                "Something else is under way",
                "Another order for this site is still under way. Wait for it to end.",
            )
            .with("active_job", job.to_string()),
            Refusal::BackupGone => Self::unprocessable(
                "backup-gone",
                "This backup is being deleted or is gone. Choose another one.",
            ),
            Refusal::BackupInUse => Self::unprocessable("backup-in-use", "This backup is in use."),
            Refusal::BackupKept => Self::unprocessable(
                "backup-in-use",
                "This backup is being restored, or is held. It can be deleted when it is not any \
                 more.",
            ),
            Refusal::NotInBackup { lacks, scope } => {
                let what = match lacks {
                    Lacks::Database => "database".to_owned(),
                    Lacks::Files => "files".to_owned(),
                    Lacks::Source(id) => format!("source `{id}`"),
                };
                let detail = format!("This backup holds no {what}: it was made of `{scope}`.");
                Self::unprocessable("not-in-backup", detail)
            }
            Refusal::NotConfirmed { word, aside } => not_confirmed(word, aside),
            Refusal::NothingToUndo => no_undo_copy(
                "There is nothing to take back here: only a restore that was done, and has an undo \
                 copy, can be undone.",
            ),
            Refusal::UndoExpired(until) => {
                no_undo_copy(&format!("This could be undone until {until}. Its undo copy is gone."))
            }
            Refusal::UndoneAlready => {
                no_undo_copy("This was taken back already. Undo that undo to have it again.")
            }
            Refusal::NotRetryable(why) => Self::unprocessable("not-retryable", not_retryable(why)),
            Refusal::KeyReused(job) => Self::unprocessable(
                "idempotency-key-reused",
                "This idempotency key was used for another request. Use a new one for a new order.",
            )
            .with("job", job.to_string()),
            Refusal::Unsigned => Self::internal(),
            Refusal::Unknown(unknown) => {
                error!("it is not known whether a job was written: {}", chain(&unknown));
                let detail = "It is not known whether this was ordered. Look at the jobs of \
                              this site in a few seconds before you order it again.";
                Self::unavailable("order-unknown", detail, 5)
            }
            Refusal::Store(error) => error.into(),
        }
    }
}

/// 422, which says what would be set aside and until when it can be brought back.
fn not_confirmed(word: &str, aside: SetsAside) -> Problem {
    let since = time(aside.since);
    let back = match aside.undo_hours {
        Some(hours) => format!("It can be brought back for {hours} hours."),
        None => "It cannot be brought back, as no undo copy was asked for.".into(),
    };
    let detail = format!(
        "Everything that has changed on the site since {since}, up to the moment of the switch, is \
         set aside. {back} Send `\"confirm\": \"{word}\"` to go on."
    );
    let aside = serde_json::json!({
        "since": since,
        "until": "the switch",
        "undo_hours": aside.undo_hours,
    });
    Problem::unprocessable("not-confirmed", detail).with("sets_aside", aside)
}

fn no_undo_copy(detail: &str) -> Problem {
    Problem::unprocessable("no-undo-copy", detail)
}

fn not_retryable(why: NotRetryable) -> &'static str {
    match why {
        NotRetryable::Done => "This was done: order it anew instead.",
        NotRetryable::UnderWay => "This is still under way. Wait for it to end.",
        NotRetryable::Stuck => "Our support has to look at this first.",
        NotRetryable::BeforeHoldfast => "This was ordered before Holdfast was here: order it anew.",
        NotRetryable::Unreadable => "The order cannot be read any more: order it anew.",
    }
}
