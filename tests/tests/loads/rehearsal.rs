//! The rehearsal of a restore: what no restore could load is refused at the backup, by name.
//!
//! Needs: mariadb, restic.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use holdfast_job::Outcome;
use holdfast_tests::{Action, DatabaseSite, MariaDb, Moment, StatementProxy, eventually};

use super::{assert_comes_back, assert_refused, assert_tidy, site_with_plugins};

#[test]
fn what_the_server_does_not_make_again_is_refused_by_its_table() {
    let site = DatabaseSite::new();
    for (make, set, reset, words) in [
        (
            "CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE keyless (a INT)",
            "innodb_force_primary_key = ON",
            "innodb_force_primary_key = OFF",
            &["table `keyless`", "1173"][..],
        ),
        (
            "CREATE TABLE pc (a INT) PAGE_COMPRESSED=1",
            "innodb_file_per_table = OFF",
            "innodb_file_per_table = ON",
            &["table `pc`", "1005"],
        ),
        (
            "CREATE TABLE k (a VARCHAR(250) CHARACTER SET utf8mb4, KEY (a))",
            "innodb_default_row_format = compact",
            "innodb_default_row_format = dynamic",
            &["table `k`", "1709"],
        ),
        (
            "CREATE TABLE plain (id INT) ENGINE=MyISAM",
            "enforce_storage_engine = InnoDB",
            "enforce_storage_engine = NULL",
            &["table `plain`", "InnoDB", "MyISAM", "enforce_storage_engine"],
        ),
        (
            "CREATE TABLE words (bin INT, id INT AUTO_INCREMENT, PRIMARY KEY (bin, id)) ENGINE=MyISAM",
            "enforce_storage_engine = InnoDB",
            "enforce_storage_engine = NULL",
            &["table `words`", "1075"],
        ),
    ] {
        site.filled(make);
        site.server.query(&format!("SET GLOBAL {set}"));
        let result = assert_refused(&site, words);
        assert!(result.customer_message.contains("could not be brought back"), "{result:?}");
        site.server.query(&format!("SET GLOBAL {reset}"));
        assert_comes_back(&site, make);
    }
}

#[test]
fn a_program_that_the_server_does_not_make_again_is_refused_by_its_name() {
    let site = DatabaseSite::new();
    site.filled(
        "CREATE TABLE a (id INT PRIMARY KEY, b INT); CREATE DEFINER='customer_42'@'localhost' VIEW v AS SELECT id FROM a;
         CREATE DEFINER='customer_42'@'localhost' TRIGGER first BEFORE INSERT ON a FOR EACH ROW SET @x = NEW.id;
         CREATE DEFINER='customer_42'@'localhost' TRIGGER `it's` BEFORE UPDATE ON a FOR EACH ROW SET @x = NEW.b;
         CREATE DEFINER='customer_42'@'localhost' TRIGGER last BEFORE DELETE ON a FOR EACH ROW SET @x = OLD.id;
         CREATE DEFINER='customer_42'@'localhost' PROCEDURE fine() SELECT 1;
         CREATE DEFINER='customer_42'@'localhost' EVENT each_year ON SCHEDULE EVERY 1 YEAR DO SELECT 1",
    );
    assert_comes_back(&site, "all that it was made with");
    // No trigger can be made on a column that is gone, and who writes into the table fails.
    site.server.query("ALTER TABLE customer_42.a DROP COLUMN b");
    let result = assert_refused(&site, &["trigger `it's`", "1054"]);
    assert!(result.customer_message.contains("in trigger `it's`"), "{result:?}");
    site.server.query("DROP TRIGGER customer_42.`it's`");
    assert_comes_back(&site, "all but that trigger");
}

#[test]
fn no_event_begins_and_nobody_gets_a_right_while_programs_are_rehearsed() {
    let site = DatabaseSite::new();
    site.filled(
        "CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT);
         CREATE PROCEDURE p() SELECT 1; GRANT EXECUTE ON PROCEDURE p TO report_42@localhost;
         CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO INSERT INTO a () VALUES ()",
    );
    let proxy = StatementProxy::start(&site.node.root().join("proxy"), &site.server.socket());
    site.configure_at(proxy.socket(), "", "");
    site.backed_up();
    let hex = |words: &str| words.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let has = |words: &str| {
        let words = hex(words);
        proxy.statements().iter().any(|one| String::from_utf8_lossy(one).contains(&words))
    };
    assert!(has(" PRESERVE DISABLE DO INSERT"), "it is rehearsed: {proxy:?}");
    assert!(!has(" PRESERVE ENABLE DO INSERT"), "{proxy:?}");
    assert_eq!(site.server.query("SELECT DISTINCT Db FROM mysql.procs_priv"), "customer_42\n");
    site.node.recover();
}

