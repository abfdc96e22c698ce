//! `scripts/soak`: what is too long for a check. `sweeps`: every plan is killed at every point, and the
//! recovery from it at every point of its own, and then recovered. `files`: a site of a million files.
//! `jobs`: a thousand real jobs through one worker. `host`: a host that is stopped at every stage.
//! `versions`: clients and servers of several series of MariaDB. `anything`: random schemas under random
//! settings of the server.

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use holdfast_job::{Scope, Stage};
use holdfast_tests::{
    Anything, Call, Came, DatabaseSite, Fleet, Footprint, Harm, Host, Moment, Node, Release, Seed,
    Shop, eventually, fill_site,
    sweep::{Plan, Scene, Victim, say},
    versions::{Way, goes_round, moves_to, site_of},
};

const PLANS: [Plan; 4] = [Plan::Undo, Plan::Restore, Plan::Backup, Plan::Delete];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let plans: Vec<Plan> = match words.as_slice() {
        ["sweeps"] => PLANS.to_vec(),
        ["sweeps", names @ ..] => {
            let named = |plan: &Plan| names.contains(&format!("{plan:?}").to_lowercase().as_str());
            PLANS.into_iter().filter(named).collect()
        }
        ["files"] => return a_million_files(),
        ["host"] => return a_host_at_every_stage(),
        ["versions"] => return each_client_with_each_server(&SERIES),
        ["versions", series @ ..] => return each_client_with_each_server(series),
        ["anything", "databases"] => return anything(1000),
        ["anything", "databases", number] => match number.parse() {
            Ok(number) => return anything(number),
            Err(_) => Vec::new(),
        },
        ["jobs"] => return jobs_through_one_worker(1000),
        ["jobs", number] => match number.parse() {
            Ok(number) => return jobs_through_one_worker(number),
            Err(_) => Vec::new(),
        },
        _ => Vec::new(),
    };
    let more = ["databases", "containers"];
    if plans.is_empty() && !more.iter().any(|word| words.contains(word)) {
        eprintln!(
            "usage: soak sweeps [undo|restore|backup|delete|databases|containers …], files, jobs [number], host, versions [series …], or anything databases [number]"
        );
        return ExitCode::from(2);
    }
    for plan in plans {
        let scene = Scene::prepare(plan);
        scene.take_everything_twice();
        say(&scene.name(), "failed at every stage, once and twice", scene.fail_everywhere());
        say(&scene.name(), "killed", scene.kill_everywhere());
        say(&scene.name(), "killed, and its recovery killed", scene.kill_recovery_everywhere());
    }
    if words.len() == 1 || words.contains(&"databases") {
        sweep_databases();
    }
    if words.len() == 1 || words.contains(&"containers") {
        sweep_containers();
    }
    ExitCode::SUCCESS
}

/// The series of MariaDB that are tried, where they can be had.
const SERIES: [&str; 4] = ["10.6", "10.11", "11.4", "11.8"];

/// Each client with each server in each way, and each server's backup on each other one.
fn each_client_with_each_server(series: &[&str]) -> ExitCode {
    holdfast_tests::be_patient(Duration::from_secs(300));
    let (there, missing): (Vec<&str>, Vec<&str>) =
        series.iter().partition(|series| Release::unpacked(series).is_some());
    for server in &there {
        for client in &there {
            for way in [Way::Socket, Way::Network] {
                goes_round(&site_of(Release::needed(server), &Release::needed(client), way));
                println!(
                    "{server}, clients of {client}, {way:?}: saved, brought back, undone, exactly"
                );
            }
        }
    }
    for server in &there {
        for other in there.iter().filter(|other| *other != server) {
            let own = Release::needed(server);
            let site = site_of(own.clone(), &own, Way::Socket);
            moves_to(&site, Release::needed(other), &Release::needed(other));
            println!("{server} to {other}: brought back with its history and its current rows");
        }
    }
    println!("not to be had here, and not tried: {}", missing.join(", "));
    ExitCode::from(u8::from(there.is_empty()))
}

/// Random schemas under random settings, each from a number of its own.
fn anything(number: u64) -> ExitCode {
    holdfast_tests::be_patient(Duration::from_secs(300));
    let first = Seed::new().number();
    let mut anything = Anything::on(DatabaseSite::new());
    let (mut back, mut failed) = (0, Vec::new());
    for case in first..first + number {
        match anything.case(case) {
            Ok(came) => back += u32::from(came == Came::Back),
            Err(why) => {
                println!("{why}");
                failed.push(case);
            }
        }
        if (case - first + 1).is_multiple_of(50) {
            println!("{} cases, {back} came back, {} failed", case - first + 1, failed.len());
        }
    }
    println!("{number} cases: {back} came back, {} failed: {failed:?}", failed.len());
    ExitCode::from(u8::from(!failed.is_empty()))
}

