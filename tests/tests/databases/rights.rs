//! The administering account: what it lacks is named before anything is done.
//!
//! Needs: mariadb, restic, strace.

use holdfast_job::Outcome;
use holdfast_tests::{MariaDb, damage_small_shop, fill_small_shop};

use super::Scene;

/// What the documents give the account.
const GRANTS: &str = include_str!("../../../docs/mariadb-account.sql");

fn with_own_account() -> Scene {
    let scene = Scene::open();
    scene.server.query("CREATE USER holdfast@localhost IDENTIFIED BY 'a \\\\ \"quoted\" password'");
    scene.server.query(GRANTS);
    scene
        .node
        .secret("etc/mariadb.toml", "user = \"holdfast\"\npassword = 'a \\ \"quoted\" password'");
    fill_small_shop(&scene.server, MariaDb::SCHEMA);
    scene
}

#[test]
fn an_account_with_the_documented_rights_saves_restores_and_undoes() {
    let scene = with_own_account();
    let good = scene.schema();
    let snapshot = scene.node.backed_up();
    damage_small_shop(&scene.server, MariaDb::SCHEMA);
    let bad = scene.schema();
    scene.node.restore(&snapshot).run().completed();
    let now = scene.schema();
    assert!(now == good, "{}", now.differences(&good));
    scene.node.undo().run().completed();
    let now = scene.schema();
    assert!(now == bad, "{}", now.differences(&bad));
    scene.node.recover();
    let doctor = scene.node.executor_with(&["doctor"]).output().expect("doctor");
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("good  customer 42: database shop: schema customer_42 with"), "{said}");
}

#[test]
fn a_right_that_is_missing_is_named_before_anything_is_done() {
    let scene = with_own_account();
    let snapshot = scene.node.backed_up();
    let before = (scene.node.tree(), scene.schema());
    for (revoke, named) in [
        ("EVENT ON `customer\\_%`.*", "EVENT on `customer_42`.*"),
        ("EXECUTE ON `customer\\_%`.*", "EXECUTE on `customer_42`.*"),
        ("PROCESS ON *.*", "PROCESS on *.*"),
        ("SET USER ON *.*", "SET USER on *.*"),
        ("DELETE HISTORY ON `holdfast\\_%`.*", "DELETE HISTORY on `holdfast\\_%`.*"),
        ("GRANT OPTION ON `holdfast\\_%`.*", "GRANT OPTION on `holdfast\\_%`.*"),
        ("GRANT OPTION ON `customer\\_%`.*", "GRANT OPTION on `customer_42`.*"),
        ("SELECT ON mysql.proc", "read mysql.user, mysql.proc and mysql.procs_priv"),
    ] {
        scene.server.query(&format!("REVOKE {revoke} FROM holdfast@localhost"));
        for ended in [scene.node.backup().run(), scene.node.restore(&snapshot).run()] {
            let result = ended.ended_as(Outcome::Failed);
            assert!(result.operator_message.contains(named), "{named}: {result:?}");
        }
        let doctor = scene.node.executor_with(&["doctor"]).output().expect("doctor");
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(said.contains("BAD   customer 42: database shop"), "{said}");
        scene.server.query(GRANTS);
        let now = (scene.node.tree(), scene.schema());
        assert!(now == before, "{named}: something was changed");
    }
    scene.node.backed_up();
}

#[test]
fn an_account_of_an_earlier_version_saves_all_the_same_and_doctor_names_what_it_lacks() {
    let scene = with_own_account();
    scene.server.query("REVOKE EVENT, TRIGGER ON `holdfast\\_%`.* FROM holdfast@localhost");
    scene.node.backed_up();
    let doctor = scene.node.executor_with(&["doctor"]).output().expect("doctor");
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("lacks EVENT, TRIGGER on `holdfast\\_%`.*"), "{said}");
    scene.node.recover();
}
