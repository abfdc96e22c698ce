//! The program: from the command line to the exit code.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand};
use holdfast_job::{CustomerId, KeyId, Moment, NodeName, chain};
use holdfast_store::{Admissions, Database, Ringer, Schema};
use sd_notify::{NotifyState, notify};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::{
    auth::{Claims, Role, Tokens, issue},
    config::Config,
    descriptors::room_for_streams,
    http::{
        address::Addresses,
        connections::{listen, serve},
    },
    memory,
    orders::{
        admission::Admission,
        daily::DailyLimit,
        keys::{Signer, generate},
        ringing::Bells,
    },
    planner::Planner,
    server::routes,
    watching::Watching,
    web::Web,
};

/// Admits and signs jobs, rings for them, tells how they stand.
#[derive(Debug, Parser)]
#[command(name = "holdfast-enqueue", version, about)]
struct CommandLine {
    /// The configuration.
    #[arg(long, default_value = "/etc/holdfast/enqueue.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve the API until SIGTERM.
    Run,
    /// Bring the schema up to date, by the account in `--config`.
    Migrate,
    /// Make a key that signs orders: its public half belongs on every node.
    Keygen {
        /// The key's name, such as 2026-11.
        id: KeyId,
        /// Where the two files are written.
        #[arg(long, default_value = ".")]
        folder: PathBuf,
    },
    /// Nodes.
    #[command(subcommand)]
    Node(NodeVerb),
    /// Customers.
    #[command(subcommand)]
    Customer(CustomerVerb),
    /// Make a token, if tokens are checked by a secret.
    Token(TokenArgs),
}

#[derive(Debug, Subcommand)]
enum NodeVerb {
    /// Register a node for a pool.
    Add {
        /// Its name, as its own configuration has it.
        name: NodeName,
        /// The pool whose jobs it takes.
        #[arg(long, default_value = "default")]
        pool: String,
    },
}

#[derive(Debug, Subcommand)]
enum CustomerVerb {
    /// Enter a customer that the host knows, or say anew where its site is.
    Add {
        /// Its number in the host's table.
        id: CustomerId,
        /// What the host's tokens call it; its number if left out.
        #[arg(long)]
        external_id: Option<String>,
        /// The pool where its site is.
        #[arg(long, default_value = "default")]
        pool: String,
    },
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// The user.
    #[arg(long)]
    user: String,
    /// A customer that the user may see, by external id or UUID; may be given again.
    #[arg(long = "customer")]
    customers: Vec<String>,
    /// The user may see all.
    #[arg(long)]
    operator: bool,
    /// The user may look and not order.
    #[arg(long)]
    read_only: bool,
    /// For how long it counts.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.context("cannot start").and_then(|runtime| runtime.block_on(act(line)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("holdfast-enqueue: {problem:#}");
            ExitCode::from(2)
        }
    }
}

async fn act(line: CommandLine) -> anyhow::Result<()> {
    memory::keep().context("cannot keep memory from being written to a disk")?;
    let file = &line.config;
    match line.verb {
        Verb::Run => {
            let config = Config::load(file)?;
            holdfast_log::start(config.log_file.as_deref())?;
            run(config).await
        }
        Verb::Migrate => {
            Database::new(&Config::load_database(file)?).migrate().await?;
            println!("The schema is this version's. Rights: migrations/grants.sql.");
            Ok(())
        }
        Verb::Keygen { id, folder } => {
            let (secret, public) = generate(&id, &folder)?;
            println!("{}: for the web side's user alone", secret.display());
            println!("{}: for `node.ticket_keys` on every node", public.display());
            Ok(())
        }
        Verb::Node(NodeVerb::Add { name, pool }) => {
            check_pool(&pool)?;
            let database = Database::new(&Config::load_database(file)?);
            if let Some(other) = database.register_node(&name, &pool).await? {
                bail!("the pool `{pool}` has the node `{other}` already, and a pool is one node");
            }
            println!("{name} serves the pool `{pool}`.");
            Ok(())
        }
        Verb::Customer(CustomerVerb::Add { id, external_id, pool }) => {
            check_pool(&pool)?;
            add_customer(file, id, external_id, &pool).await
        }
        Verb::Token(args) => token(file, args),
    }
}

