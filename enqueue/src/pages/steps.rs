//! The stages of an order in the words of a customer.

use holdfast_job::{JobStatus, Stage, Verb};
use holdfast_store::Job;
use maud::{Markup, html};

use super::words::size;

/// A step, and the stages that are part of it.
struct Step {
    /// Its name.
    name: &'static str,
    /// What is done, for the bar.
    doing: &'static str,
    /// What is said of it before it begins.
    before: &'static str,
    stages: &'static [Stage],
}

const CHECK: Step = Step { name: "Check", doing: "Checking", before: "", stages: &[Stage::Check] };
const SWITCH: Step = Step {
    name: "Switch",
    doing: "Switching",
    before: ", under a second as a rule",
    stages: &[
        Stage::Close,
        Stage::Halt,
        Stage::SwapDatabase,
        Stage::SwapFiles,
        Stage::Resume,
        Stage::Open,
    ],
};
const KEEP: Step = Step {
    name: "Keep the way back",
    doing: "Keeping the way back",
    before: "",
    stages: &[Stage::Keep],
};

const BACKUP: [Step; 4] = [
    CHECK,
    Step {
        name: "Save the database",
        doing: "Saving the database",
        before: "",
        stages: &[Stage::Dump],
    },
    Step {
        name: "Save the files",
        doing: "Saving the files",
        before: "",
        stages: &[Stage::Snapshot],
    },
    Step {
        name: "Read it back",
        doing: "Reading it back",
        before: "",
        stages: &[Stage::Verify, Stage::Tidy],
    },
];
const RESTORE: [Step; 4] = [
    CHECK,
    Step {
        name: "Fetch your backup",
        doing: "Fetching your backup",
        before: "",
        stages: &[Stage::Fetch, Stage::Load],
    },
    SWITCH,
    KEEP,
];
const UNDO: [Step; 3] = [CHECK, SWITCH, KEEP];
const DELETE: [Step; 3] = [
    CHECK,
    Step { name: "Delete", doing: "Deleting", before: "", stages: &[Stage::Forget] },
    Step {
        name: "See that it is gone",
        doing: "Seeing that it is gone",
        before: "",
        stages: &[Stage::ReadBack],
    },
];

fn steps(verb: Verb) -> &'static [Step] {
    match verb {
        Verb::Backup => &BACKUP,
        Verb::Restore => &RESTORE,
        Verb::Undo => &UNDO,
        Verb::Delete => &DELETE,
    }
}

/// The step in which a job is; none if it is not running, or in none that is known.
fn now(job: &Job) -> Option<usize> {
    let (stage, ..) = job.stage.filter(|_| job.status == JobStatus::Running)?;
    steps(job.verb).iter().position(|step| step.stages.contains(&stage))
}

/// The steps of a job that has not ended, with what is done, what runs and what is still to come.
pub fn show(job: &Job) -> Markup {
    let now = now(job);
    html! {
        ol.steps {
            @for (index, step) in steps(job.verb).iter().enumerate() {
                @let (class, said) = match now {
                    Some(now) if index < now => ("done", "Done"),
                    Some(now) if index == now => ("running", "Now"),
                    _ => ("to-come", "Still to come"),
                };
                li.(class) aria-current=[(class == "running").then_some("step")] {
                    span.step { (step.name) }
                    span.state {
                        @match class {
                            "running" => (running(job, step)),
                            "done" => { span aria-hidden="true" { "✓ " } (said) }
                            _ => { (said) (step.before) }
                        }
                    }
                }
            }
        }
    }
}

fn running(job: &Job, step: &Step) -> Markup {
    // The bar of a stage that is taken back would run the wrong way.
    let percent = job.percent.filter(|_| !job.reverting);
    let bytes = job.bytes.filter(|(_, total)| *total > 0 && !job.reverting);
    html! {
        span data-live="bytes" {
            @match bytes {
                Some((done, total)) => { "Now: " (size(done)) " of " (size(total)) }
                None => "Now",
            }
        }
        " "
        progress data-live="bar" aria-label=(step.doing) max="100" value=[percent] {}
        " "
        span data-live="percent" { @if let Some(percent) = percent { (percent) " %" } }
    }
}

/// What a screen reader is told: the step, and each tenth percent of it.
pub fn said(job: &Job) -> String {
    match (job.status, now(job)) {
        (JobStatus::Pending, _) => "Waiting".to_owned(),
        (JobStatus::Running, Some(now)) => {
            let step = &steps(job.verb)[now];
            match job.percent.filter(|_| !job.reverting) {
                Some(percent) if percent >= 10 => {
                    format!("{}, {} percent", step.doing, percent / 10 * 10)
                }
                _ => step.doing.to_owned(),
            }
        }
        (JobStatus::Running, None) => "It begins".to_owned(),
        _ => "It has ended".to_owned(),
    }
}

/// True while a stop is heeded.
pub fn can_be_stopped(job: &Job) -> bool {
    match job.status {
        JobStatus::Pending => !job.stop_requested,
        JobStatus::Running => {
            let past = job.stage.is_some_and(|(stage, ..)| stage.is_past_stopping());
            job.verb != Verb::Delete && !job.stop_requested && !past
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_of_a_switch_is_in_one_step_of_its_plan() {
        for (verb, stages) in [
            (
                Verb::Backup,
                vec![Stage::Check, Stage::Dump, Stage::Snapshot, Stage::Verify, Stage::Tidy],
            ),
            (
                Verb::Restore,
                vec![
                    Stage::Check,
                    Stage::Fetch,
                    Stage::Load,
                    Stage::Close,
                    Stage::Halt,
                    Stage::SwapDatabase,
                    Stage::SwapFiles,
                    Stage::Resume,
                    Stage::Open,
                    Stage::Keep,
                ],
            ),
            (Verb::Undo, vec![Stage::Check, Stage::Close, Stage::Resume, Stage::Keep]),
            (Verb::Delete, vec![Stage::Check, Stage::Forget, Stage::ReadBack]),
        ] {
            for stage in stages {
                let with = steps(verb).iter().filter(|step| step.stages.contains(&stage));
                assert_eq!(with.count(), 1, "{verb:?} {stage}");
            }
        }
    }
}
