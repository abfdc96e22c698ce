//! The sweeps: every plan, failed at every stage, taken twice, and killed at every point, on the
//! real world; each time the site must end entirely old or entirely new.

mod behind;
mod containers;
mod shop;

use std::{fmt, fs, io::Write, path::PathBuf};

use holdfast_job::{Outcome, Scope, SnapshotId, Stage, UndoCopy};

pub use self::behind::Victim;
use self::{containers::Container, shop::Shop};
use crate::{
    Call, Ended, Node, Point, SECTION_CALLS, Schema, Seed, Tree, damage, node::copy_tree,
    traced_points, traced_points_of,
};

/// A record of the journal is written by the first of these and made durable by the second.
const RECORD_CALLS: [&str; 2] = ["pwrite64", "fdatasync"];

/// Which plan is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// A backup of the good site.
    Backup,
    /// A restore of the good site over the damaged one.
    Restore,
    /// An undo of that restore.
    Undo,
    /// The deletion of the good backup.
    Delete,
}

/// A world in which a plan is performed again and again, each time from the same beginning.
#[derive(Debug)]
pub struct Scene {
    plan: Plan,
    scope: Scope,
    /// The database, if the site has one: it ends before the node's folder goes.
    shop: Option<Shop>,
    /// The container that it runs in, if it does.
    container: Option<Container>,
    /// The node.
    pub node: Node,
    snapshot: SnapshotId,
    /// What is live before the plan.
    old: Live,
    /// What is live after it.
    new: Live,
    /// The plan's stages, as its own journal names them: a new one is swept without a word here.
    stages: Vec<Stage>,
}

/// What of a site is live: together old or together new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    tree: Tree,
    schema: Option<Schema>,
}

impl Live {
    fn read(node: &Node, shop: Option<&Shop>) -> Self {
        Self { tree: node.tree(), schema: shop.and_then(Shop::schema) }
    }

    fn differences(&self, there: &Self) -> String {
        let trees = self.tree.differences(&there.tree);
        match (&self.schema, &there.schema) {
            (Some(here), Some(there)) => format!("{trees}\n{}", here.differences(there)),
            (here, there) => format!("{trees}\nschema {here:?} and {there:?}"),
        }
    }
}

impl Scene {
    /// Prepares the beginning for a site of files.
    ///
    /// # Panics
    /// If the node does not work.
    pub fn prepare(plan: Plan) -> Self {
        Self::prepare_of(plan, Scope::Files)
    }

    /// Prepares the beginning: a site that has a database, unless this is about files alone.
    ///
    /// # Panics
    /// If the node does not work.
    pub fn prepare_of(plan: Plan, scope: Scope) -> Self {
        let node = Node::with_site();
        let shop = (scope != Scope::Files).then(|| Shop::open(&node));
        Self::prepare_on(node, shop, None, (plan, scope))
    }

    /// Prepares the beginning for a site of files that runs in a container.
    ///
    /// # Panics
    /// If the node or the engine does not work.
    pub fn prepare_in_container(plan: Plan) -> Self {
        let node = Node::with_site();
        let container = Container::open(&node);
        Self::prepare_on(node, None, Some(container), (plan, Scope::Files))
    }

    fn prepare_on(
        node: Node,
        shop: Option<Shop>,
        container: Option<Container>,
        (plan, scope): (Plan, Scope),
    ) -> Self {
        let live = || Live::read(&node, shop.as_ref());
        let good = live();
        let snapshot = node.backed_up();
        let (mut old, mut new) = (good.clone(), good);
        if matches!(plan, Plan::Restore | Plan::Undo) {
            damage(&node.live());
            shop.iter().for_each(Shop::damage);
            old = live();
            // What the order is not about stays as it is.
            if scope == Scope::Db {
                new.tree = old.tree.clone();
            }
        }
        if plan == Plan::Undo {
            node.restore_with(&snapshot, scope.clone(), UndoCopy::Keep).run().completed();
            std::mem::swap(&mut old, &mut new);
        }
        let stages = Vec::new();
        let mut scene = Self { plan, scope, shop, container, node, snapshot, old, new, stages };
        copy_tree(&scene.node.repository(), &scene.kept("repository"));
        // A rehearsal that went well is not done again, and the sweep is to have one.
        for known in ["journals", "rehearsed"] {
            let _ = fs::remove_dir_all(scene.node.root().join("state").join(known));
        }
        scene.keep();
        scene.stages = scene.rehearse();
        scene
    }

