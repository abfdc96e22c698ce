//! The program: from the command line to the exit code, and the order in which things begin and end.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::{Parser, Subcommand};
use holdfast_store::{Database, Listener, Queue, Ringer};
use sd_notify::NotifyState;
use tracing::{error, info};

use crate::{
    config::Config,
    janitor::Janitor,
    memory,
    preflight::{Finding, cannot_start, examine, refuse_process, refuse_servers},
    pulse::{tell, tell_watchdog},
    recovery::Recovery,
    stop::{Phase, Stop},
    taker::{Taker, work_off},
};

/// How long a pop blocks: so long at most does a worker without work take to hear that it is to end.
const BLOCK: std::time::Duration = std::time::Duration::from_secs(1);

/// Takes jobs, has the executor carry them out, records how they end.
#[derive(Debug, Parser)]
#[command(name = "holdfast-worker", version, about)]
struct CommandLine {
    /// The configuration.
    #[arg(long, default_value = "/etc/holdfast/worker.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Work until SIGTERM: then take nothing new, let what is under way end, and at last cut it short.
    Run {
        /// Carry out what is due now, and end.
        #[arg(long)]
        once: bool,
    },
    /// Look whether this worker could work, and say what to change.
    Doctor {
        /// As JSON lines.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the worker with the arguments of this process.
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.context("cannot start").and_then(|runtime| runtime.block_on(act(line)));
    match done {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("holdfast-worker: {problem:#}");
            ExitCode::from(2)
        }
    }
}

async fn act(line: CommandLine) -> anyhow::Result<ExitCode> {
    memory::keep().context("cannot keep memory from being written to a disk")?;
    let config = Config::load(&line.config)?;
    match line.verb {
        Verb::Doctor { json } => {
            let findings = examine(&config).await;
            for finding in &findings {
                println!("{}", if json { finding.json() } else { finding.to_string() });
            }
            let good = findings.iter().all(Finding::is_good);
            Ok(ExitCode::from(u8::from(!good)))
        }
        Verb::Run { once } => {
            holdfast_log::start(config.log_file.as_deref())?;
            refuse_process(&config)?;
            run(config, once).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Recovery, which needs no server of ours; then work; then an end in three phases.
async fn run(config: Config, once: bool) -> anyhow::Result<()> {
    let config = Arc::new(config);
    let database = Database::new(&config.database);
    let recovery = Recovery::new(Arc::clone(&config), database.clone());
    let recovered = recovery.before_work().await;
    recovered.map_err(|error| anyhow::anyhow!(cannot_start(&config, &error)))?;
    refuse_servers(&config, &database).await?;
    let node = database.in_time(database.node(&config.node)).await?;
    let node = node.context("the node is not registered any more")?;
    let stop = Stop::on_signals(config.grace)?;
    info!(node = %config.node, pool = node.pool, slots = config.slots, "ready");
    if once {
        return work_off(&config, &database, &node.pool, &stop, &recovery).await;
    }
    let queue = Queue::of(&node.pool);
    let ringer = Ringer::new(&config.redis)?;
    let taker = Taker::new(
        Arc::clone(&config),
        database.clone(),
        &node.pool,
        stop.clone(),
        recovery.clone(),
    );
    let under_way = taker.under_way();
    let janitor = Janitor::new(
        Arc::clone(&config),
        database.clone(),
        ringer,
        recovery,
        &node.pool,
        under_way,
    );
    let beats = vec![("taker", taker.beat()), ("janitor", janitor.beat())];
    let watchdog = tokio::spawn(tell_watchdog(beats));
    let janitor = tokio::spawn(janitor.run(stop.clone()));
    let listener = Listener::new(&config.redis, queue, BLOCK)?;
    tell(NotifyState::Ready);
    let ending = stop.clone();
    tokio::spawn(async move {
        ending.until(Phase::Quiet).await;
        tell(NotifyState::Stopping);
    });
    taker.run(listener).await;
    // The janitor keeps the node's sign of life until the last job has ended.
    stop.at_least(Phase::Done);
    if let Err(panic) = janitor.await {
        error!("the janitor ended by itself: {panic}");
    }
    database.close().await;
    watchdog.abort();
    info!("ended");
    Ok(())
}
