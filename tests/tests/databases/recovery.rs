//! What is half done waits for its server, and for statements that outlive their clients.
//!
//! Needs: mariadb, restic, strace.

use holdfast_job::{Outcome, Scope, UndoCopy};
use holdfast_tests::{
    Action, MariaDb, Moment, StatementProxy, damage_small_shop, eventually, fill_small_shop,
};

use super::Scene;

/// In hexadecimal, as the executor writes its statements.
const RENAME: &[u8] = b"EXECUTE IMMEDIATE X'52454e414d45205441424c45";

/// The number of the RENAME among the statements of the next undo, which is the same as that of the
/// undo before the last.
fn rename_of_an_undo(scene: &Scene, proxy: &StatementProxy) -> usize {
    proxy.reset();
    scene.node.undo().run().completed();
    let is_rename = |statement: &Vec<u8>| statement.windows(RENAME.len()).any(|w| w == RENAME);
    let rename = proxy.statements().iter().position(is_rename).expect("a RENAME") + 1;
    scene.node.undo().run().completed();
    proxy.reset();
    rename
}

#[test]
fn a_swap_whose_server_stays_away_is_taken_back_when_it_is_there_again() {
    let mut scene = Scene::open();
    fill_small_shop(&scene.server, MariaDb::SCHEMA);
    let proxy =
        StatementProxy::start(&scene.node.root().join("proxy.sock"), &scene.server.socket());
    scene.node.configure_database(proxy.socket(), "");
    let snapshot = scene.node.backed_up();
    let good = scene.schema();
    damage_small_shop(&scene.server, MariaDb::SCHEMA);
    scene.node.restore(&snapshot).run().completed();
    let rename = rename_of_an_undo(&scene, &proxy);
    proxy.arm(rename, Moment::After, Action::Kill(scene.server.pid()));
    let ended = scene.node.undo().run();
    let result = ended.ended_as(Outcome::Busy);
    assert!(result.customer_message.contains("waits for its database"), "{result:?}");
    assert!(scene.node.flag().exists(), "nobody may see half of it");
    scene.node.backup().run().ended_as(Outcome::Busy);
    let recovered = scene.node.executor_with(&["recover"]).output().expect("recover");
    let said = String::from_utf8_lossy(&recovered.stdout).into_owned();
    assert!(said.contains("\"unsettled\""), "{said}");
    assert_eq!(recovered.status.code(), Some(i32::from(Outcome::FailedForNow.exit_code())));
    scene.server.start_again();
    let said = scene.node.recover();
    assert!(said.contains("\"settled\""), "{said}");
    assert!(!scene.node.flag().exists(), "it is whole and open");
    let now = scene.schema();
    assert!(now == good, "{}", now.differences(&good));
    scene.node.backed_up();
}

#[test]
fn a_recover_waits_for_a_rename_of_400_tables_that_outlived_its_client() {
    let scene = Scene::open();
    let tables: Vec<String> = (0..400)
        .map(|n| format!("CREATE TABLE t{n} (id INT PRIMARY KEY); INSERT INTO t{n} VALUES ({n});"))
        .collect();
    scene.server.load(MariaDb::SCHEMA, tables.concat().as_bytes());
    let proxy =
        StatementProxy::start(&scene.node.root().join("proxy.sock"), &scene.server.socket());
    // In one statement, so that there is time to look.
    scene.node.configure_database(proxy.socket(), "[limits]\ntables_at_once = 400\n");
    let snapshot = scene.node.backed_up();
    scene.server.query("DELETE FROM customer_42.t7; DROP TABLE customer_42.t8");
    let bad = scene.schema();
    scene.node.restore(&snapshot).run().completed();
    let good = scene.schema();
    let rename = rename_of_an_undo(&scene, &proxy);
    proxy.arm(rename, Moment::After, Action::KillClient);
    let mut running = scene.node.undo().start();
    eventually("the death of the client", || proxy.happened().then_some(()));
    running.kill();
    running.wait();
    // Still at work for a client that is dead.
    let statements = scene.server.query("SHOW FULL PROCESSLIST");
    let at_work = statements.contains("RENAME TABLE");
    let said = scene.node.recover();
    assert!(said.contains("\"settled\""), "{said}");
    let now = scene.schema();
    let whole = now == bad || now == good;
    assert!(whole, "at work: {at_work}: {}", now.differences(&bad));
    assert!(at_work, "the statement was over before anybody could look: {statements}");
}