    /// Makes what is there now the beginning.
    fn keep(&self) {
        copy_tree(&self.node.base(), &self.kept("base"));
        copy_tree(&self.node.root().join("state"), &self.kept("state"));
        behind::tell_journals(&self.kept("state"), (&self.node.base(), &self.kept("base")));
        self.shop.iter().for_each(|shop| shop.keep(&self.kept("data")));
    }

    fn live(&self) -> Live {
        Live::read(&self.node, self.shop.as_ref())
    }

    /// Performs the plan once, and returns the stages that it had.
    fn rehearse(&self) -> Vec<Stage> {
        self.reset();
        let call = self.call();
        call.run().completed();
        self.node.recover();
        let journal = fs::read_to_string(self.node.journal(call.job())).expect("a journal");
        let first = journal.lines().next().expect("a first record");
        let opened: serde_json::Value = serde_json::from_str(first).expect("a record");
        serde_json::from_value(opened["outline"]["stages"].clone()).expect("stages")
    }

    /// Which plan it is, and of what.
    pub fn name(&self) -> String {
        let place = if self.container.is_some() { ", in a container" } else { "" };
        format!("{:?} of {}{place}", self.plan, self.scope)
    }

    /// The plan's stages, in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// The answer of the site's server, as root; empty if the site has no database.
    pub fn query(&self, sql: &str) -> String {
        self.shop.as_ref().map_or_else(String::new, |shop| shop.query(sql))
    }

    fn kept(&self, what: &str) -> PathBuf {
        self.node.root().join("kept").join(what)
    }

    /// Back to the beginning.
    pub fn reset(&self) {
        copy_tree(&self.kept("base"), &self.node.base());
        if self.plan == Plan::Delete {
            copy_tree(&self.kept("repository"), &self.node.repository());
        }
        copy_tree(&self.kept("state"), &self.node.root().join("state"));
        let state = self.node.root().join("state");
        behind::tell_journals(&state, (&self.kept("base"), &self.node.base()));
        self.shop.iter().for_each(|shop| shop.reset(&self.kept("data")));
        self.container.iter().for_each(|container| container.renew(&self.node));
        assert_eq!(self.live(), self.old, "the beginning");
    }

    /// The order.
    pub fn call(&self) -> Call {
        match self.plan {
            Plan::Backup => self.node.backup(),
            Plan::Restore => {
                self.node.restore_with(&self.snapshot, self.scope.clone(), UndoCopy::Keep)
            }
            Plan::Undo => self.node.undo(),
            Plan::Delete => self.node.delete(&self.snapshot),
        }
    }

    /// Asserts that the site is old or new as a whole, that nothing is left over, and that what the
    /// journal promises still works; `wanted` says which side, if that is known.
    pub fn assert_whole(&self, wanted: Option<&Live>, context: &str, ended: &dyn fmt::Debug) {
        let live = self.live();
        let whole = live == self.old || live == self.new;
        assert!(whole, "{context}: a mixture: {}\n{ended:?}", live.differences(&self.new));
        if let Some(wanted) = wanted {
            assert!(live == *wanted, "{context}: the wrong side\n{ended:?}");
        }
        let mut left = self.node.left_over();
        left.extend(self.shop.iter().flat_map(|shop| shop.left_over(&self.node)));
        left.extend(self.container.iter().filter_map(|container| container.problem(&self.node)));
        assert!(left.is_empty(), "{context}: left over: {left:#?}\n{ended:?}");
        // What was displaced must still be there to come back, and the copy of before likewise.
        let other = if live == self.new { &self.old } else { &self.new };
        let restored = self.plan == Plan::Restore && live == self.new;
        if restored || self.plan == Plan::Undo {
            self.node.undo().run().completed();
            let undone = self.live();
            let differences = undone.differences(other);
            assert!(undone == *other, "{context}: the undo copy is spoilt: {differences}");
        }
    }

    /// As [`Self::assert_whole`], on the old or the new side.
    pub fn assert_side(&self, old: bool, context: &str, ended: &Ended) {
        self.assert_whole(Some(if old { &self.old } else { &self.new }), context, ended);
    }