#[test]
fn a_server_that_wants_keys_takes_our_own_tables() {
    let site = DatabaseSite::new();
    site.filled("CREATE TABLE a (id INT PRIMARY KEY); INSERT INTO a VALUES (1)");
    site.server.query("SET GLOBAL innodb_force_primary_key = ON");
    assert_comes_back(&site, "a table with a key");
}

#[test]
fn rows_that_collide_when_their_floats_are_rounded_are_refused_by_column() {
    let site = DatabaseSite::new();
    site.filled(
        "CREATE TABLE t (f FLOAT, PRIMARY KEY (f));
         INSERT INTO t VALUES (1.2345678), (1.2345679), (1.2345670)",
    );
    assert_refused(&site, &["column `f` of table `t`", "FLOAT"]);
    site.filled(
        "CREATE TABLE t (a VARCHAR(40), f FLOAT, g FLOAT(12,3), UNIQUE KEY (a(2), f), UNIQUE KEY (g));
         INSERT INTO t VALUES ('aab', 16777214, 1), ('aac', 16777215, 2)",
    );
    assert_refused(&site, &["column `f` of table `t`"]);
    site.filled(
        "CREATE TABLE t (f FLOAT, g FLOAT, PRIMARY KEY (f), KEY (g));
         INSERT INTO t VALUES (1.5, 1.25), (2.5, 1.25)",
    );
    assert_comes_back(&site, "floats apart");
}

#[test]
fn an_empty_value_of_a_column_of_geometry_is_refused_by_column_and_a_whole_one_comes_back() {
    let site = DatabaseSite::new();
    // What the server gives to each row that is there.
    site.filled(
        "CREATE TABLE shops (id INT PRIMARY KEY); INSERT INTO shops VALUES (1);
         ALTER TABLE shops ADD `wh``ere` POINT NOT NULL",
    );
    assert_refused(&site, &["column `wh``ere` of table `shops`", "empty"]);
    let looked = site.node.executor_with(&["doctor"]).output().expect("doctor");
    let said = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert!(said.contains("column `wh``ere` of table `shops`"), "{said}");
    site.server.query("UPDATE customer_42.shops SET `wh``ere` = POINT(1, 2)");
    assert_comes_back(&site, "a point");
    // The rows of before are in a dump as well.
    site.filled(
        "SET sql_mode = ''; CREATE TABLE shops (id INT PRIMARY KEY, area POLYGON NOT NULL)
         WITH SYSTEM VERSIONING; INSERT IGNORE INTO shops (id) VALUES (1); DELETE FROM shops",
    );
    assert_refused(&site, &["column `area` of table `shops`"]);
    site.filled("CREATE TABLE shops (id INT, area GEOMETRY); INSERT INTO shops (id) VALUES (1)");
    assert_comes_back(&site, "no value at all");
}

/// Counts the runs of the client that load.
fn loads(site: &DatabaseSite) -> usize {
    let loads = std::fs::read_to_string(site.node.root().join("etc/loads"));
    loads.unwrap_or_default().lines().count()
}

#[test]
fn a_restore_is_rehearsed_again_only_when_something_has_changed() {
    let site = DatabaseSite::new();
    site.filled("CREATE TABLE a (id INT PRIMARY KEY AUTO_INCREMENT); CREATE SEQUENCE s");
    let count = "case \" $* \" in *' --sandbox '*) echo load >>$root/etc/loads ;; esac";
    let client = site.node.double_of(Path::new("/usr/bin/mariadb"), count);
    site.configure(&format!("mariadb = \"{}\"", client.display()), "");
    let mut expected = 0;
    for (change, again) in [
        ("SELECT 1", true),
        ("INSERT INTO customer_42.a VALUES (), (); DO NEXTVAL(customer_42.s)", false),
        ("ALTER TABLE customer_42.a ADD COLUMN b INT", true),
        ("SELECT 1", false),
        ("SET GLOBAL innodb_strict_mode = 0", true),
        ("SELECT 1", false),
        ("ALTER DATABASE customer_42 COLLATE utf8mb4_bin", true),
    ] {
        site.server.query(change);
        site.backed_up();
        expected += usize::from(again);
        assert_eq!(loads(&site), expected, "after {change}");
    }
    assert_tidy(&site);
}

