//! Sweeps that begin in the middle of a plan: one run is killed there, and every point after it
//! begins from what that has left, so that hundreds of points take minutes.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use holdfast_job::Stage;

use super::{Live, Plan, RECORD_CALLS, Scene, Shop};
use crate::{
    Action, Moment, Point, SECTION_CALLS, Seed, Tree, eventually, program, rehearsal, signal,
    traced_points_of,
};

/// Who is killed at a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    /// The executor.
    Executor,
    /// The client program.
    Client,
    /// The server.
    Server,
}

/// All of them.
const VICTIMS: [Victim; 3] = [Victim::Executor, Victim::Client, Victim::Server];

impl Scene {
    /// Makes the moment in which this stage begins the beginning of what follows.
    ///
    /// # Panics
    /// If the plan does not get there.
    pub fn begin_at(&self, stage: Stage) {
        self.reset();
        let mut running = self.call().rehearsed(&format!("wait {stage}")).start();
        running.until_said(&format!("\"stage\":\"{stage}\""));
        running.kill();
        running.wait();
        self.node.quiet();
        self.keep();
    }

    /// The executor, carrying on from there.
    fn carrying_on(&self) -> Command {
        let mut command = program(rehearsal());
        command.env("HOLDFAST_REHEARSAL", "carry on");
        command.arg("--config").arg(self.node.root().join("etc")).arg("recover");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Every system call at which it is killed from there on.
    pub fn points_behind(&self) -> Vec<Point> {
        self.reset();
        let calls = [&RECORD_CALLS[..], &SECTION_CALLS].concat();
        let points = traced_points_of(&self.carrying_on(), &calls, &self.record());
        self.assert_whole(Some(&self.new), "carried on", &"nobody killed it");
        points
    }

    /// Kills it at each of these points and recovers, twice at once.
    ///
    /// # Panics
    /// If the site is a mixture.
    pub fn kill_everywhere_behind(&self) -> usize {
        let points = self.points_behind();
        for point in &points {
            self.reset();
            let killed = point.kill_program(&self.carrying_on(), &self.record());
            assert!(killed, "{point:?}: it came to its end");
            self.recover_twice_at_once();
            self.assert_whole(None, &format!("killed at {point:?}"), &"");
        }
        points.len()
    }

    /// Kills somebody at each statement and recovers.
    ///
    /// # Panics
    /// If the site is a mixture.
    pub fn kill_at_statements(&self, victim: Victim, moment: Moment) -> usize {
        let statements = self.statements_behind();
        for number in 1..=statements {
            self.kill_at_statement(victim, moment, number);
        }
        statements
    }

    /// Kills this one at so many statements, chosen by chance, before or after each, and recovers.
    ///
    /// # Panics
    /// If the site is a mixture, or anything is left.
    pub fn kill_at_some_statements(&self, victim: Victim, number: usize, seed: &mut Seed) {
        let statements = self.statements_behind();
        for _ in 0..number {
            let moment = *seed.pick(&[Moment::Before, Moment::After]);
            self.kill_at_statement(victim, moment, 1 + seed.below(statements));
        }
    }

    /// Kills somebody at one statement, chosen by chance, before or after it, and recovers; and so once
    /// more at one of the recovery from a kill.
    ///
    /// # Panics
    /// If the site is a mixture.
    pub fn kill_somewhere_behind(&self, seed: &mut Seed) {
        let shop = self.shop.as_ref().expect("a site with a database");
        let victim = *seed.pick(&VICTIMS);
        let moment = *seed.pick(&[Moment::Before, Moment::After]);
        let statements = self.statements_behind();
        self.kill_at_statement(victim, moment, 1 + seed.below(statements));
        let points = self.points_behind();
        let point = seed.pick(&points);
        self.killed_behind(point);
        self.node.recover();
        let statements = shop.proxy.count();
        if statements > 0 {
            self.kill_recovery_at_statement(point, victim, 1 + seed.below(statements));
        }
    }

    fn statements_behind(&self) -> usize {
        let shop = self.shop.as_ref().expect("a site with a database");
        self.reset();
        let status = self.carrying_on().status().expect("the executor");
        assert!(status.success(), "{status}: {:?}", shop.proxy);
        shop.proxy.count()
    }

    fn kill_at_statement(&self, victim: Victim, moment: Moment, number: usize) {
        let shop = self.shop.as_ref().expect("a site with a database");
        self.reset();
        let context = format!("{victim:?} killed {moment:?} statement {number}");
        self.kill_one_at(self.carrying_on(), victim, moment, number, &context);
        self.recover_twice_at_once();
        if self.plan == Plan::Backup {
            // The next order clears the lock of a dead restic. Here its number may be somebody else's by
            // now, and none is alive.
            self.node.quiet();
            let unlocked = self.node.restic(&["unlock", "--remove-all"]).output().expect("restic");
            assert!(unlocked.status.success(), "{context}: {unlocked:?}");
        }
        self.assert_whole(None, &context, &shop.proxy);
    }

    /// Killed at this point, with nobody at the server any more.
    fn killed_behind(&self, point: &Point) {
        self.reset();
        assert!(point.kill_program(&self.carrying_on(), &self.record()), "{point:?}");
        self.node.quiet();
        self.shop.iter().for_each(|shop| shop.proxy.reset());
    }

    fn kill_recovery_at_statement(&self, point: &Point, victim: Victim, number: usize) {
        let shop = self.shop.as_ref().expect("a site with a database");
        self.killed_behind(point);
        let context =
            format!("killed at {point:?}, {victim:?} killed at statement {number} of recover");
        let recover = self.node.executor_with(&["recover"]);
        self.kill_one_at(recover, victim, Moment::After, number, &context);
        self.recover_twice_at_once();
        self.assert_whole(None, &context, &shop.proxy);
    }

    /// Runs the executor, and kills somebody at one of its statements.
    fn kill_one_at(
        &self,
        mut command: Command,
        victim: Victim,
        moment: Moment,
        number: usize,
        context: &str,
    ) {
        let shop = self.shop.as_ref().expect("a site with a database");
        let executor = Arc::new(AtomicU32::new(0));
        let pid = Arc::clone(&executor);
        let action = match victim {
            Victim::Client => Action::KillClient,
            Victim::Server => Action::Kill(shop.pid()),
            Victim::Executor => Action::Call(Box::new(move || {
                let pid = eventually("its pid", || {
                    Some(pid.load(Ordering::SeqCst)).filter(|pid| *pid > 0)
                });
                signal("KILL", &pid.to_string());
            })),
        };
        shop.proxy.arm(number, moment, action);
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the executor");
        executor.store(child.id(), Ordering::SeqCst);
        self.see_to_the_end(&mut child, victim, context);
    }

    /// Kills the plan at each point, and somebody at each statement of the recovery from it, and
    /// recovers from that. Points that leave the same world behind are one: nothing else is known to a
    /// recovery. Returns how many worlds there were, and how many recoveries were killed.
    ///
    /// # Panics
    /// If the site is a mixture.
    pub fn kill_recovery_everywhere_behind(&self) -> (usize, usize) {
        let shop = self.shop.as_ref().expect("a site with a database");
        let mut worlds = Vec::new();
        let mut product = 0;
        for point in self.points_behind() {
            self.killed_behind(&point);
            let world = self.world();
            if worlds.contains(&world) {
                continue;
            }
            worlds.push(world);
            self.node.recover();
            let statements = shop.proxy.count();
            for victim in VICTIMS {
                for number in 1..=statements {
                    self.kill_recovery_at_statement(&point, victim, number);
                    product += 1;
                }
            }
        }
        (worlds.len(), product)
    }

    /// All that a recovery can see: what is live, the journals, what is in the base, and what is on the
    /// server. Moments and inodes, which differ each time, are left out.
    fn world(&self) -> (Live, String) {
        let mut beside = String::new();
        let journals = self.node.root().join("state/journals/customer-42");
        for journal in fs::read_dir(journals).into_iter().flatten().flatten() {
            let text = fs::read(journal.path()).expect("a journal");
            let text = String::from_utf8_lossy(&text);
            beside.extend(text.chars().filter(|c| !c.is_ascii_digit() && *c != '\0'));
        }
        let aside = Tree::read(&self.node.base().join(".holdfast"));
        beside.extend(aside.paths().map(|path| format!("{}\n", path.display())));
        beside.push_str(if self.node.flag().exists() { "closed" } else { "open" });
        beside.extend(self.shop.iter().map(Shop::outline));
        (self.live(), beside)
    }

    /// Waits for the executor's end; a server that was killed is started again at once.
    fn see_to_the_end(&self, child: &mut Child, victim: Victim, context: &str) {
        let shop = self.shop.as_ref().expect("a site with a database");
        eventually(context, || shop.proxy.happened().then_some(()));
        if victim == Victim::Server {
            shop.start_again();
        }
        eventually(context, || child.try_wait().expect("a child"));
    }
}

/// A copy of a tree has inodes of its own: the journals that were copied with it are told.
pub(super) fn tell_journals(state: &Path, (base, copy): (&Path, &Path)) {
    let folder = state.join("journals/customer-42");
    for journal in fs::read_dir(folder).into_iter().flatten().flatten() {
        let text = fs::read(journal.path()).expect("a journal");
        let text: Vec<u8> = text.into_iter().filter(|byte| *byte != 0).collect();
        let mut text = String::from_utf8(text).expect("a journal");
        for (was, is) in inodes(base, copy) {
            text = text.replace(&format!("\"new\":{was},"), &format!("\"new\":{is},"));
            text = text.replace(&format!("\"new\":{was}}}"), &format!("\"new\":{is}}}"));
        }
        fs::write(journal.path(), text).expect("a journal");
    }
}

/// The inodes of what is prepared or kept in a base and in its copy.
fn inodes(base: &Path, copy: &Path) -> Vec<(u64, u64)> {
    let folders = fs::read_dir(copy.join(".holdfast")).into_iter().flatten().flatten();
    let below = |folder: fs::DirEntry| {
        let base = base.join(".holdfast").join(folder.file_name());
        let names = fs::read_dir(folder.path()).into_iter().flatten().flatten();
        names.map(move |name| (base.join(name.file_name()), name.path())).collect::<Vec<_>>()
    };
    let inode = |path: &Path| path.symlink_metadata().expect("an entry").ino();
    folders.flat_map(below).map(|(base, copy)| (inode(&base), inode(&copy))).collect()
}
