//! Dumps that are programs: they are run by an account that can touch the staging schema alone.
//!
//! Needs: mariadb.

use std::fmt::Write;

use holdfast_job::Outcome;
use holdfast_tests::{MariaDb, Tree};

use super::{
    forge::small_site,
    watch::{assert_same, finish, restored, trap},
};

/// Statements that the server must refuse the loading account.
const REFUSED: &[&str] = &[
    "SELECT 'x' INTO OUTFILE '{trap}/outfile'",
    "SELECT 'x' INTO DUMPFILE '{trap}/dumpfile'",
    "LOAD DATA INFILE '{trap}/secret' INTO TABLE pages (title)",
    "INSERT INTO customer_43.birds (name) VALUES ('Vulture')",
    "CREATE TABLE customer_43.nest (id INT)",
    "CREATE TABLE customer_42.hacked (id INT)",
    "CREATE TABLE mysql.hacked (id INT)",
    "CREATE DATABASE hacked",
    "CREATE DATABASE holdfast_stage_42x",
    "DROP DATABASE customer_43",
    "RENAME TABLE pages TO customer_43.pages",
    "CREATE TABLE spy LIKE customer_43.birds",
    "CREATE TABLE spy AS SELECT * FROM customer_43.birds",
    "CREATE TABLE spy AS SELECT * FROM mysql.global_priv",
    "GRANT ALL ON *.* TO CURRENT_USER()",
    "GRANT SELECT ON pages TO customer_43@localhost",
    "CREATE USER hacked",
    "CREATE ROLE hacked",
    "SET PASSWORD FOR root@localhost = PASSWORD('x')",
    "SET GLOBAL max_connections = 1",
    "SET GLOBAL general_log_file = '{trap}/log'",
    "SET GLOBAL event_scheduler = OFF",
    "SET SESSION sql_log_bin = 0",
    "INSTALL SONAME 'ha_federatedx'",
    "INSTALL PLUGIN hacked SONAME 'ha_federatedx'",
    "CREATE FUNCTION hacked RETURNS STRING SONAME 'hacked.so'",
    "CREATE SERVER hacked FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')",
    "CREATE DEFINER = root@localhost PROCEDURE p() SELECT 1",
    "CREATE DEFINER = root@localhost FUNCTION f() RETURNS INT RETURN 1",
    "CREATE DEFINER = root@localhost VIEW v AS SELECT * FROM mysql.global_priv",
    "CREATE DEFINER = root@localhost TRIGGER t BEFORE INSERT ON pages FOR EACH ROW SET @a = 1",
    "CREATE DEFINER = root@localhost EVENT e ON SCHEDULE EVERY 1 SECOND DO SELECT 1",
    "CREATE PROCEDURE p() SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TRIGGER t BEFORE INSERT ON pages FOR EACH ROW SET @a = 1",
    "CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO SELECT 1",
    "CALL customer_42.of_root()",
    "CREATE TABLE m (id INT, name VARCHAR(40)) ENGINE = MERGE UNION = (customer_43.birds)",
    "CREATE TABLE k (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES customer_43.birds (id))",
    "SHUTDOWN",
    "FLUSH TABLES WITH READ LOCK",
    "PURGE BINARY LOGS BEFORE NOW()",
    "CHANGE MASTER TO MASTER_HOST = 'x'",
    "BINLOG ''",
    "SET ROLE root",
    "SELECT 1; DROP TABLE pages",
];

/// The refusals: no right (the first six), a role or a routine that cannot be had, two statements.
const REFUSALS: [u32; 9] = [1044, 1045, 1142, 1227, 1370, 1698, 1959, 1305, 1064];

/// Statements that succeed and must not matter.
const HARMLESS: &[&str] = &[
    "DO RELEASE_ALL_LOCKS()",
    "SET PASSWORD = PASSWORD('known')",
    "CREATE TEMPORARY TABLE birds (id INT)",
    "SET SESSION sql_mode = 'ANSI_QUOTES', foreign_key_checks = 0",
    "CREATE OR REPLACE TABLE read_in AS SELECT IFNULL(LOAD_FILE('{trap}/secret'), 'nothing') AS text",
];

/// Tries each and keeps what became of it in a table of its own; a failure stops nothing.
fn trying(statements: &[String]) -> String {
    let mut dump = "CREATE TABLE tried (number INT, error INT);\nDELIMITER $$\n".to_owned();
    for (number, statement) in statements.iter().enumerate() {
        let statement = statement.replace('\'', "''");
        writeln!(
            dump,
            "BEGIN NOT ATOMIC BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN \
             GET DIAGNOSTICS CONDITION 1 @error = MYSQL_ERRNO; END; SET @error = 0; \
             EXECUTE IMMEDIATE '{statement}'; END; \
             INSERT INTO tried VALUES ({number}, @error); END $$"
        )
        .expect("a string");
    }
    dump + "DELIMITER ;\n"
}

