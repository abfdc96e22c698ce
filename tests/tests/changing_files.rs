//! Files that are written while they are saved: named in the result, and a SQLite database among them is
//! more than that.
//!
//! Needs: restic.

use std::fs;

use holdfast_job::Outcome;
use holdfast_tests::{Ended, Node, eventually, output_of, program};

/// Runs SQL on a database of the site.
fn sqlite(node: &Node, sql: &str) -> String {
    output_of(program("/usr/bin/sqlite3").arg(node.live().join("db.sqlite")).arg(sql))
}

/// A backup in whose saving, before restic reads anything, this is done to the site.
fn backup_meanwhile(node: &Node, change: impl FnOnce()) -> Ended {
    // restic itself sees a tree that cannot be written.
    let script = "if [ $command = backup ]; then : >$root/begun; \
                  until [ -e $root/changed ]; do sleep 0.02; done; fi";
    node.configure_with(&node.double(script), "", "");
    let running = node.backup().start();
    eventually("a restic", || node.root().join("begun").exists().then_some(()));
    change();
    fs::write(node.root().join("changed"), "").expect("a file");
    running.wait()
}

fn shell(node: &Node, text: &str) {
    output_of(program("/bin/sh").current_dir(node.live()).args(["-c", text]));
}

#[test]
fn a_sqlite_database_that_changes_while_it_is_saved_makes_the_backup_incomplete_and_is_named() {
    for mode in ["delete", "wal"] {
        let node = Node::with_site();
        sqlite(&node, &format!("PRAGMA journal_mode = {mode}; CREATE TABLE t (a)"));
        // It stands still, and is saved as it is.
        let result = node.backup().run().completed();
        assert!(!result.operator_message.contains("changed while"), "{result:?}");
        // In the one mode it stands in the database, in the other in the journal beside it.
        let ended = backup_meanwhile(&node, || {
            let keep = "/usr/bin/sqlite3 -cmd '.dbconfig no_ckpt_on_close on' db.sqlite";
            shell(&node, &format!("{keep} 'INSERT INTO t VALUES (1)'"));
        });
        let result = ended.ended_as(Outcome::Incomplete);
        assert_eq!(result.unreadable, ["web/db.sqlite (a SQLite database that changed)"], "{mode}");
        let said = "changed while it was saved, and may be damaged in this backup";
        assert!(result.customer_message.contains(said), "{ended:?}");
        assert!(result.operator_message.contains("web/db.sqlite"), "{ended:?}");
    }
}

#[test]
fn other_files_that_change_are_named_for_the_operator() {
    let node = Node::with_site();
    fs::write(node.live().join("access.log"), "begun\n").expect("a log");
    let ended = backup_meanwhile(&node, || shell(&node, "echo more >>access.log"));
    let result = ended.completed();
    let said = "1 files changed while they were saved: web/access.log.";
    assert!(result.operator_message.contains(said), "{result:?}");
    assert!(!result.customer_message.contains("changed"), "{result:?}");
}

/// The path is a tenant's: a link is not followed, and a pipe is not waited for.
#[test]
fn what_looks_like_the_journal_of_a_database_is_not_trusted() {
    let node = Node::with_site();
    let outside = node.root().join("outside");
    let mut sql = program("/usr/bin/sqlite3");
    output_of(sql.arg(&outside).arg("CREATE TABLE t (a)"));
    let ended = backup_meanwhile(&node, || {
        let link = format!("ln -s {} linked; echo x >linked-wal", outside.display());
        shell(&node, &format!("{link}; mkfifo piped; echo x >piped-journal"));
    });
    let result = ended.completed();
    assert!(result.operator_message.contains("2 files changed"), "{result:?}");
}
