//! No password is where others can read it.
//!
//! Needs: restic.

use std::fs;

use holdfast_tests::{Node, output_of, program};

#[test]
fn the_password_is_in_no_argument_environment_journal_message_or_file() {
    let node = Node::with_site();
    let password = fs::read_to_string(node.root().join("etc/password")).unwrap();
    let derived = "[repositories.manual]\nurl = \"ROOT/repositories/customer-{id}\"\n"
        .replace("ROOT", &node.root().display().to_string());
    let master = fs::read_to_string(node.root().join("etc/master.secret")).unwrap();
    // Of this process, which becomes restic with these, and of the executor above it.
    let script = "cat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline /proc/$PPID/environ \
                  </dev/null >>$root/seen";
    for rest in ["", derived.as_str()] {
        node.configure_with(&node.double(script), "", rest);
        let mut secrets = vec![master.trim().to_owned(), password.trim().to_owned()];
        if !rest.is_empty() {
            fs::remove_dir_all(node.root().join("state/repositories")).unwrap();
            let args = ["repository-password", "42", "manual"];
            secrets.push(output_of(&mut node.executor_with(&args)).trim().to_owned());
        }
        let backup = node.backup().run();
        let snapshot = backup.completed().snapshot.unwrap();
        let orders = [backup, node.restore(&snapshot).run(), node.delete(&snapshot).run()];
        let seen = fs::read(node.root().join("seen")).unwrap();
        assert!(String::from_utf8_lossy(&seen).contains("--password-file\0/dev/stdin"));
        for secret in secrets {
            for ended in &orders {
                ended.completed();
                assert!(!format!("{ended:?}").contains(&secret), "{ended:?}");
            }
            // Everything but the configuration: journals, spool, cache, repository, what was seen.
            let mut grep = program("/usr/bin/grep");
            grep.args(["-rlaF", "--exclude-dir=etc", "-e", &secret]).arg(node.root());
            let found = grep.output().unwrap();
            assert_eq!(String::from_utf8_lossy(&found.stdout), "");
            assert_eq!(found.status.code(), Some(1));
        }
    }
    node.recover();
}

#[test]
fn the_password_is_not_told_to_the_worker() {
    let node = Node::with_site();
    let mut ask = node.executor_with(&["repository-password", "42", "manual"]);
    let refused = ask.env("SUDO_USER", "nobody").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("this is for root at a shell, not for the worker"), "{said}");
}
