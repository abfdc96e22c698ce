//! Programs that root starts must be root's, and so must the way to each: one that a group may write is
//! refused by its path, before anything is done.
//!
//! Needs: mariadb, restic.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};

use holdfast_job::Outcome;
use holdfast_tests::{DatabaseSite, output_of, place_program, program, restic};

/// A copy of each program that an order starts, in a folder that is theirs alone, and the lines of
/// `[node]` that name them.
fn helpers(site: &DatabaseSite) -> (PathBuf, [PathBuf; 5], String) {
    let folder = site.node.root().join("helpers");
    fs::create_dir(&folder).expect("a folder");
    let place = |name: &str| folder.join(name);
    for name in ["mariadb", "mariadb-dump", "curl"] {
        let mut install = program("/usr/bin/install");
        output_of(install.arg(Path::new("/usr/bin").join(name)).arg(place(name)));
    }
    output_of(program("/usr/bin/install").arg(restic()).arg(place("restic")));
    // No systemd runs where the tests do.
    let stopped = folder.join("stopped");
    let stopped = stopped.display();
    let says = format!(
        "#!/bin/sh\ncase \"$*\" in\n*stop*) : >{stopped} ;;\n*start*) rm -f {stopped} ;;\nesac\n\
         if [ -e {stopped} ]; then echo inactive; else echo active; fi\n"
    );
    place_program(&place("systemctl"), &says);
    let here = folder.display();
    let lines = format!(
        "mariadb = \"{here}/mariadb\"\nmariadb_dump = \"{here}/mariadb-dump\"\n\
         curl = \"{here}/curl\"\nsystemctl = \"{here}/systemctl\"\n"
    );
    let paths = ["restic", "mariadb", "mariadb-dump", "curl", "systemctl"].map(place);
    (folder, paths, lines)
}

#[test]
fn a_helper_that_others_may_change_is_refused_by_its_path() {
    let site = DatabaseSite::new();
    let (folder, helpers, lines) = helpers(&site);
    let database = site.database("shop", "customer_{id}", &site.server.socket());
    let services = "[site.services]\nunits = [\"site-{id}.service\"]\n\
                    [site.probe]\nurl = \"http://127.0.0.1:9/\"\ntimeout_seconds = 1\n";
    let rest = format!("{database}{services}");
    site.node.configure_all(&helpers[0], &lines, "", &rest);
    let snapshot = site.node.backed_up();
    // A restore starts every one of them.
    site.node.restore(&snapshot).run().completed();
    let before = (site.node.world(), site.schema());
    let refused = |path: &Path, says: &str| {
        for call in [site.node.backup(), site.node.restore(&snapshot)] {
            let verb = call.request.order.verb();
            // A backup halts nothing and looks at no page.
            let is_used = verb.word() == "restore"
                || !["curl", "systemctl"].iter().any(|name| path.ends_with(name));
            if is_used {
                let said = call.run().ended_as(Outcome::Failed).operator_message;
                let named = said.contains(&path.display().to_string()) && said.contains(says);
                assert!(named, "{verb:?} with {} said: {said}", path.display());
            }
        }
        before.0.assert_unchanged(&site.node, &path.display().to_string());
        assert_eq!(site.schema(), before.1);
    };
    let mode = |path: &Path, bits| {
        fs::set_permissions(path, Permissions::from_mode(bits)).expect("a mode");
    };
    for helper in &helpers {
        for bits in [0o775, 0o757] {
            mode(helper, bits);
            refused(helper, "may be written by others than root: `chmod go-w` it");
        }
        mode(helper, 0o755);
        chown(helper, Some(1000), None).expect("an owner");
        refused(helper, "belongs to uid 1000, and must belong to root");
        chown(helper, Some(0), None).expect("an owner");
    }
    // Whoever may write the folder may put another one in its place.
    mode(&folder, 0o775);
    refused(&folder, "may be written by others than root: `chmod go-w` it");
    mode(&folder, 0o755);
    site.node.restore(&snapshot).run().completed();
    site.node.recover();
}
