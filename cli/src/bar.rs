//! How a job goes, for whoever watches: a bar that moves on a terminal, else a line at each change.

use std::time::{Duration, Instant};

use holdfast_job::JobStatus;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    ending::Ending,
    pace::Pace,
    shown::{Job, Stage},
    units,
    voice::{Voice, plain},
};

/// Of a stage that says how far it is.
const MEASURED: &str = "{bar:8} {percent:>3} %  {wide_msg}";
/// Of one that does not: a sign of life, and no number that would stand still.
const MOVING: &str = "{spinner}  {wide_msg}";

/// Whoever watches.
pub struct Bar {
    voice: Voice,
    bar: Option<ProgressBar>,
    began: Instant,
    /// How it is drawn; empty before there is something to be seen.
    template: &'static str,
    stage: Option<Stage>,
    pace: Pace,
    said: String,
}

impl Bar {
    /// One that shows nothing yet.
    pub fn new(voice: Voice) -> Self {
        let bar = voice
            .shows_bar()
            .then(|| ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr()));
        let (stage, pace) = (None, Pace::default());
        let (template, said) = ("", String::new());
        Self { voice, bar, began: Instant::now(), template, stage, pace, said }
    }

    /// Shows how the job stands now.
    pub fn show(&mut self, job: &Job) {
        if Ending::of(job.status).is_some() {
            // How it ended is the answer, and said as such.
            return;
        }
        if self.stage != job.stage {
            self.stage.clone_from(&job.stage);
            self.pace = Pace::default();
        }
        if let (Some(done), JobStatus::Running) = (job.bytes_done, job.status) {
            self.pace.saw(self.began.elapsed(), done);
        }
        let stopping = if job.stopping { "being stopped, " } else { "" };
        let what = match (&job.stage, &job.waiting) {
            (Some(stage), _) => format!("{stopping}{}", stage.text()),
            (None, Some(waiting)) => format!("{}: {}", job.status, waiting.because),
            (None, None) => match &job.message {
                Some(message) if job.status == JobStatus::Pending => {
                    format!("{}: {message}", job.status)
                }
                _ => job.status.to_string(),
            },
        };
        match &self.bar {
            Some(bar) => {
                let template = if job.percent.is_some() { MEASURED } else { MOVING };
                if template != self.template {
                    style(bar, template);
                    self.template = template;
                    bar.enable_steady_tick(Duration::from_millis(250));
                }
                bar.set_position(job.percent.unwrap_or(0).into());
                bar.set_message(plain(&format!("{what}{}", self.speed(job))).into_owned());
            }
            None if what != self.said => {
                self.voice.note(&format!("{}: {what}", job.kind));
                self.said = what;
            }
            None => {}
        }
    }

    /// How much is done, time left and rate, as far as they can be told. Where a line has too little room
    /// the rate is missed least.
    fn speed(&self, job: &Job) -> String {
        let mut text = String::new();
        let moving = job.bytes_total.filter(|&total| total > 0);
        if let (Some(done), Some(total)) = (job.bytes_done, moving) {
            text.push_str(&format!("  {} of {}", units::bytes(done), units::bytes(total)));
            if let Some(left) = self.pace.left(total) {
                text.push_str(&format!(", {} left", units::estimate(left)));
            }
            if let Some(rate) = self.pace.rate() {
                text.push_str(&format!(", {}/s", units::bytes(rate)));
            }
        }
        text
    }

    /// Says something that stays above it.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.voice.note(text)),
            None => self.voice.note(text),
        }
    }

    /// Clears it away.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(bar: &ProgressBar, template: &str) {
    // The templates above are right; a wrong one would leave the usual style.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> ").tick_chars("|/-\\ "));
    }
}
