//! Random schemas under random settings: what was saved comes back exactly, what was not has a name.
//!
//! Needs: mariadb, restic.

use holdfast_tests::{Anything, Came, DatabaseSite};

/// The cases of one run. `scripts/soak anything databases` has a thousand.
const CASES: u64 = 30;

/// The first case: the same in each run, as `scripts/soak anything databases` looks for new ones. Another
/// one by `HOLDFAST_TEST_SEED`.
fn first() -> u64 {
    let given = std::env::var("HOLDFAST_TEST_SEED").ok();
    given.map_or(1, |number| number.parse().expect("a number"))
}

#[test]
fn whatever_a_completed_backup_holds_is_restored_exactly() {
    let first = first();
    let mut anything = Anything::on(DatabaseSite::new());
    let mut back = 0;
    for case in first..first + CASES {
        match anything.case(case) {
            Ok(came) => back += u64::from(came == Came::Back),
            Err(why) => panic!("{why}"),
        }
    }
    assert!(back >= CASES / 3, "only {back} of {CASES} came back: so harsh settings show nothing");
}
