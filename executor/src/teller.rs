//! What the executor says: JSON lines on stdout and, on a terminal, a progress bar on stderr.
//!
//! A thread of its own does the writing, so that a reader who does not read never holds up the
//! work: in the swap section a blocked write would hold the site closed.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use holdfast_job::{Level, Message, Progress, Stage, WorkResult, bounded};
use indicatif::{ProgressBar, ProgressStyle};

/// Lines that may wait for a slow reader before further ones are left out.
const MAX_WAITING: usize = 512;
/// How long the last line may take a slow reader.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Says messages without ever waiting for whoever listens.
#[derive(Debug)]
pub struct Teller {
    messages: mpsc::Sender<Message>,
    waiting: Arc<AtomicUsize>,
    finished: mpsc::Receiver<()>,
}

impl Teller {
    /// Starts the thread that writes.
    pub fn start() -> Self {
        Self::writing(Page::open, |page, message| page.write(message))
    }

    /// One whose warnings alone are heard, on stderr: for `recover`, which has a report of its own.
    pub fn of_warnings() -> Self {
        Self::writing(io::stderr, |stderr, message| {
            if let Message::Log { level: Level::Warn, text } = message {
                let _ = writeln!(stderr, "warning: {text}");
            }
        })
    }

    fn writing<P>(
        open: impl FnOnce() -> P + Send + 'static,
        write: impl Fn(&mut P, &Message) + Send + 'static,
    ) -> Self {
        let (messages, inbox) = mpsc::channel();
        let (done, finished) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&waiting);
        thread::spawn(move || {
            let mut page = open();
            for message in inbox {
                write(&mut page, &message);
                counter.fetch_sub(1, Ordering::Relaxed);
            }
            drop(done);
        });
        Self { messages, waiting, finished }
    }

    fn say(&self, message: Message) {
        if self.waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            // The thread ends only after this sender.
            let _ = self.messages.send(message);
        } else {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A stage begins, `number` of `of`.
    pub fn stage(&self, stage: Stage, number: usize, of: usize, reverting: bool) {
        self.say(Message::Stage { stage, number, of, reverting });
    }

    /// How far a stage is.
    pub fn progress(&self, progress: Progress) {
        self.say(Message::Progress(progress));
    }

    /// Something worth knowing.
    pub fn log(&self, level: Level, text: impl Into<String>) {
        self.say(Message::Log { level, text: bounded(text.into()) });
    }

    /// The last word; waits a moment for it to be heard, and no longer.
    pub fn end(self, result: WorkResult) {
        let _ = self.messages.send(Message::Result(Box::new(result)));
        self.fall_silent();
    }

    /// Waits a moment for what was said to be heard, and no longer.
    pub fn fall_silent(self) {
        let Self { messages, finished, .. } = self;
        drop(messages);
        // Either the thread is done and has dropped its end, or nobody listens.
        let _ = finished.recv_timeout(LAST_WORD);
    }
}

/// Where messages become text.
struct Page {
    json: bool,
    bar: ProgressBar,
}

impl Page {
    fn open() -> Self {
        let bar = ProgressBar::hidden();
        if io::stderr().is_terminal() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
        if let Ok(style) =
            ProgressStyle::with_template("{prefix:<12} [{bar:32}] {percent:>3} %  {msg}")
        {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_length(100);
        Self { json: !io::stdout().is_terminal(), bar }
    }

    /// A reader that is gone is no reason to stop, so errors of writing are not looked at.
    fn write(&mut self, message: &Message) {
        self.draw(message);
        if self.json {
            if let Ok(mut line) = serde_json::to_vec(message) {
                line.push(b'\n');
                let mut stdout = io::stdout().lock();
                let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
            }
        } else if let Message::Result(result) = message {
            let _ = writeln!(io::stdout(), "{}", for_people(result));
        }
    }

    fn draw(&mut self, message: &Message) {
        match message {
            Message::Stage { stage, reverting, .. } => {
                let prefix = if *reverting { format!("-{stage}") } else { stage.to_string() };
                self.bar.set_prefix(prefix);
                self.bar.set_position(0);
                self.bar.set_message("");
            }
            Message::Progress(progress) => {
                self.bar.set_position(u64::from(progress.percent));
                self.bar.set_message(progress.detail.clone());
            }
            Message::Log { level: Level::Warn, text } => self.bar.suspend(|| {
                if io::stderr().is_terminal() {
                    let _ = writeln!(io::stderr(), "warning: {text}");
                }
            }),
            Message::Log { text, .. } => self.bar.set_message(text.clone()),
            Message::Result(_) => self.bar.finish_and_clear(),
        }
    }
}

/// The result as a person at a terminal reads it.
fn for_people(result: &WorkResult) -> String {
    let mut lines = vec![result.customer_message.clone()];
    if !result.outcome.is_success() && result.operator_message != result.customer_message {
        lines.push(format!("  {}", result.operator_message));
    }
    for source in &result.sources {
        let what = serde_json::to_value(source.what).ok();
        let what = what.as_ref().and_then(|what| what.as_str()).unwrap_or_default().to_owned();
        let size = match source.entries {
            0 => String::new(),
            entries => format!(", {entries} entries, {}", megabytes(source.bytes)),
        };
        lines.push(format!("  {} ({}): {what}{size}", source.name, source.id));
    }
    if let Some(snapshot) = &result.snapshot {
        lines.push(format!("  snapshot {snapshot}"));
    }
    if let Some(closed) = result.closed_ms {
        let own = result.services_ms.map_or_else(String::new, |own| {
            format!(", {own} ms of that for what runs on it to stop and to start")
        });
        lines.push(format!("  the site was closed for {closed} ms{own}"));
    }
    if result.healthy == Some(false) {
        lines.push(
            "  the site does not answer as it should; it did not before either, or that was \
                    to be kept"
                .into(),
        );
    }
    if let (Some(until), Some(job)) = (result.undo_until, result.job) {
        lines.push(format!("  undo is possible until {until} (job {job})"));
    }
    lines.extend(result.unreadable.iter().map(|path| format!("  not saved: {path}")));
    lines.join("\n")
}

/// Bytes as people say them.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