#[test]
fn a_schema_whose_programs_could_not_be_made_again_is_not_called_whole() {
    let mut scene = Scene::open();
    fill_small_shop(&scene.server, MariaDb::SCHEMA);
    scene.server.query("CREATE USER holdfast@localhost");
    scene.server.query(include_str!("../../../docs/mariadb-account.sql"));
    let proxy =
        StatementProxy::start(&scene.node.root().join("proxy.sock"), &scene.server.socket());
    scene.node.configure_database(proxy.socket(), "");
    scene.node.secret("etc/mariadb.toml", "user = \"holdfast\"");
    let snapshot = scene.node.backed_up();
    damage_small_shop(&scene.server, MariaDb::SCHEMA);
    scene.node.restore(&snapshot).run().completed();
    let rename = rename_of_an_undo(&scene, &proxy);
    let client = scene.server.socket();
    // The right to make programs for others goes in the middle of the swap.
    let revoke = move || {
        let mut root = holdfast_tests::program("/usr/bin/mariadb");
        root.args(["--no-defaults", "--socket"]).arg(&client);
        root.args(["-e", "REVOKE SET USER ON *.* FROM holdfast@localhost"]);
        assert!(root.status().expect("mariadb").success());
    };
    proxy.arm(rename, Moment::Before, Action::Call(Box::new(revoke)));
    let ended = scene.node.undo().run();
    assert!(proxy.happened(), "{proxy:?}");
    let grants = scene.server.query("SHOW GRANTS FOR holdfast@localhost");
    assert!(!grants.contains("SET USER"), "{grants}");
    let result = ended.ended_as(Outcome::Stuck);
    assert!(result.operator_message.contains("is a mixture and stays closed"), "{result:?}");
    assert!(scene.node.flag().exists());
    let settle = scene.node.executor_with(&["settle", "42", "--as", "old"]).output();
    let settle = settle.expect("settle");
    let said = String::from_utf8_lossy(&settle.stderr).into_owned();
    assert!(said.contains("its programs are not"), "{said}");
    scene.node.expect_left_overs();
}

#[test]
fn a_server_that_is_away_keeps_no_customer_from_being_settled() {
    let mut scene = Scene::open();
    let before = scene.node.tree();
    scene.node.configure_database(&scene.server.socket(), "");
    let files = Scope::Files;
    let snapshot = scene.node.backed_up();
    let call = scene.node.restore_with(&snapshot, files, UndoCopy::Keep).rehearsed("wait close");
    let mut running = call.start();
    running.until_said("\"stage\":\"close\"");
    running.kill();
    running.wait();
    scene.server.stop();
    let recover = || {
        let output = scene.node.executor_with(&["recover"]).output().expect("recover");
        assert!(output.status.success(), "{output:?}");
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned())
    };
    let [stands, said] = recover();
    assert!(stands.contains("\"settled\""), "{stands}");
    assert!(said.contains("tidying up is tried again later"), "{said}");
    assert!(!scene.node.flag().exists(), "open again");
    assert_eq!(scene.node.tree(), before);
    scene.server.start_again();
    let [_, said] = recover();
    assert!(!said.contains("tried again later"), "{said}");
}

#[test]
fn a_recover_drops_what_is_its_own_and_nothing_of_another_installation() {
    let scene = Scene::open();
    fill_small_shop(&scene.server, MariaDb::SCHEMA);
    scene.node.configure_database(&scene.server.socket(), "");
    let snapshot = scene.node.backed_up();
    scene.node.restore(&snapshot).run().completed();
    let names = |like: &str| {
        scene.server.query(&format!(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '{like}'"
        ))
    };
    let kept = names("holdfast\\_undo\\_42\\_%");
    let (beginning, number) = kept.trim().rsplit_once('_').expect("an undo copy");
    let (beginning, _job) = beginning.rsplit_once('_').expect("a job");
    let ours = format!("{beginning}_0123456789abcdef_{number}");
    let theirs = format!("holdfast_undo_42_00000000_0123456789abcdef_{number}");
    scene.server.query(&format!("CREATE DATABASE {ours}; CREATE DATABASE {theirs}"));
    scene.node.recover();
    let now = names("holdfast%");
    assert!(!now.contains(&ours) && now.contains(&theirs) && now.contains(kept.trim()), "{now}");
    scene.server.query(&format!("DROP DATABASE {theirs}"));
}