#[test]
fn a_rehearsal_that_is_cut_off_leaves_nothing_and_the_backup_can_be_ordered_again() {
    let site = DatabaseSite::new();
    site.filled("CREATE TABLE a (id INT PRIMARY KEY)");
    let proxy = StatementProxy::start(&site.node.root().join("proxy"), &site.server.socket());
    site.configure_at(proxy.socket(), "", "");
    site.backed_up();
    let has = |statement: &Vec<u8>| String::from_utf8_lossy(statement).contains("CREATE TABLE `a`");
    let number = 1 + proxy.statements().iter().position(has).expect("the rehearsal's statement");
    std::fs::remove_dir_all(site.node.root().join("state/rehearsed")).expect("rehearsed once");
    proxy.reset();
    proxy.arm(number, Moment::Before, Action::KillClient);
    let ended = site.node.backup_of("db").run();
    assert!(proxy.happened(), "{proxy:?}");
    ended.ended_as(Outcome::FailedForNow);
    assert!(site.node.left_over().is_empty(), "{:?}", site.node.left_over());
    assert_eq!(site.left_on_server(), "");
    proxy.reset();
    site.backed_up();
    assert_tidy(&site);
}

#[test]
fn programs_that_are_too_old_are_named_by_backup_and_doctor() {
    let site = DatabaseSite::new();
    site.filled("CREATE TABLE a (id INT PRIMARY KEY)");
    for (tool, option, key) in
        [("mariadb-dump", "--dump-history", "mariadb_dump"), ("mariadb", "--sandbox", "mariadb")]
    {
        let old = format!(
            "case \" $* \" in *' {option} '*) echo \"$0: unknown option '{option}'\" >&2; exit 2 ;; esac"
        );
        let old = site.node.double_of(&Path::new("/usr/bin").join(tool), &old);
        site.configure(&format!("{key} = \"{}\"", old.display()), "");
        let sentence = format!("`{tool}` does not know the option {option}");
        assert_refused(&site, &[&sentence]);
        let found = doctor(&site);
        assert!(found.contains(&sentence), "{found}");
        site.configure("", "");
    }
    let found = doctor(&site);
    assert!(!found.contains("does not know"), "{found}");
    assert_comes_back(&site, "with the right ones");
}

#[test]
fn doctor_finds_a_policy_that_refuses_every_restore() {
    let site = site_with_plugins();
    site.filled("CREATE TABLE a (id INT PRIMARY KEY)");
    site.backed_up();
    assert!(!doctor(&site).contains("BAD"), "{}", doctor(&site));
    site.server.query(
        "INSTALL SONAME 'simple_password_check';
         SET GLOBAL simple_password_check_minimal_length = 200",
    );
    let found = doctor(&site);
    assert!(found.contains("policy for passwords"), "{found}");
    assert_refused(&site, &["policy for passwords"]);
}

/// The lines of `doctor` about the database.
fn doctor(site: &DatabaseSite) -> String {
    let output = site.node.executor_with(&["doctor"]).output().expect("doctor");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(site.left_on_server(), "", "{}", MariaDb::SCHEMA);
    said.lines().filter(|line| line.contains("database shop")).collect()
}

#[test]
fn a_stop_in_the_rehearsal_of_hundreds_of_tables_is_obeyed_within_five_seconds() {
    let site = DatabaseSite::new();
    let tables: String =
        (0..800).map(|n| format!("CREATE TABLE t{n} (id INT PRIMARY KEY, KEY k (id));")).collect();
    site.filled(&tables);
    let mut running = site.node.backup_of("db").start();
    eventually("many tables of the rehearsal", || {
        let made = site.server.query(
            "SELECT COUNT(*) FROM information_schema.INNODB_SYS_TABLES \
             WHERE NAME LIKE 'holdfast@005fstage%' OR NAME LIKE 'holdfast\\_stage%'",
        );
        (made.trim().parse::<u32>().expect("a number") > 400).then_some(())
    });
    let since = Instant::now();
    running.let_go();
    let ended = running.wait();
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}\n{ended:?}", since.elapsed());
    ended.ended_as(Outcome::Stopped);
    site.node.recover();
    let left = site.server.query(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'holdfast%'; \
         SELECT User FROM mysql.user WHERE User LIKE 'holdfast%'",
    );
    assert_eq!(left, "");
}
