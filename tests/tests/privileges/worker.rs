//! The worker's user, with the real sudo: what it puts into the environment, and the tickets that it
//! could try.
//!
//! Needs: restic.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
};

use holdfast_job::Moment;
use holdfast_tests::{Node, Signer, Sudoers, executor, line_of, output_of, place_program, program};

use crate::bad_orders::assert_refused;

/// What a taken-over worker might leave for root to run: a library, a script for shells, and programs
/// under the names that the executor calls. Each writes down under whose uid it ran.
struct Traps {
    folder: PathBuf,
    marks: PathBuf,
}

impl Traps {
    fn set(node: &Node) -> Self {
        let (folder, marks) = (node.root().join("traps"), node.root().join("marks"));
        for place in [&folder, &marks] {
            fs::create_dir(place).expect("a folder");
        }
        fs::set_permissions(&marks, Permissions::from_mode(0o1777)).expect("a mode");
        let at = marks.display();
        let library = format!(
            "#include <stdio.h>\n#include <unistd.h>\n\
             __attribute__((constructor)) static void trap(void) {{\n\
             char path[4096]; snprintf(path, sizeof path, \"{at}/library-%d\", (int)geteuid());\n\
             FILE *mark = fopen(path, \"w\"); if (mark) fclose(mark);\n}}\n"
        );
        fs::write(folder.join("trap.c"), library).expect("a source");
        let mut gcc = program("/usr/bin/gcc");
        gcc.args(["-shared", "-fPIC", "-o"]).arg(folder.join("trap.so"));
        output_of(gcc.arg(folder.join("trap.c")));
        fs::write(folder.join("script"), format!(": >{at}/script-$(id -u)\n")).expect("a script");
        for name in ["restic", "mariadb", "mariadb-dump", "docker", "curl", "nice", "ionice", "sh"]
        {
            let text = format!(
                "#!/bin/dash\n: >{at}/{name}-$(/usr/bin/id -u)\nexec /usr/bin/{name} \"$@\"\n"
            );
            place_program(&folder.join(name), &text);
        }
        Self { folder, marks }
    }

    /// The command with every trap in its environment.
    fn around(&self, command: &mut Command) {
        let here = self.folder.display();
        command.env("PATH", format!("{here}:/usr/sbin:/usr/bin:/sbin:/bin"));
        for name in ["LD_PRELOAD", "LD_AUDIT"] {
            command.env(name, format!("{here}/trap.so"));
        }
        command.env("LD_LIBRARY_PATH", self.folder.as_os_str());
        for name in ["BASH_ENV", "ENV"] {
            command.env(name, format!("{here}/script"));
        }
        command.env("RESTIC_PASSWORD_COMMAND", format!("{here}/restic"));
        command.env("HOLDFAST_REHEARSAL", "before dump");
    }

    /// Which of them ran, each with the uid.
    fn sprung(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.marks).expect("a folder").flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }
}

#[test]
fn nothing_in_the_workers_environment_is_run_by_root() {
    let node = Node::with_site();
    let (signer, sudoers) = (Signer::new(&node, "web-1"), Sudoers::new(&node));
    let traps = Traps::set(&node);
    // Outside sudo each of them works.
    let mut shell = sudoers.command("/bin/bash");
    shell.args(["-c", "restic version; sh -c :"]);
    traps.around(&mut shell);
    let _ = shell.output().expect("bash");
    let sprung = traps.sprung();
    for trap in ["library-65534", "script-65534", "restic-65534", "sh-65534"] {
        assert!(sprung.iter().any(|name| name == trap), "{trap} is no trap: {sprung:?}");
    }
    // What enters the namespace is root's, and is not what is tried here.
    for name in &sprung {
        fs::remove_file(traps.marks.join(name)).expect("a mark");
    }
    let mut call = node.backup().named().by_worker(&sudoers);
    let mut empty = program("/bin/true");
    traps.around(&mut empty);
    for (name, value) in empty.get_envs() {
        let (name, value) = (name.to_string_lossy(), value.expect("a value").to_string_lossy());
        // `setpriv` and the shell before sudo are the harness's, and root's.
        if !["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"].contains(&&*name) {
            call = call.with_env(&name, &value);
        }
    }
    call.run_signed(&signer).completed();
    let of_root: Vec<String> =
        traps.sprung().into_iter().filter(|name| name.ends_with("-0")).collect();
    assert_eq!(of_root, Vec::<String>::new());
    // The library, put before sudo itself by the worker's own shell.
    let here = traps.folder.display();
    let doctor = format!(
        "LD_PRELOAD={here}/trap.so LD_AUDIT={here}/trap.so BASH_ENV={here}/script \
         PATH={here}:$PATH /usr/bin/sudo -n {} --config {}/etc doctor",
        executor().display(),
        node.root().display()
    );
    let said = output_of(sudoers.command("/bin/sh").args(["-c", &doctor]));
    assert!(said.contains("good  configuration"), "{said}");
    let of_root: Vec<String> =
        traps.sprung().into_iter().filter(|name| name.ends_with("-0")).collect();
    assert_eq!(of_root, Vec::<String>::new());
    // Nor may it hand any of them to sudo by name.
    for variable in ["LD_PRELOAD=/x", "BASH_ENV=/x", "SUDO_UID=0"] {
        let mut sudo = sudoers.command("/usr/bin/sudo");
        sudo.args(["-n", variable]).arg(executor()).arg("--config");
        let refused = sudo.arg(node.root().join("etc")).arg("doctor").output().expect("sudo");
        assert_eq!(refused.status.code(), Some(1), "{variable}: {refused:?}");
        assert!(refused.stdout.is_empty(), "{variable}: {refused:?}");
    }
}

#[test]
fn a_ticket_that_is_not_good_does_nothing_when_the_worker_brings_it() {
    let node = Node::with_site();
    let (signer, sudoers) = (Signer::new(&node, "web-1"), Sudoers::new(&node));
    let first = node.backup().named().by_worker(&sudoers);
    let ended = first.run_signed(&signer);
    ended.completed();
    let before = node.world();
    let tried = |line: &[u8], says: &str| {
        assert_refused(&node.backup().named().by_worker(&sudoers).run_with(line), says);
        before.assert_untouched(&node, says);
    };
    let call = node.backup().named();
    let text = serde_json::to_string(&call.request).expect("a request");
    tried(format!("{text}\n").as_bytes(), "an order of the worker's must be signed");
    let signature = *signer.ticket(&text).signature();
    let altered = text.replace("\"customer\":42", "\"customer\":43");
    assert_ne!(altered, text);
    let altered = holdfast_job::Ticket::new(signer.id().clone(), altered, signature);
    tried(&line_of(&altered), "the signature is not that of the key `web-1` on this request");
    let mut expired = node.backup().named();
    expired.request.not_after = Moment::from_unix_seconds(1_700_000_000);
    tried(&signer.sign(&expired.request), "was void after 2023-11-14T22:13:20Z");
    let mut foreign = node.backup();
    foreign.request.node = Some("test-2".parse().expect("a name"));
    tried(&signer.sign(&foreign.request), "is for another node; this one is test-1");
    let mut other_verb = node.delete(&ended.result().snapshot.expect("a snapshot")).named();
    other_verb.request.job = call.job();
    tried(&signer.sign(&other_verb.request), "the request is for `delete`");
    // One that was carried out is answered again, and nothing is done.
    assert_eq!(first.run_signed(&signer).last_line(), ended.last_line());
    before.assert_untouched(&node, "a replayed ticket");
}