#[test]
fn a_dump_is_refused_whatever_is_outside_its_schema() {
    let (site, good) = small_site();
    let trap = trap(&site).display().to_string();
    let statements: Vec<String> =
        REFUSED.iter().chain(HARMLESS).map(|one| one.replace("{trap}", &trap)).collect();
    let forged = good
        .with_dump(&trying(&statements))
        .with_table("tried", "InnoDB", statements.len())
        .with_table("read_in", "InnoDB", 1);
    restored(&site, &forged, None);
    let tried = site.server.query("SELECT error FROM customer_42.tried ORDER BY number");
    for (number, (statement, error)) in statements.iter().zip(tried.lines()).enumerate() {
        let error: u32 = error.parse().expect("a number");
        let as_expected = match number < REFUSED.len() {
            true => REFUSALS.contains(&error),
            false => error == 0,
        };
        assert!(as_expected, "error {error}: {statement}");
    }
    assert_eq!(site.server.query("SELECT text FROM customer_42.read_in"), "nothing\n");
    assert_eq!(site.server.query("SELECT COUNT(*) FROM customer_42.pages"), "2\n");
    site.node.undo().run().completed();
    assert_eq!(site.server.query("SELECT COUNT(*) FROM customer_42.pages"), "1\n");
    finish(&site);
}

/// The client's own commands, one a line, as a shell's or an editor's would be.
const COMMANDS: &str = "
\\! touch {trap}/by_shell
system touch {trap}/by_system
source {trap}/evil.sql
\\. {trap}/evil.sql
\\T {trap}/by_tee
tee {trap}/by_tee_too
pager touch {trap}/by_pager
SELECT 1;
";

#[test]
fn the_clients_own_commands_in_a_dump_do_nothing() {
    let (site, good) = small_site();
    let trap = trap(&site);
    std::fs::write(trap.join("evil.sql"), "CREATE DATABASE sourced;\n").expect("a script");
    let commands = COMMANDS.replace("{trap}", &trap.display().to_string());
    let forged = good.with_dump(&commands);
    restored(&site, &forged, Some("could not load the dump: "));
    // In the middle of a statement.
    let hidden = format!("SELECT 1 FROM\n{commands}");
    restored(&site, &good.with_dump(&hidden), Some("could not load the dump: "));
    // Data that looks like commands is data.
    let mut forged = good.with_dump("INSERT INTO pages VALUES (3, 'x\n\\\\! touch by_data');\n");
    forged.database()["tables"][1]["rows"] = 3.into();
    restored(&site, &forged, None);
    assert!(
        site.server.query("SELECT title FROM customer_42.pages WHERE id = 3").contains("by_data")
    );
    finish(&site);
    // The naive way, as whoever administers: the same dump has it all.
    let naive = MariaDb::run(
        holdfast_tests::program("/usr/bin/mariadb")
            .args(["--no-defaults", "--socket"])
            .arg(site.server.socket())
            .arg(MariaDb::SCHEMA),
        commands.as_bytes(),
    );
    assert!(naive.is_ok(), "{naive:?}");
    for made in ["by_shell", "by_system"] {
        assert!(trap.join(made).exists(), "{made}");
    }
    assert!(site.server.query("SHOW DATABASES").contains("sourced"));
}

#[test]
fn a_dump_that_reads_the_nodes_files_or_leaves_its_schema_is_refused() {
    let (site, good) = small_site();
    let trap = trap(&site).display().to_string();
    for (statement, sentence) in [
        (format!("LOAD DATA LOCAL INFILE '{trap}/secret' INTO TABLE links;"), "error 4166"),
        ("USE customer_43;".into(), "error 1044 (42000) at line "),
    ] {
        restored(&site, &good.with_dump(&statement), Some(sentence));
    }
    finish(&site);
}

/// No right is needed to prepare a transaction, and it outlives its session and its account: all that
/// can be done is to keep the restore away from it.
#[test]
fn a_transaction_that_a_dump_has_prepared_stops_its_restore_and_nothing_else() {
    let (site, good) = small_site();
    let prepared = "XA START 'hostile'; INSERT INTO pages VALUES (9, 'nine'); XA END 'hostile'; \
                    XA PREPARE 'hostile';";
    let snapshot = good.with_dump(prepared).saved(&site.node);
    let before = site.schema();
    let ended = site.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("somebody held a lock for too long"), "{ended:?}");
    assert_same(before.as_ref(), site.schema().as_ref(), &format!("{ended:?}"));
    assert!(site.node.left_over().iter().all(|left| left.starts_with("trash-")), "{ended:?}");
    // The operator sees it there, and then the staging schema can go.
    assert!(site.server.query("XA RECOVER").contains("hostile"));
    site.server.query("XA ROLLBACK 'hostile'");
    finish(&site);
}

/// The server lets any account say where its tables' data are to be, as far as the server itself may
/// write there.
#[test]
fn a_table_whose_data_are_elsewhere_is_gone_from_there_with_its_staging_schema() {
    let (site, good) = small_site();
    let trap = trap(&site);
    let table = format!("CREATE TABLE outside (id INT) DATA DIRECTORY = '{}';", trap.display());
    let snapshot = good.with_dump(&table).saved(&site.node);
    let ended = site.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    let sentence = "table `outside` has its data in a directory of its own";
    assert!(result.operator_message.contains(sentence), "{ended:?}");
    finish(&site);
    let left = Tree::read(&trap).without_kinds(&["dir"]);
    assert_eq!(left.len(), 1, "beside the secret: {left:?}");
}
