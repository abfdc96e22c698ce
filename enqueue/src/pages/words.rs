//! Words of the pages for sizes, counts, parts of a site and kinds of orders.

use holdfast_job::{JobStatus, Scope, Verb};
use holdfast_store::{Backup, Job};

/// A size, in decimal units: `1.2 GB`.
pub fn size(bytes: u64) -> String {
    let mut amount = bytes as f64;
    let mut units = ["bytes", "kB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if amount < 999.5 {
            break;
        }
        (amount, unit) = (amount / 1000.0, next);
    }
    match unit {
        "bytes" => format!("{amount:.0} {unit}"),
        _ if amount < 10.0 => format!("{amount:.1} {unit}"),
        _ => format!("{amount:.0} {unit}"),
    }
}

/// A number with its thousands parted: `10,502`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut parted = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            parted.push(',');
        }
        parted.push(digit);
    }
    parted
}

/// A number with its noun: `1 file`, `4 files`.
pub fn counted(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{} {noun}s", count(number)),
    }
}

/// How long a site was closed: `0.17 seconds`.
pub fn closed_for(milliseconds: u64) -> String {
    let seconds = milliseconds as f64 / 1000.0;
    match milliseconds {
        0..=999 => format!("{seconds:.2} seconds"),
        1000..=99_999 => format!("{seconds:.1} seconds"),
        _ => format!("{:.0} minutes", (seconds / 60.0).ceil()),
    }
}

/// What a backup holds.
pub fn holds(backup: &Backup) -> &'static str {
    match backup.scope.as_str() {
        "db" => "Database",
        "files" => "Files",
        "both" => "Database and files",
        _ => "Parts of the site",
    }
}

/// What part of a site an order is about, at the end of a sentence.
pub fn part(scope: &Scope) -> &'static str {
    match scope {
        Scope::Db => "the database",
        Scope::Files => "the files",
        Scope::Both => "database and files",
        Scope::Sources(_) => "parts of the site",
    }
}

/// The kind of an order, as a noun.
pub fn noun(verb: Verb) -> &'static str {
    match verb {
        Verb::Backup => "backup",
        Verb::Restore => "restore",
        Verb::Undo => "undo",
        Verb::Delete => "deletion",
    }
}

/// How an order stands or ended, in one word or two.
pub fn outcome(job: &Job) -> &'static str {
    match (job.status, job.verb) {
        (JobStatus::Pending, _) => "Waiting",
        (JobStatus::Running, _) if job.stop_requested => "Being stopped",
        (JobStatus::Running, _) => "Running",
        (JobStatus::Completed, Verb::Backup) => "Saved",
        (JobStatus::Completed, Verb::Restore) => "Restored",
        (JobStatus::Completed, Verb::Undo) => "Undone",
        (JobStatus::Completed, Verb::Delete) => "Deleted",
        (JobStatus::Failed, _) => "Failed",
        (JobStatus::Stopped, _) => "Stopped",
        (JobStatus::Skipped, _) => "Skipped",
        (JobStatus::Stuck, _) => "Needs our support",
    }
}

/// The sign beside an outcome, and the class that colours both.
pub fn sign(status: JobStatus) -> (&'static str, &'static str) {
    match status {
        JobStatus::Completed => ("✓", "good"),
        JobStatus::Failed | JobStatus::Stuck => ("✕", "bad"),
        JobStatus::Stopped | JobStatus::Skipped => ("–", "quiet"),
        JobStatus::Pending | JobStatus::Running => ("…", "busy"),
    }
}

/// Who ordered, as the history names them.
pub fn who(requested_by: Option<&str>) -> &str {
    match requested_by {
        None => "somebody, before Holdfast was here",
        Some("planner") => "the retention of old backups",
        Some(name) => name.strip_prefix("user:").unwrap_or(name),
    }
}

/// The first part of a job's name: what people tell support.
pub fn reference(job: &Job) -> String {
    let name = job.job.to_string();
    // The first groups of a UUID of version 7 are the time, the last is random.
    name.rsplit('-').next().map(|last| format!("H-{last}")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_counts_read_as_people_say_them() {
        for (bytes, said) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (1_234_567, "1.2 MB"),
            (999_600_000, "1.0 GB"),
            (41_000_000_000, "41 GB"),
        ] {
            assert_eq!(size(bytes), said);
        }
        assert_eq!((count(7), count(10_502)), ("7".to_owned(), "10,502".to_owned()));
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!((counted(1, "file"), counted(4, "file")), ("1 file".into(), "4 files".into()));
        assert_eq!(
            (closed_for(170), closed_for(2_100)),
            ("0.17 seconds".into(), "2.1 seconds".into())
        );
    }
}