/// So many backups of ten customers, and the deletes that retention orders, through one worker and the
/// real executor; what the worker holds meanwhile.
fn jobs_through_one_worker(number: u32) -> ExitCode {
    const CUSTOMERS: std::ops::RangeInclusive<u32> = 42..=51;
    // Deletes have their turn behind all backups.
    holdfast_tests::be_patient(Duration::from_secs(1800));
    let node = Node::new();
    for customer in CUSTOMERS {
        fill_site(&node.root().join(format!("customers/customer-{customer}/public")));
    }
    let fleet = Fleet::new(node);
    fleet.enter_customers(CUSTOMERS);
    let worker = fleet.worker("one", "");
    let (mut done, mut first) = (0, None);
    while done < number {
        let order = |customer| (customer, fleet.web.order_backup(customer, "files"));
        let jobs: Vec<_> = CUSTOMERS.map(order).collect();
        for (customer, job) in jobs {
            fleet.web.until(customer, job, "completed");
            done += 1;
        }
        if done % 50 == 0 {
            let now = eventually("a worker at rest", || {
                let now = Footprint::of(worker.pid());
                (now.children == 0).then_some(now)
            });
            println!("{done} backups: {now:?}");
            let first: &Footprint = first.get_or_insert(now);
            assert!(now.resident_kib < first.resident_kib + 2048, "{first:?}");
            assert!(now.descriptors < first.descriptors + 6, "{first:?}");
        }
    }
    println!(
        "{}",
        fleet.query("SELECT job_type, status, COUNT(*) FROM customer_backup_jobs GROUP BY 1, 2")
    );
    let left: Vec<_> = fleet.node.left_over();
    drop(worker);
    let ours = |line: &&String| !line.starts_with("process");
    assert_eq!(left.iter().filter(ours).count(), 0, "{left:#?}");
    ExitCode::SUCCESS
}

/// An installed host is stopped and started at every stage of a restore, told to and by a power cut; and
/// whoever takes part in it is killed there.
fn a_host_at_every_stage() -> ExitCode {
    holdfast_tests::be_patient(Duration::from_secs(300));
    let mut shop = Shop::on(Host::installed().with_rehearsal());
    let mut points = 0;
    for stage in Harm::STAGES {
        for harm in Harm::ALL {
            harm.befall(&mut shop, stage);
            points += 1;
        }
    }
    shop.restore_harmed("", Host::kill_restic);
    println!("host: {} points", points + 1);
    ExitCode::SUCCESS
}

/// The same on a site that runs in a container.
fn sweep_containers() {
    for plan in [Plan::Restore, Plan::Undo] {
        let scene = Scene::prepare_in_container(plan);
        say(&scene.name(), "failed at every stage, once and twice", scene.fail_everywhere());
        say(&scene.name(), "killed", scene.kill_everywhere());
    }
}

/// A site of a million empty files is saved, damaged and brought back; how long that took, and how much
/// memory the executor had.
fn a_million_files() -> ExitCode {
    holdfast_tests::be_patient(Duration::from_secs(7200));
    let node = Node::new();
    for folder in 0..1000 {
        let folder = node.live().join(folder.to_string());
        std::fs::create_dir_all(&folder).expect("a folder");
        for file in 0..1000 {
            std::fs::File::create(folder.join(file.to_string())).expect("a file");
        }
    }
    let measured = |what: &str, call: &Call| {
        let since = Instant::now();
        let (ended, kib) = call.run_measured();
        let seconds = since.elapsed().as_secs();
        println!("{what} of a million files: {seconds} s, the executor had {} MiB", kib >> 10);
        ended.completed()
    };
    let snapshot = measured("backup", &node.backup()).snapshot.expect("a snapshot");
    std::fs::remove_dir_all(node.live().join("7")).expect("a damage");
    measured("restore", &node.restore(&snapshot));
    assert_eq!(std::fs::read_dir(node.live().join("7")).expect("a folder").count(), 1000);
    node.recover();
    ExitCode::SUCCESS
}

/// The same on a site with a database: what is behind `Load`, and the recovery from that, at every
/// statement. The plans are swept side by side.
fn sweep_databases() {
    let plans = [
        (Plan::Restore, Scope::Both, Stage::Load),
        (Plan::Restore, Scope::Db, Stage::Load),
        (Plan::Undo, Scope::Both, Stage::Close),
    ];
    thread::scope(|all| {
        for (plan, scope, stage) in plans {
            all.spawn(move || sweep_database(plan, scope, stage));
        }
        all.spawn(sweep_dump);
    });
}

/// A backup with a database, from its dump on: the rehearsal of its restore is in it.
fn sweep_dump() {
    let scene = Scene::prepare_of(Plan::Backup, Scope::Both);
    scene.begin_at(Stage::Dump);
    for victim in [Victim::Executor, Victim::Client, Victim::Server] {
        let points = scene.kill_at_statements(victim, Moment::After);
        say(&scene.name(), &format!("{victim:?} killed after every statement"), points);
    }
}

fn sweep_database(plan: Plan, scope: Scope, stage: Stage) {
    let scene = Scene::prepare_of(plan, scope);
    scene.take_everything_twice();
    let name = scene.name();
    say(&name, "failed at every stage, once and twice", scene.fail_everywhere());
    scene.begin_at(stage);
    say(&name, &format!("killed from {stage} on"), scene.kill_everywhere_behind());
    for victim in [Victim::Executor, Victim::Client, Victim::Server] {
        for moment in [Moment::Before, Moment::After] {
            let points = scene.kill_at_statements(victim, moment);
            say(&name, &format!("{victim:?} killed {moment:?} every statement"), points);
        }
    }
    let (worlds, points) = scene.kill_recovery_everywhere_behind();
    let sweep = format!("killed, {worlds} worlds, and somebody at every statement of recovery");
    say(&name, &sweep, points);
}
