//! What the executor takes over from whoever started it: nothing. And where memory goes: nowhere.
//!
//! Needs: mariadb, redis, restic.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitStatus, Stdio},
};

use holdfast_job::Outcome;
use holdfast_tests::{Fleet, Node, eventually, place_program, program, signal};
use rustix::process::{Resource, Rlimit, setrlimit};

/// What of the machine's memory a process may leave behind: as much as it likes.
const UNLIMITED: &str = "--core=unlimited:unlimited";

#[test]
fn nothing_of_the_callers_surroundings_is_left() {
    let node = Node::with_site();
    let (hook, root) = (node.root().join("etc/before"), node.root().display().to_string());
    // The hook's parent is the executor.
    place_program(
        &hook,
        &format!(
            "#!/bin/sh\ncat /proc/$PPID/environ >{root}/environ\n\
             grep -h -e ^Name: -e ^Umask: /proc/$PPID/status /proc/$$/status >{root}/status\n\
             readlink /proc/$PPID/cwd >{root}/cwd\nenv | sort >{root}/own\n\
             grep -h '^Max core' /proc/$PPID/limits /proc/$$/limits >{root}/limits\n"
        ),
    );
    node.configure("", &format!("[site.hooks]\nbefore = \"{}\"\n", hook.display()));
    let call = node.backup().wrapped(&["/usr/bin/prlimit", UNLIMITED]);
    let call = call.with_env("TMPDIR", &root).with_env("BASH_ENV", "/x").with_env("TERM", "vt52");
    let call = call.with_env("LD_LIBRARY_PATH", &root).with_env("SUDO_UID", "1234");
    call.run().completed();
    let read = |name: &str| fs::read_to_string(node.root().join(name)).expect(name);
    let environ = read("environ");
    let mut variables: Vec<&str> = environ.split_terminator('\0').collect();
    variables.sort_unstable();
    assert_eq!(variables, ["SUDO_UID=1234", "TERM=vt52"]);
    assert_eq!(read("cwd"), "/\n");
    let status = read("status");
    // As the kernel cuts it.
    assert!(status.starts_with("Name:\tholdfast-execut\nUmask:\t0077\n"), "{status}");
    assert_eq!(status.matches("Umask:\t0077\n").count(), 2, "a child's is another: {status}");
    for variable in ["TMPDIR", "BASH_ENV", "LD_LIBRARY_PATH", "SUDO_UID", "TERM"] {
        assert!(!read("own").contains(&format!("{variable}=")), "{}", read("own"));
    }
    let limits = read("limits");
    let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for line in limits.lines() {
        assert_eq!(fields(line)[4..6], ["1", "1"], "{limits}");
    }
    assert_eq!(limits.lines().count(), 2, "{limits}");
}

/// Ends a process as a crash would.
fn crash(pid: u32) {
    signal("ABRT", &pid.to_string());
}

/// Whether a process that crashes here leaves a core dump, if it does nothing against it; else what
/// follows would show nothing.
fn assert_that_others_are_dumped(folder: &Path) {
    let mut sleep = program("/usr/bin/prlimit");
    sleep.args([UNLIMITED, "/usr/bin/sleep", "60"]).current_dir(folder).stdin(Stdio::null());
    let mut sleep = sleep.spawn().expect("sleep");
    let name = format!("/proc/{}/comm", sleep.id());
    eventually("sleep", || fs::read_to_string(&name).ok()?.starts_with("sleep").then_some(()));
    crash(sleep.id());
    let ended = sleep.wait().expect("its end");
    assert!(ended.core_dumped(), "no core dump is made on this machine: {ended:?}");
}

fn assert_not_dumped(ended: ExitStatus, by: i32) {
    assert_eq!(ended.signal(), Some(by), "{ended:?}");
    assert!(!ended.core_dumped(), "its memory was written down: {ended:?}");
}

#[test]
fn an_executor_that_crashes_leaves_no_core_dump() {
    let node = Node::with_site();
    let dumps = node.root().join("dumps");
    fs::create_dir(&dumps).expect("a folder");
    assert_that_others_are_dumped(&dumps);
    for (name, number) in [("ABRT", 6), ("QUIT", 3)] {
        let call = node.backup().rehearsed("wait snapshot");
        // Whoever starts the tests may have them ignore it.
        let heeds = ["/usr/bin/env", "--default-signal=QUIT", "/usr/bin/prlimit", UNLIMITED];
        let running = call.wrapped(&heeds).start();
        running.until_said("\"stage\":\"snapshot\"");
        signal(name, &running.pid().to_string());
        assert_not_dumped(running.wait().status, number);
        assert_eq!(fs::read_dir(&dumps).expect("a folder").count(), 1, "that of the other");
        node.recover();
    }
    // Nor does what it starts: a restic that crashes when it has read the password.
    let double = "case $command in backup) read -r password; kill -ABRT $$ ;; esac";
    node.configure_with(&node.double(double), "", "");
    let cores = || fs::read_dir("/").expect("/").flatten().filter(is_core).count();
    let before = cores();
    let ended = node.backup().wrapped(&["/usr/bin/prlimit", UNLIMITED]).run();
    let said = ended.ended_as(Outcome::FailedForNow).operator_message;
    assert!(said.contains("signal 6"), "{said}");
    assert_eq!(cores(), before);
    node.recover();
}

fn is_core(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with("core")
}

#[test]
fn a_worker_and_a_web_side_that_crash_leave_no_core_dump() {
    // What is started from here on may leave as much as it likes.
    let most = Rlimit { current: None, maximum: None };
    setrlimit(Resource::Core, most).expect("a limit");
    let mut fleet = Fleet::recording();
    let dumps = fleet.node.root().join("dumps");
    fs::create_dir(&dumps).expect("a folder");
    assert_that_others_are_dumped(&dumps);
    let mut worker = fleet.worker("one", "");
    // Not even its own user looks into it: its memory is nobody's but root's.
    let look = |pid: u32| {
        let mut cat = program("/usr/bin/setpriv");
        cat.args(["--reuid", Node::WORKER, "--regid", "nogroup", "--clear-groups"]);
        cat.args(["/usr/bin/cat", &format!("/proc/{pid}/environ")]).output().expect("cat")
    };
    let mut other = program("/usr/bin/setpriv");
    other.args(["--reuid", Node::WORKER, "--regid", "nogroup", "--clear-groups"]);
    let mut other = other.args(["/usr/bin/sleep", "60"]).spawn().expect("sleep");
    eventually("a look at another", || look(other.id()).status.success().then_some(()));
    assert!(!look(worker.pid()).status.success(), "{:?}", look(worker.pid()));
    other.kill().expect("a signal");
    other.wait().expect("its end");
    crash(worker.pid());
    crash(fleet.web.pid());
    assert_not_dumped(worker.ended(), 6);
    assert_not_dumped(fleet.web.ended(), 6);
}
