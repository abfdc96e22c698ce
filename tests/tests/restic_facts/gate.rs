//! restic at the gate: it opens the repository while what it is to save, or to read back, is still being
//! made; it takes what is there when it is let in, or nothing.
//!
//! Needs: mariadb, restic.

use std::{
    fs,
    io::{PipeWriter, Write, pipe},
    os::{fd::AsRawFd, unix::fs::symlink},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use holdfast_job::Outcome;
use holdfast_tests::{DatabaseSite, MariaDb, Mount, Node, eventually, output_of};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::locks::locks;

/// Plain restic, which has locked the repository and waits before it saves this folder.
fn at_the_gate(node: &Node, folder: &Path) -> (Child, PipeWriter) {
    let (theirs, ours) = pipe().expect("a pipe");
    fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).expect("an inherited end");
    let gate = format!("/dev/fd/{}", theirs.as_raw_fd());
    let mut backup = node.restic(&["backup", "--exclude-file", &gate]);
    let backup =
        backup.arg(folder).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("restic");
    eventually("a lock", || (locks(node) > 0).then_some(()));
    (backup, ours)
}

fn snapshots(node: &Node) -> usize {
    output_of(&mut node.restic(&["--no-lock", "list", "snapshots"])).lines().count()
}

#[test]
fn restic_looks_at_what_it_saves_when_the_last_excludes_are_read() {
    let node = Node::with_site();
    node.backed_up();
    let folder = node.root().join("written-late");
    fs::create_dir(&folder).unwrap();
    let (waiting, gate) = at_the_gate(&node, &folder);
    fs::write(folder.join("late.txt"), "late").unwrap();
    drop(gate);
    let ended = waiting.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let saved = output_of(&mut node.restic(&["ls", "latest"]));
    assert!(saved.contains("/late.txt"), "{saved}");
}

#[test]
fn restic_refuses_a_bracket_that_is_never_closed_and_saves_nothing() {
    let node = Node::with_site();
    node.backed_up();
    let folder = node.live();
    let (waiting, mut gate) = at_the_gate(&node, &folder);
    gate.write_all(b"[\n").unwrap();
    drop(gate);
    let ended = waiting.wait_with_output().unwrap();
    assert!(!ended.status.success(), "{ended:?}");
    assert_eq!((snapshots(&node), locks(&node)), (1, 0), "{ended:?}");
}

/// A `mariadb-dump` that first waits until the repository is locked, and then does this.
fn dump_behind_the_lock(site: &DatabaseSite, then: &str) -> PathBuf {
    let locks = site.node.repository().join("locks");
    let script = format!(
        "tries=0\nuntil [ -n \"$(ls {})\" ]; do\n    tries=$((tries + 1))\n    \
         [ $tries -lt 20000 ] || exit 9\ndone\n{then}",
        locks.display()
    );
    site.node.double_of(Path::new("/usr/bin/mariadb-dump"), &script)
}

/// A site with a table and a backup, so that there is a repository.
fn site() -> DatabaseSite {
    let site = DatabaseSite::new();
    site.server
        .load(MariaDb::SCHEMA, b"CREATE TABLE links (page INT); INSERT INTO links VALUES (1);");
    site.backed_up();
    site
}

#[test]
fn a_backup_opens_its_repository_while_the_database_is_dumped() {
    let site = site();
    let double = dump_behind_the_lock(&site, "");
    site.configure(&format!("mariadb_dump = \"{}\"", double.display()), "");
    let saved = site.backed_up();
    let listed = output_of(&mut site.node.restic(&["ls", saved.as_str()]));
    assert!(listed.contains("/manifest.json"), "{listed}");
    assert_eq!((snapshots(&site.node), locks(&site.node)), (2, 0));
    site.node.recover();
}