    /// Fails before and after each stage, then the same with everything taken twice.
    pub fn fail_everywhere(&self) -> usize {
        let mut points = 0;
        for script in ["", "twice,"] {
            for stage in &self.stages {
                for moment in ["before", "after"] {
                    self.reset();
                    let script = format!("{script}{moment} {stage}");
                    let ended = self.call().rehearsed(&script).run();
                    let result = ended.ended_as(Outcome::FailedForNow);
                    assert_eq!(result.operator_message, format!("rehearsed, {moment}"));
                    self.node.recover();
                    self.assert_whole(Some(&self.old), &script, &ended);
                    points += 1;
                }
            }
        }
        points
    }

    /// Takes every step twice, to the goal.
    pub fn take_everything_twice(&self) {
        self.reset();
        let ended = self.call().rehearsed("twice").run();
        ended.completed();
        self.node.recover();
        self.assert_whole(Some(&self.new), "twice", &ended);
    }

    /// Every point at which the plan is killed: each record of the journal, before it is written
    /// and before it is durable, and each call of the swap section.
    pub fn points(&self) -> Vec<Point> {
        self.reset();
        let calls = [&RECORD_CALLS[..], &SECTION_CALLS].concat();
        let traced = traced_points(&self.call(), &calls, &self.record());
        traced.ended.completed();
        self.node.recover();
        traced.points
    }

    fn record(&self) -> PathBuf {
        self.node.root().join("strace")
    }

    /// Kills the plan at each point and recovers, twice at once.
    pub fn kill_everywhere(&self) -> usize {
        let points = self.points();
        points.iter().for_each(|point| self.kill_at(point));
        points.len()
    }

    /// The same at one of them, chosen by chance.
    pub fn kill_somewhere(&self, seed: &mut Seed) {
        self.kill_at(seed.pick(&self.points()));
    }

    fn kill_at(&self, point: &Point) {
        self.reset();
        let ended = point.kill(&self.call(), &self.record());
        assert!(ended.was_killed(), "{point:?}: {ended:?}");
        self.recover_twice_at_once();
        self.assert_whole(None, &format!("killed at {point:?}"), &ended);
    }

    fn recover_twice_at_once(&self) {
        let recoveries: Vec<_> = (0..2)
            .map(|_| {
                let mut command = self.node.executor_with(&["recover"]);
                command.stdout(std::process::Stdio::null()).spawn().expect("recover")
            })
            .collect();
        for mut recovery in recoveries {
            let status = recovery.wait().expect("recover");
            assert!(status.success(), "recover: {status}");
        }
        self.node.recover();
    }

    /// Kills the plan at each point, and the recovery from it at each of its own points, and
    /// recovers from that.
    pub fn kill_recovery_everywhere(&self) -> usize {
        let mut product = 0;
        for point in self.points() {
            for second in self.points_of_recovery(&point) {
                self.kill_recovery_at(&point, &second);
                product += 1;
            }
        }
        product
    }

    /// The same at one of these pairs, chosen by chance.
    pub fn kill_recovery_somewhere(&self, seed: &mut Seed) {
        let points = self.points();
        let point = seed.pick(&points);
        let seconds = self.points_of_recovery(point);
        // From some worlds there is nothing to recover.
        if !seconds.is_empty() {
            self.kill_recovery_at(point, seed.pick(&seconds));
        }
    }

    fn killed_at(&self, point: &Point) -> Ended {
        self.reset();
        let ended = point.kill(&self.call(), &self.record());
        assert!(ended.was_killed(), "{point:?}: {ended:?}");
        self.node.quiet();
        ended
    }

    fn points_of_recovery(&self, point: &Point) -> Vec<Point> {
        self.killed_at(point);
        let calls = [&RECORD_CALLS[..], &SECTION_CALLS].concat();
        traced_points_of(&self.node.executor_with(&["recover"]), &calls, &self.record())
    }

    fn kill_recovery_at(&self, point: &Point, second: &Point) {
        let ended = self.killed_at(point);
        let context = format!("killed at {point:?}, its recovery at {second:?}");
        let recover = self.node.executor_with(&["recover"]);
        let killed = second.kill_program(&recover, &self.record());
        assert!(killed, "{context}: it came to its end");
        self.node.recover();
        self.assert_whole(None, &context, &ended);
    }
}

/// Says how many points a sweep had, past the test runner, which would keep it to itself.
pub fn say(whose: &str, sweep: &str, points: usize) {
    let _ = writeln!(std::io::stderr(), "sweep: {whose}, {sweep}: {points} points");
}
