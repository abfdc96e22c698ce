//! Jobs and backups as the server shows them: what the texts need of them. With --json the server's own
//! words are passed on, so that nothing that it adds is lost.

use holdfast_job::{JobId, JobStatus};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{failure::Failure, units, when};

/// A job.
#[derive(Debug, Clone, Deserialize)]
pub struct Job {
    /// Its id.
    pub uuid: JobId,
    /// `backup`, `restore`, `undo`, `delete`, or what a newer server has.
    pub kind: String,
    /// What it is about.
    pub scope: String,
    /// How it stands.
    pub status: JobStatus,
    /// When it was ordered.
    pub created_at: String,
    /// When it was begun.
    pub started_at: Option<String>,
    /// When it ended.
    pub completed_at: Option<String>,
    /// The job that it takes back.
    pub undo_of: Option<JobId>,
    /// The job whose order this is once more.
    pub retry_of: Option<JobId>,
    /// Whether it was told to stop, and has not ended.
    #[serde(default)]
    pub stopping: bool,
    /// What happened, or why nothing did.
    pub message: Option<String>,
    /// What is being done.
    pub stage: Option<Stage>,
    /// How far that is.
    pub percent: Option<u8>,
    /// The same for people.
    pub detail: Option<String>,
    /// So many bytes of the stage are done.
    pub bytes_done: Option<u64>,
    /// Of so many, as far as is known.
    pub bytes_total: Option<u64>,
    /// For how long the site was closed.
    pub closed_ms: Option<u64>,
    /// Whether the site answers as it should.
    pub healthy: Option<bool>,
    /// Until when it can be taken back.
    pub undo_until: Option<String>,
    /// What somebody wrote beside it.
    pub note: Option<String>,
    /// Why it has not begun; in a status alone.
    pub waiting: Option<Waiting>,
    /// What is for operators.
    pub operator: Option<ForOperators>,
}

/// A stage of a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// The how manieth it is.
    pub number: u8,
    /// Of how many.
    pub of: u8,
    /// Whether it is being put back.
    pub reverting: bool,
}

/// Why a job has not begun.
#[derive(Debug, Clone, Deserialize)]
pub struct Waiting {
    /// Why, for people.
    pub because: String,
}

/// What is for operators.
#[derive(Debug, Clone, Deserialize)]
pub struct ForOperators {
    /// Why, in full.
    pub message: Option<String>,
}

/// A backup.
#[derive(Debug, Clone, Deserialize)]
pub struct Backup {
    /// Its id, which is that of the job that made it.
    pub uuid: String,
    /// restic's id.
    pub snapshot_id: String,
    /// `manual` or `daily`.
    pub kind: String,
    /// What it was made of.
    pub scope: String,
    /// `active`, `deleting` or `deleted`.
    pub state: String,
    /// When it was made.
    pub created_at: String,
    /// How large it is.
    pub bytes: u64,
    /// What is in it.
    pub sources: Vec<Source>,
    /// Whether files that could not be read are missing.
    pub incomplete: bool,
    /// Up to a hundred of them.
    pub unreadable: Vec<String>,
    /// Whether it is kept whatever the rules say.
    pub held: bool,
    /// When it was proved.
    pub verified_at: Option<String>,
    /// Who ordered it.
    pub requested_by: Option<String>,
    /// What somebody wrote beside it.
    pub note: Option<String>,
}

/// A part of a site that is in a backup.
#[derive(Debug, Clone, Deserialize)]
pub struct Source {
    /// Its stable id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its files, or rows.
    pub entries: u64,
}

/// What the server says, as this program understands it.
///
/// # Errors
/// If it does not: the server is of another time.
pub fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| {
        Failure::Silent(format!(
            "The answer is not understood ({error}): this program and the server are of different versions."
        ))
    })
}

impl Job {
    /// How long it took, from its beginning to its end.
    pub fn took(&self) -> Option<String> {
        let (from, to) = (self.started_at.as_ref()?, self.completed_at.as_ref()?);
        when::between(from, to).map(units::duration)
    }

    /// Whether it can be taken back now, as far as it says itself.
    pub fn can_be_undone(&self) -> bool {
        let until = self.undo_until.as_ref().filter(|_| self.status == JobStatus::Completed);
        until.is_some_and(|until| *until > when::now())
    }

    /// What there is to say about it, for people: a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("job       {}", self.uuid),
            format!("order     {} of {}", self.kind, self.scope),
            format!(
                "status    {}{}",
                self.status,
                if self.stopping { ", being stopped" } else { "" }
            ),
        ];
        let mut say = |name: &str, text: Option<String>| {
            lines.extend(text.map(|text| format!("{name:<10}{text}")));
        };
        say("undo of", self.undo_of.map(|of| of.to_string()));
        say("retry of", self.retry_of.map(|of| of.to_string()));
        say("says", self.message.clone());
        say("operator", self.operator.as_ref().and_then(|operator| operator.message.clone()));
        say("stage", self.stage.as_ref().map(Stage::text));
        say("detail", self.detail.clone());
        say("waits", self.waiting.as_ref().map(|waiting| waiting.because.clone()));
        say("ordered", Some(format!("{} UTC", when::shown(&self.created_at))));
        say("took", self.took());
        say(
            "closed",
            self.closed_ms.map(|ms| units::duration(std::time::Duration::from_millis(ms))),
        );
        say(
            "page",
            self.healthy
                .map(|well| if well { "as it should be" } else { "NOT as it should be" }.into()),
        );
        say(
            "undo",
            self.undo_until.as_ref().map(|until| format!("until {} UTC", when::shown(until))),
        );
        say("note", self.note.clone());
        lines
    }
}

impl Stage {
    /// `snapshot (3 of 5)`.
    pub fn text(&self) -> String {
        let back = if self.reverting { "putting back " } else { "" };
        format!("{back}{} ({} of {})", self.name, self.number, self.of)
    }
}

impl Backup {
    /// How it stands, in the word that matters most.
    pub fn standing(&self) -> &str {
        match self.state.as_str() {
            "active" if self.incomplete => "incomplete",
            "active" if self.held => "held",
            state => state,
        }
    }

    /// Whether all of a scope is in it.
    pub fn holds(&self, scope: Option<&holdfast_job::Scope>) -> bool {
        use holdfast_job::Scope;
        let source = |id: &str| self.sources.iter().any(|source| source.id == id);
        match (scope, self.scope.as_str()) {
            (None, _) => true,
            (Some(Scope::Sources(named)), _) => named.iter().all(|id| source(id.as_str())),
            (Some(scope), "db" | "files") => scope.word() == self.scope,
            (Some(_), _) => true,
        }
    }
}