/// A pool's name stands in a key of Redis and in a column.
fn check_pool(pool: &str) -> anyhow::Result<()> {
    // The form of a node's name.
    pool.parse::<NodeName>().map(|_| ()).context("a pool's name has the form of a node's")
}

async fn add_customer(
    file: &Path,
    id: CustomerId,
    external_id: Option<String>,
    pool: &str,
) -> anyhow::Result<()> {
    let database = Database::new(&Config::load_database(file)?);
    let name = external_id.unwrap_or_else(|| id.to_string());
    let fits = (1..=64).contains(&name.chars().count());
    if !fits || name.trim() != name || name.chars().any(char::is_control) {
        bail!("an external id has 1 to 64 characters on one line, and no space at its ends");
    }
    if !database.enter_customer(id, &name).await? {
        match (database.customer_of(id).await?, database.customer(&name).await?) {
            (Some(known), _) => {
                bail!("customer {id} is known as {:?} already", known.external_id)
            }
            (None, Some(other)) => bail!("customer {} has the name {name:?} already", other.id),
            (None, None) => bail!(
                "customer {id} is not in the table `customers`: the host enters its customers there \
                 first, as in `INSERT INTO customers (id) VALUES ({id})`"
            ),
        }
    }
    database.move_customer(id, pool).await?;
    println!("Customer {id} is known as {name}; its site is in the pool `{pool}`.");
    Ok(())
}

fn token(file: &Path, args: TokenArgs) -> anyhow::Result<()> {
    let config = Config::load(file)?;
    let until = Moment::of(SystemTime::now()).plus(Duration::from_secs(args.seconds));
    let claims = Claims {
        sub: args.user,
        exp: until.unix_seconds(),
        iss: config.tokens.issuer.clone(),
        aud: config.tokens.audience.clone().into(),
        customers: args.customers,
        role: if args.operator { Role::Operator } else { Role::Customer },
        scope: if args.read_only { "backup:read" } else { "backup:read backup:write" }.into(),
    };
    println!("{}", issue(&config.tokens, &claims)?);
    Ok(())
}

async fn run(mut config: Config) -> anyhow::Result<()> {
    config.limits.streams = room_for_streams(config.limits.streams);
    let signer = Signer::load(&config.signing_key_file)?;
    let tokens = Tokens::load(&config.tokens)?;
    let database = Database::new(&config.database);
    // A database that is away comes back; one whose schema is behind does not by itself.
    match database.in_time(database.schema()).await {
        Ok(Schema::Ready) => {}
        Ok(Schema::Behind) => bail!(
            "the schema is behind: run `holdfast-enqueue migrate`, and see migrations/grants.sql"
        ),
        Err(error) if error.is_away() => warn!("{}: it is waited for", chain(&error)),
        Err(error) => bail!("`database`: {}", chain(&error)),
    }
    let bells = Bells::start(Ringer::new(&config.redis).context("`redis`")?);
    let daily = DailyLimit { database: database.clone(), orders: config.limits.orders_a_day };
    let admissions = Admissions::start(database.clone());
    let admission =
        Arc::new(Admission { database: database.clone(), admissions, signer, bells, daily });
    let planner = Planner {
        database: database.clone(),
        admission: Arc::clone(&admission),
        keep: config.keep_manual,
        every: config.plan_every,
    };
    tokio::spawn(planner.run());
    let listener = listen(config.listen).with_context(|| format!("`listen`: {}", config.listen))?;
    info!(address = %listener.local_addr()?, "ready");
    // Who is not started by systemd tells nobody.
    if let Err(error) = notify(&[NotifyState::Ready]) {
        warn!("systemd could not be told: {error}");
    }
    let addresses = Arc::new(Addresses::new(&config.limits));
    tokio::spawn(Arc::clone(&addresses).forget_idle());
    let watching = Arc::new(Watching::new(database.clone(), config.worker_silence, &config.limits));
    tokio::spawn(Arc::clone(&watching).look());
    let streams = Arc::clone(&watching);
    let web = Web { config, database: database.clone(), admission, tokens, addresses, watching };
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let ended = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        info!("ending: what was asked is still answered, and streams end");
        streams.end();
    };
    serve(listener, routes(Arc::new(web)), ended).await;
    database.close().await;
    Ok(())
}
