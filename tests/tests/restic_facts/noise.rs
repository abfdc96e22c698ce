//! A restic that says too much, or nothing, or something new.
//!
//! Needs: restic.

use std::{fs, time::Instant};

use holdfast_job::Outcome;
use holdfast_tests::{Node, Running, damage, eventually};

/// The most memory that the executor may ever have had.
const MEMORY_KIB: u64 = 64 << 10;

/// The most memory that a process has had so far; `None` when it has ended.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Watches the memory of an executor until it has ended.
fn peak_of(running: &mut Running) -> u64 {
    let mut peak = 0;
    eventually("the end of the executor", || {
        peak = peak.max(peak_kib(running.pid()).unwrap_or_default());
        running.has_ended().then_some(())
    });
    peak
}

#[test]
fn a_gigabyte_on_stderr_and_one_endless_line_on_stdout_are_borne_in_little_memory() {
    let node = Node::with_site();
    let noise = "head -c 1000000000 /dev/zero | tr '\\0' x";
    let script = format!(
        "if [ $command = backup ]; then {noise} >&2 & {noise}; wait; echo; \
         head -c 1000000 /dev/urandom; head -c 1000000 /dev/urandom >&2; echo; fi"
    );
    node.configure_with(&node.double(&script), "", "");
    let begun = Instant::now();
    let mut running = node.backup().start();
    let peak = peak_of(&mut running);
    let ended = running.wait();
    println!("2 GB of noise: {peak} KiB, {:?}", begun.elapsed());
    ended.completed();
    assert!(peak > 0 && peak < MEMORY_KIB, "{peak} KiB\n{ended:?}");
}

#[test]
fn noise_of_a_failing_restic_does_not_hide_its_last_word() {
    let node = Node::with_site();
    let script = "if [ $command = backup ]; then yes garbage | head -c 1000000 >&2; \
                  echo '{\"message_type\":\"exit_error\",\"code\":1,\"message\":\"the disk is on \
                  fire\"}' >&2; exit 1; fi";
    node.configure_with(&node.double(script), "", "");
    let ended = node.backup().run();
    let result = ended.ended_as(Outcome::FailedForNow);
    let said = result.operator_message;
    assert!(said.starts_with("restic backup failed: the disk is on fire; "), "{ended:?}");
    assert!(said.len() < 300, "{ended:?}");
}

#[test]
fn messages_that_nobody_knows_are_passed_over() {
    let node = Node::with_site();
    let good = node.tree();
    let script = r#"
        case $command in backup | ls | snapshots | restore | forget | list)
            echo '{"message_type":"novelty","snapshot_id":7}'
            echo '{"message_type":"verbose_status","action":"unchanged","item":"/x"}'
            echo 'no JSON at all {"message_type":"summary"'
            echo '{"message_type":"novelty"}' >&2
            "$real" "$@"
            code=$?
            echo '{"message_type":"novelty","snapshot_id":7}'
            exit $code
            ;;
        esac"#;
    node.configure_with(&node.double(script), "", "");
    let snapshot = node.backed_up();
    damage(&node.live());
    node.restore(&snapshot).run().completed();
    assert_eq!(node.tree(), good);
    node.delete(&snapshot).run().completed();
    assert!(fs::read_dir(node.repository().join("snapshots")).unwrap().next().is_none());
    node.recover();
}

#[test]
fn a_last_line_without_its_end_is_heard_too() {
    let node = Node::with_site();
    let script = r#"[ $command = backup ] && said=$("$real" "$@") && printf '%s' "$said" && exit"#;
    node.configure_with(&node.double(script), "", "");
    node.backed_up();
}

#[test]
fn a_restic_without_progress_is_ended_however_much_it_talks() {
    let node = Node::with_site();
    let talk = "trap '' TERM; while :; do \
                echo '{\"message_type\":\"status\",\"percent_done\":0}'; sleep 0.05; done";
    for hang in ["exec sleep 1000", talk] {
        let script = format!("[ $command = backup ] && {{ {hang}; }}");
        let limits = "[limits]\nprogress_timeout_seconds = 1\n";
        node.configure_with(&node.double(&script), "", limits);
        let ended = node.backup().run();
        let result = ended.ended_as(Outcome::FailedForNow);
        let sentence = "restic backup made no progress for 1 s and was ended";
        assert_eq!(result.operator_message, sentence, "{ended:?}");
        // A program that was killed is seen for a moment more.
        node.quiet();
    }
}
