//! stdin is the lifeline: closed outside the swap section the executor is gone within 5 s and
//! everything is as it was; closed inside it, the plan is finished. Whoever should read stdout has
//! no say in that.
//!
//! Needs: restic, strace.

use std::{
    io::Write,
    process::Stdio,
    time::{Duration, Instant},
};

use holdfast_job::Outcome;
use holdfast_tests::{
    Call, Node, Running, Tree, damage, eventually, signal,
    sweep::{Plan, Scene},
};

const PROMISE: Duration = Duration::from_secs(5);

/// What stdout is.
#[derive(Debug, Clone, Copy)]
enum Reader {
    Reads,
    /// The pipe is full already, so that the first write blocks.
    Sleeps,
    IsGone,
}

fn start(call: &Call, reader: Reader) -> (Running, Option<std::io::PipeReader>) {
    let mut line = serde_json::to_vec(&call.request).expect("a request");
    line.push(b'\n');
    if matches!(reader, Reader::Reads) {
        return (call.start(), None);
    }
    let (end, mut pipe) = std::io::pipe().expect("a pipe");
    pipe.write_all(&[b'\n'; 65536]).expect("a full pipe");
    let kept = matches!(reader, Reader::Sleeps).then_some(end);
    (call.start_with(&line, Stdio::from(pipe)), kept)
}

/// Closes the lifeline while each stage runs.
fn let_go_at_every_stage(plan: Plan, stops: &[&str], readers: &[Reader]) {
    let scene = Scene::prepare(plan);
    for (stage, reader) in
        scene.stages().iter().flat_map(|stage| readers.iter().map(move |reader| (stage, *reader)))
    {
        scene.reset();
        let context = format!("{plan:?} at {stage}, {reader:?}");
        let call = scene.call().rehearsed(&format!("wait {stage}"));
        let (mut running, kept) = start(&call, reader);
        let journal = scene.node.journal(call.job());
        let begun = format!("{{\"record\":\"started\",\"stage\":\"{stage}\"}}");
        eventually(&context, || {
            let text = std::fs::read(&journal).unwrap_or_default();
            String::from_utf8_lossy(&text).contains(&begun).then_some(())
        });
        let since = Instant::now();
        running.let_go();
        let ended = running.wait();
        assert!(since.elapsed() < PROMISE, "{context}: {:?}\n{ended:?}", since.elapsed());
        drop(kept);
        let stopped = stops.contains(&stage.name());
        let expected = match (stopped, plan) {
            (true, _) => Outcome::Stopped,
            // What has begun to be forgotten is not as it was: it must be ordered again.
            (false, Plan::Delete) => Outcome::FailedForNow,
            (false, _) => Outcome::Completed,
        };
        let code = Some(i32::from(expected.exit_code()));
        assert_eq!(ended.status.code(), code, "{context}\n{ended:?}");
        scene.node.recover();
        scene.assert_side(stopped, &context, &ended);
    }
}

const ALL: [Reader; 3] = [Reader::Reads, Reader::Sleeps, Reader::IsGone];

#[test]
fn a_restore_stops_before_the_swap_and_finishes_inside_it() {
    let_go_at_every_stage(Plan::Restore, &["check", "fetch", "close"], &ALL);
}

#[test]
fn an_undo_stops_before_the_swap_and_finishes_inside_it() {
    let_go_at_every_stage(Plan::Undo, &["check", "close"], &ALL);
}

#[test]
fn signals_that_mean_nothing_do_not_end_a_switch() {
    let scene = Scene::prepare(Plan::Restore);
    for stage in ["halt", "swap_files", "open"] {
        scene.reset();
        let mut running = scene.call().rehearsed(&format!("wait {stage}")).start();
        running.until_said(&format!("\"stage\":\"{stage}\""));
        // All that sudo passes on, but those that are a wish to stop.
        for name in ["USR1", "USR2", "ALRM"] {
            signal(name, &running.pid().to_string());
        }
        running.let_go();
        let ended = running.wait();
        ended.completed();
        scene.node.recover();
        scene.assert_side(false, stage, &ended);
    }
}

#[test]
fn a_backup_stops_until_it_is_verified() {
    let stops = ["check", "dump", "snapshot", "verify"];
    let_go_at_every_stage(Plan::Backup, &stops, &[Reader::Reads]);
}

#[test]
fn a_delete_that_is_stopped_half_way_does_not_say_that_nothing_was_done() {
    let_go_at_every_stage(Plan::Delete, &["check"], &[Reader::IsGone]);
}

#[test]
fn a_restic_in_full_flight_is_gone_within_five_seconds() {
    let node = Node::with_site();
    // Files of one piece each, so that there is something to tell every few seconds.
    for file in 0..20_u64 {
        let noise: Vec<u8> = (file * 300_000..(file + 1) * 300_000)
            .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 29) as u8)
            .collect();
        std::fs::write(node.live().join(format!("noise-{file}")), noise).expect("a large file");
    }
    let snapshot = node.backed_up();
    damage(&node.live());
    let bad = node.tree();
    node.configure("", "[limits]\ndownload_kib_per_second = 60\nupload_kib_per_second = 60\n");
    let mut running = node.restore(&snapshot).start();
    running.until_said("\"detail\":\"Fetched ");
    let since = Instant::now();
    running.let_go();
    running.wait().ended_as(Outcome::Stopped);
    assert!(since.elapsed() < PROMISE, "{:?}", since.elapsed());
    assert_eq!(node.tree(), bad);
    node.recover();
}

#[test]
fn a_new_order_settles_what_a_dead_executor_left_open() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    damage(&node.live());
    let bad: Tree = node.tree();
    for stage in ["swap_files", "open"] {
        let mut running = node.restore(&snapshot).rehearsed(&format!("wait {stage}")).start();
        running.until_said(&format!("\"stage\":\"{stage}\""));
        assert!(node.flag().exists(), "closed at {stage}");
        running.kill();
        running.wait();
        assert!(node.flag().exists(), "a flag is a file and survives");
        node.backup().run().completed();
        assert!(!node.flag().exists(), "opened after {stage}");
        let restored = stage == "open";
        assert_eq!(node.tree() == bad, !restored, "killed at {stage}");
    }
    node.recover();
}

#[test]
fn a_job_whose_lifeline_was_closed_may_be_ordered_again_and_costs_no_attempt() {
    let node = Node::with_site();
    let call = node.backup();
    for _ in 0..4 {
        let mut running = call.clone().rehearsed("wait snapshot").start();
        running.until_said("\"stage\":\"snapshot\"");
        running.let_go();
        running.wait().ended_as(Outcome::Stopped);
    }
    let done = call.run().completed();
    assert_eq!(call.run().completed(), done);
}
