//! Spools that are no folders with plain files in them: a snapshot can hold anything.
//!
//! Needs: nothing.

use std::{fs, os::unix::fs::symlink, path::Path};

use holdfast_job::Outcome;
use holdfast_tests::{output_of, program};

use super::{
    forge::{saved_as_it_is, small_site},
    watch::{Outside, assert_same, finish, trap},
};

/// What is wrong with a spool, and how it comes to be.
type Case<'a> = (&'a str, &'a dyn Fn(&Path));

fn fifo(path: &Path) {
    fs::remove_file(path).expect("removed");
    output_of(program("/usr/bin/mkfifo").arg(path));
}

#[test]
fn links_and_fifos_in_place_of_what_belongs_to_a_database_are_refused() {
    let (site, good) = small_site();
    // Somebody else's dump, as long as ours: it must stay where it is.
    let foreign = trap(&site);
    let spool = good.laid_out(&site.node);
    for file in ["tables.sql", "programs.jsonl"] {
        fs::copy(spool.join("shop").join(file), foreign.join(file)).expect("a copy");
    }
    let before = site.schema();
    let cases: [Case<'_>; 4] = [
        ("folder", &|spool| {
            fs::remove_dir_all(spool.join("shop")).expect("removed");
            symlink(&foreign, spool.join("shop")).expect("a link");
        }),
        ("dump", &|spool| {
            fs::remove_file(spool.join("shop/tables.sql")).expect("removed");
            symlink(foreign.join("tables.sql"), spool.join("shop/tables.sql")).expect("a link");
        }),
        ("programs", &|spool| {
            fs::remove_file(spool.join("shop/programs.jsonl")).expect("removed");
            symlink(foreign.join("programs.jsonl"), spool.join("shop/programs.jsonl"))
                .expect("a link");
        }),
        ("fifo", &|spool| fifo(&spool.join("shop/programs.jsonl"))),
    ];
    for (what, arrange) in cases {
        arrange(&good.laid_out(&site.node));
        let snapshot = saved_as_it_is(&site.node);
        let outside = Outside::of(&site);
        let ended = site.restore(&snapshot).run();
        let result = ended.ended_as(Outcome::Failed);
        assert!(result.operator_message.contains("is no plain f"), "{what}: {ended:?}");
        outside.assert_unchanged(&site, what);
        assert_same(before.as_ref(), site.schema().as_ref(), what);
    }
    finish(&site);
}
