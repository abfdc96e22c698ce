//! Without Holdfast: what plain restic takes out of a repository is enough.
//!
//! Needs: mariadb, restic.

use std::{fs, os::unix::fs::symlink, path::Path};

use holdfast_tests::{DatabaseSite, MariaDb, Schema, fill_shop, output_of, program, restic};

use super::MISTOLD;

/// The commands of the document, as written.
fn commands() -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project");
    let text = fs::read_to_string(project.join("docs/RESTORE_BY_HAND.md")).expect("the document");
    let (_, block) = text.split_once("```sh\nset -eu\n").expect("a block of commands");
    block.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn what_restic_takes_out_comes_back_by_hand_on_another_server() {
    let site = DatabaseSite::new();
    fill_shop(&site.server, MariaDb::SCHEMA);
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    let fresh = MariaDb::with_tenants(&site.node.root().join("fresh"));
    fresh.query("DROP DATABASE customer_42");
    let bin = site.node.root().join("bin");
    fs::create_dir(&bin).expect("a folder");
    symlink(restic(), bin.join("restic")).expect("a link");
    let mut shell = program("/bin/sh");
    shell
        .args(["-euc", &commands()])
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("HOME", site.node.root())
        .env("RESTIC_REPOSITORY", site.node.repository())
        .env("RESTIC_PASSWORD_FILE", site.node.root().join("etc/password"))
        .env("snapshot", snapshot.as_str())
        .env("target", site.node.root().join("out"))
        .env("socket", fresh.socket())
        .env("schema", MariaDb::SCHEMA)
        .env("database", "shop");
    output_of(&mut shell);
    let by_hand = Schema::read(&fresh, MariaDb::SCHEMA).expect("a schema");
    // What accounts may do with tables belongs to the server, and is in no backup.
    let of_server: Vec<&str> = good
        .things()
        .into_iter()
        .filter(|thing| thing.starts_with("grant table") || thing.starts_with("grant column"))
        .chain(MISTOLD)
        // Its name is mistold as well, and by hand nobody knows better.
        .chain(["event cafÃ©"])
        .collect();
    let (good, by_hand) = (good.without(&of_server), by_hand.without(&of_server));
    assert!(good == by_hand, "{}", good.differences(&by_hand));
    drop(fresh);
    site.node.recover();
}
