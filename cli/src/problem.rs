//! What the server says in place of what was asked for: problem details, RFC 9457; and what somebody
//! may do about each.

use std::time::Duration;

use serde_json::Value;

/// What stands before the word of a problem's kind.
const PREFIX: &str = "urn:holdfast:problem:";

/// A problem.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The word of its kind; empty if the answer was no problem of Holdfast's.
    pub kind: String,
    /// What the server says about it, for people.
    pub detail: String,
    /// By what its log knows the request.
    pub request_id: Option<String>,
    /// After what time another try may help.
    pub retry_after: Option<Duration>,
    /// Where it was asked for, from the address of the API on.
    pub path: String,
    /// All of it, as it came.
    pub body: Value,
}

impl Problem {
    /// What an answer says that is no success.
    pub fn read(
        status: u16,
        path: &str,
        body: Value,
        request_id: Option<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        let word = |name: &str| body[name].as_str().map(str::to_owned);
        let kind = word("type").and_then(|kind| kind.strip_prefix(PREFIX).map(str::to_owned));
        let detail = word("detail").unwrap_or_else(|| match status {
            300..=399 => "The address has moved: put the new one into the profile.".into(),
            _ => format!(
                "The server answered {status}, in no words of Holdfast's: is this the address of its API?"
            ),
        });
        let request_id = word("request_id").or(request_id);
        let kind = kind.unwrap_or_default();
        let path = path.to_owned();
        Self { status, kind, detail, request_id, retry_after, path, body }
    }

    /// Whether the same request may be answered otherwise a little later. The server has ordered
    /// nothing, or knows the order again by its key.
    pub fn may_pass(&self) -> bool {
        match self.kind.as_str() {
            "store-away" | "order-unknown" | "too-slow" | "too-many-requests" => true,
            // A proxy before the web side that does not reach it.
            "" => matches!(self.status, 502..=504),
            _ => false,
        }
    }

    /// Whether an order that was answered so may have been taken.
    pub fn leaves_open(&self) -> bool {
        match self.kind.as_str() {
            "order-unknown" | "too-slow" => true,
            "" => matches!(self.status, 502..=504),
            _ => false,
        }
    }

    /// The job that is under way in place of what was asked for.
    pub fn active_job(&self) -> Option<&str> {
        self.body["active_job"].as_str()
    }

    /// Where somebody sees the right name of what is not there.
    fn where_to_look(&self, holdfast: &str) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let parts: Vec<_> = path.split('/').skip(3).collect();
        let list = match parts.as_slice() {
            ["nodes", ..] => return format!("Is the name right? The nodes: {holdfast} nodes"),
            ["customers", _, "backups", _, ..] => "list",
            ["customers", _, "jobs", _, ..] => "jobs",
            ["customers", ..] => {
                return format!("Is the name right? Whom the token may see: {holdfast} token show");
            }
            _ => return "Is the address right? The API's may have no such page.".into(),
        };
        format!(
            "Is the name right? What there is: {holdfast} {list}; whom the token may see: {holdfast} token show"
        )
    }

    /// What somebody may do next; `holdfast` is how this program is called.
    pub fn advice(&self, holdfast: &str) -> Option<String> {
        let job = self.active_job().unwrap_or_default();
        Some(match self.kind.as_str() {
            "active-job" if !job.is_empty() => format!("Watch it: {holdfast} watch {job}"),
            "unauthorized" => format!(
                "Get a token of the host's login, and give it to this program: {holdfast} token set"
            ),
            "forbidden" | "operators-only" => {
                format!("What the token may do: {holdfast} token show")
            }
            "not-found" => self.where_to_look(holdfast),
            "backup-gone" | "not-in-backup" => format!("The backups: {holdfast} list"),
            "no-undo-copy" => format!("The restores and undos: {holdfast} jobs --kind restore"),
            "stuck-job" => "A person at the node must look: see `settle` in the README.".into(),
            "too-late" => format!("When it has ended, take it back: {holdfast} undo"),
            "under-way" => format!("Stop it first: {holdfast} stop"),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_looked_for_where_its_kind_is_listed() {
        for (path, command) in [
            ("/api/v1/nodes/nosuch/drain", "holdfast nodes"),
            ("/api/v1/customers/a/backups/nosuch", "holdfast list"),
            ("/api/v1/customers/a/jobs/nosuch/stop", "holdfast jobs"),
            ("/api/v1/customers/a/status", "holdfast token show"),
            ("/api/v1/customers/a/backups?limit=20", "holdfast token show"),
            ("/api/v1/token", "Is the address right?"),
        ] {
            let body = serde_json::json!({ "type": "urn:holdfast:problem:not-found" });
            let problem = Problem::read(404, path, body, None, None);
            let advice = problem.advice("holdfast").unwrap();
            assert!(advice.contains(command), "{path}: {advice}");
        }
    }
}
