//! Random schemas under random settings: what was saved comes back exactly, what was not has a name.
//!
//! Needs: mariadb, restic.

use holdfast_tests::{Anything, Came, DatabaseSite, Seed};

/// The cases of one run. `scripts/soak anything databases` has a thousand.
const CASES: u64 = 30;

#[test]
fn whatever_a_completed_backup_holds_is_restored_exactly() {
    let first = Seed::new().number();
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