#[test]
fn a_restic_that_dies_before_it_is_let_in_is_started_anew() {
    let site = site();
    let root = site.node.root();
    let dies = "if [ $command = backup ] && ! [ -e $root/died ]; then echo $$ >$root/died; kill -KILL $$; fi";
    let double = site.node.double(dies);
    let dead = r#"until pid=$(cat $root/died) && ! grep -qv ') Z' /proc/$pid/stat; do :; done"#;
    let dump = site.node.double_of(Path::new("/usr/bin/mariadb-dump"), dead);
    let database = site.database("shop", "customer_{id}", &site.server.socket());
    let dump = format!("mariadb_dump = \"{}\"", dump.display());
    site.node.configure_all(&double, &dump, "", &database);
    site.backed_up();
    assert!(root.join("died").exists());
    assert_eq!((snapshots(&site.node), locks(&site.node)), (2, 0));
}

#[test]
fn a_dump_that_fails_sends_restic_away_and_nothing_is_saved() {
    let site = site();
    let double = dump_behind_the_lock(&site, "exit 3");
    site.configure(&format!("mariadb_dump = \"{}\"", double.display()), "");
    let ended = site.node.backup_of("both").run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("ended with exit code 3"), "{ended:?}");
    assert_eq!((snapshots(&site.node), locks(&site.node)), (1, 0), "{ended:?}");
    site.node.recover();
}

/// The folder of the only repository in a cache.
fn only_folder(cache: &Path) -> PathBuf {
    let folders = fs::read_dir(cache).expect("a cache").flatten().map(|entry| entry.path());
    let mut folders = folders.filter(|path| path.file_name().is_some_and(|name| name.len() == 64));
    folders.next().expect("a folder")
}

#[test]
fn restic_lists_snapshots_when_it_has_read_the_version_of_its_cache() {
    let node = Node::with_site();
    node.backed_up();
    let kept = only_folder(&node.root().join("cache"));
    let (theirs, mut ours) = pipe().expect("a pipe");
    fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty())).expect("an inherited end");
    let gated = node.root().join("gated");
    let folder = gated.join(kept.file_name().unwrap());
    fs::create_dir_all(&folder).unwrap();
    symlink(format!("/dev/fd/{}", theirs.as_raw_fd()), folder.join("version")).unwrap();
    let mut list = node.restic(&["--json", "ls", "--no-lock", "--tag", "late", "latest"]);
    list.arg("--cache-dir").arg(&gated).stdout(Stdio::piped()).stderr(Stdio::piped());
    let waiting = list.spawn().expect("restic");
    drop(theirs);
    // It has read the repository's key and configuration, and the version comes next.
    let pipe = format!("/proc/{}/fd", waiting.id());
    let at_the_gate = || {
        let open = fs::read_dir(&pipe).unwrap().flatten();
        let targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        let pipes = targets.filter(|to| to.to_string_lossy().starts_with("pipe:"));
        // Its inherited end once, and once more by name; its two outputs.
        (pipes.count() == 4).then_some(())
    };
    eventually("restic at the gate", at_the_gate);
    let saved = node.restic(&["backup", "--tag", "late"]).arg(node.live()).output().unwrap();
    assert!(saved.status.success(), "{saved:?}");
    ours.write_all(&fs::read(kept.join("version")).unwrap()).unwrap();
    drop(ours);
    let ended = waiting.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stdout).contains("\"late\""), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "the cache is used");
}

/// Has restic note what each of its `ls` is asked for, and do this first at some command.
fn noting_lists(node: &Node, first: &str) -> PathBuf {
    let asked = node.root().join("lists");
    let note = format!("[ $command = ls ] && echo \"$*\" >>{}", asked.display());
    node.configure_with(&node.double(&format!("{note}\n{first}")), "", "");
    asked
}

#[test]
fn the_restic_that_reads_back_is_there_before_the_backup_ends_and_none_comes_after() {
    let node = Node::with_site();
    node.backed_up();
    let wait = "if [ $command = backup ]; then\n    tries=0\n    until [ -s $root/lists ]; do\n        \
                tries=$((tries + 1))\n        [ $tries -lt 2000000 ] || exit 9\n    done\nfi";
    let asked = noting_lists(&node, wait);
    let snapshot = node.backed_up();
    let asked = fs::read_to_string(&asked).unwrap();
    assert_eq!(asked.lines().count(), 1, "{asked}");
    assert!(asked.contains(" latest ") && !asked.contains(snapshot.as_str()), "{asked}");
    node.recover();
}

#[test]
fn what_was_opened_beforehand_is_believed_only_about_the_snapshot_that_was_made() {
    let node = Node::with_site();
    let earlier = node.backed_up();
    for then in [
        // It lists another one.
        format!(
            "case \"$*\" in *' latest '*) exec \"$real\" --json --password-file /dev/stdin ls --no-lock {} ;; esac",
            earlier.as_str()
        ),
        // It does not wait, or finds nothing.
        "case \"$*\" in *' latest '*) exit 1 ;; esac".to_owned(),
        // It is killed, for want of memory perhaps.
        "case \"$*\" in *' latest '*) kill -KILL $$ ;; esac".to_owned(),
        // It says nothing.
        "case \"$*\" in *' latest '*) exit 0 ;; esac".to_owned(),
    ] {
        let asked = noting_lists(&node, &then);
        let snapshot = node.backed_up();
        let said = fs::read_to_string(&asked).unwrap();
        assert_eq!(said.lines().count(), 2, "{then}: {said}");
        assert!(said.lines().last().unwrap().contains(snapshot.as_str()), "{then}: {said}");
        fs::remove_file(asked).unwrap();
    }
}

#[test]
fn a_backup_that_fails_sends_away_the_restic_that_was_to_read_it_back() {
    let node = Node::with_site();
    node.backed_up();
    // It goes of its own accord: who is killed kills this shell, too, before it has written.
    let goes =
        r#"if [ $command = ls ]; then trap : TERM; "$real" "$@"; echo $? >$root/gone; exit 1; fi"#;
    node.configure_with(&node.double(&format!("{goes}\n[ $command = backup ] && exit 1")), "", "");
    node.backup().run().ended_as(Outcome::FailedForNow);
    node.quiet();
    assert_eq!(snapshots(&node), 1);
    assert_ne!(fs::read_to_string(node.root().join("gone")).unwrap(), "0\n");
}

#[test]
fn a_repository_made_anew_in_the_same_place_is_found_again_in_the_cache() {
    let node = Node::with_site();
    node.backed_up();
    fs::remove_dir_all(node.repository()).unwrap();
    output_of(&mut node.restic(&["init"]));
    for lists_made in [2, 1] {
        let asked = noting_lists(&node, "");
        node.backed_up();
        let said = fs::read_to_string(&asked).unwrap();
        assert_eq!(said.lines().count(), lists_made, "{said}");
        fs::remove_file(asked).unwrap();
    }
}

#[test]
fn a_cache_without_room_for_a_gate_makes_no_backup_fail() {
    let node = Node::with_site();
    node.backed_up();
    let gated = node.root().join("cache/gated");
    fs::write(gated.join(only_folder(&node.root().join("cache")).file_name().unwrap()), "")
        .unwrap();
    let asked = noting_lists(&node, "");
    let snapshot = node.backed_up();
    let said = fs::read_to_string(asked).unwrap();
    assert!(said.lines().count() == 1 && said.contains(snapshot.as_str()), "{said}");
}

#[test]
fn a_cache_that_is_full_is_done_without() {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let full = Mount::over(&node.root().join("cache"), "size=1m");
    fs::write(full.path().join("full"), vec![0; 1 << 20]).unwrap();
    let asked = noting_lists(&node, "");
    node.backed_up();
    node.restore(&snapshot).run().completed();
    let said = fs::read_to_string(asked).unwrap();
    assert!(said.lines().count() == 2 && !said.contains("--cache-dir"), "{said}");
    let doctor = node.executor_with(&["doctor"]).output().unwrap();
    let said = String::from_utf8_lossy(&doctor.stdout);
    let found = said.lines().find(|line| line.contains("space for the cache")).unwrap();
    assert!(found.starts_with("BAD") && found.contains("make room"), "{found}");
}
