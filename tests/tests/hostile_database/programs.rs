//! Programs from a backup: their heads are ours, they belong to the site, and nothing of them is
//! executed when they are made.
//!
//! Needs: mariadb.

use holdfast_tests::MariaDb;
use serde_json::{Value, json};

use super::{
    forge::{a_program, small_site},
    watch::{assert_same, finish, restored, trap},
};

const HEAD: &str = "CREATE DEFINER=`root`@`localhost`";

/// A program of root's, with this behind its definer.
fn of_root(kind: &str, name: &str, text: &str) -> Value {
    match kind {
        "view" => {
            let head = HEAD.replace("CREATE", "CREATE ALGORITHM=UNDEFINED");
            a_program(kind, name, &format!("{head} SQL SECURITY DEFINER {text}"))
        }
        _ => a_program(kind, name, &format!("{HEAD} {text}")),
    }
}

fn with(mut program: Value, key: &str, value: Value) -> Value {
    program[key] = value;
    program
}

#[test]
fn a_program_that_is_no_program_is_refused_before_the_site_is_closed() {
    let (site, good) = small_site();
    let mode = "NO_BACKSLASH_ESCAPES";
    let schedule = "EVENT `e` ON SCHEDULE EVERY";
    let procedure = of_root("procedure", "p", "PROCEDURE `p`() SELECT 1");
    let cases = [
        (a_program("procedure", "p", "GRANT ALL ON *.* TO customer_42@localhost"), "not that of"),
        // Another schema's, by a comment that the server executes.
        (
            of_root("procedure", "customer_43", "PROCEDURE p /*!50000 .evil */() SELECT 1"),
            "its parameters are missing",
        ),
        // Evaluated by whoever makes the event.
        (
            of_root(
                "event",
                "e",
                &format!("{schedule} 1 /*!+RELEASE_ALL_LOCKS()*/ DAY DO SELECT 1"),
            ),
            "its schedule is no plain one",
        ),
        (
            with(
                of_root(
                    "event",
                    "e",
                    &format!(
                        "{schedule} '1\\' + RELEASE_ALL_LOCKS() -- ' DAY DO\n DAY DO SELECT 1"
                    ),
                ),
                "sql_mode",
                mode.into(),
            ),
            "its schedule is no plain one",
        ),
        (
            with(procedure.clone(), "sql_mode", "', GLOBAL max_connections = 1".into()),
            "its sql_mode",
        ),
        (
            with(procedure, "character_set_client", "utf8mb4, GLOBAL max_connections = 1".into()),
            "its character set has no possible name",
        ),
    ];
    for (program, sentence) in cases {
        let result = restored(&site, &good.with_programs(&[program]), Some(sentence));
        assert_eq!(result.closed_ms, None);
    }
    finish(&site);
}

#[test]
fn a_program_that_the_server_refuses_takes_the_restore_back() {
    let (site, good) = small_site();
    let smuggled = "PROCEDURE `p`() SELECT 1; DROP TABLE customer_43.birds";
    let long = "x".repeat(65);
    let cases = [
        (
            of_root("procedure", "p", smuggled),
            "make a program: the database server answered error 1064",
        ),
        (
            of_root("view", "v", "VIEW `v` AS SELECT 1; DROP TABLE customer_43.birds"),
            "view `v` could not be made: error 1064",
        ),
        (of_root("procedure", &long, "PROCEDURE p() SELECT 1"), "error 1059"),
        (
            with(
                of_root("event", "e", "EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1"),
                "time_zone",
                "SYSTEM', GLOBAL max_connections = '1".into(),
            ),
            "error 1298",
        ),
    ];
    for (program, sentence) in cases {
        restored(&site, &good.with_programs(&[program]), Some(sentence));
    }
    finish(&site);
}

/// A name that leaves every kind of quotes.
const NAME: &str = "it's `a` \"name\"; --\n\\! touch /x";

#[test]
fn programs_of_root_with_any_names_come_back_as_the_sites_own() {
    let (site, good) = small_site();
    let trap = trap(&site).display().to_string();
    let quoted = format!("`{}`", NAME.replace('`', "``"));
    let steal = "INSERT INTO customer_43.birds (name) VALUES ('Vulture')";
    let body = format!(
        "BEGIN /*! SET @a = 1 */; {steal}; SELECT LOAD_FILE('{trap}/secret') INTO OUTFILE \
         '{trap}/by_program'; END"
    );
    let mut programs = vec![
        // What stands in the live schema with the same words keeps its definer.
        good.programs.iter().find(|p| p["name"] == "of_root").expect("it").clone(),
        of_root("procedure", NAME, &format!("PROCEDURE `customer_43`.{quoted}() {body}")),
        of_root(
            "function",
            NAME,
            &format!("FUNCTION {quoted}() RETURNS INT BEGIN {steal}; RETURN 1; END"),
        ),
        of_root("view", NAME, &format!("VIEW mysql.{quoted} AS SELECT * FROM customer_43.birds")),
        of_root(
            "trigger",
            NAME,
            &format!(
                "TRIGGER {quoted} BEFORE INSERT ON `customer_43`.`birds` FOR EACH ROW {steal}"
            ),
        ),
        of_root(
            "event",
            NAME,
            &format!(
                "EVENT {quoted} ON SCHEDULE EVERY 1 SECOND ENABLE COMMENT 'DO; it''s' DO {body}"
            ),
        ),
        of_root("procedure", "kept", "PROCEDURE kept() SELECT 'no more'"),
    ];
    programs[1]["grants"] = json!([
        {"account": "no`b'ody@nowhere", "rights": ["execute", "alter_routine", "grant_option"]},
        {"account": "report_42@localhost", "rights": ["execute"]},
    ]);
    let before = site.schema();
    restored(&site, &good.with_programs(&programs), None);
    let definers = site.server.query(
        "SELECT DISTINCT definer FROM mysql.proc WHERE db = 'customer_42' AND name <> 'of_root';
         SELECT definer FROM mysql.event WHERE db = 'customer_42';
         SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = 'customer_42';
         SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'customer_42'",
    );
    assert_eq!(definers, "customer_42@localhost\n".repeat(4));
    let of_root = "SELECT definer FROM mysql.proc WHERE name = 'of_root'";
    assert_eq!(site.server.query(of_root), "root@localhost\n");
    let schema = site.schema().expect("a schema");
    for kind in ["procedure", "function", "view", "trigger", "event"] {
        assert!(schema.has(&format!("{kind} {NAME}")), "{kind}: {:?}", schema.things());
    }
    // Whoever calls them, they may do what the site may do.
    for call in [
        format!("CALL {quoted}()"),
        format!("SELECT {quoted}()"),
        format!("SELECT * FROM {quoted}"),
        "INSERT INTO pages VALUES (7, 'seven')".into(),
    ] {
        let said = site.server.try_query(&format!("USE {}; {call}", MariaDb::SCHEMA));
        let said = said.expect_err("it did what root may do");
        let denied = ["ERROR 1142", "ERROR 1356", "ERROR 1143"];
        assert!(denied.iter().any(|error| said.contains(error)), "{call}: {said}");
    }
    site.node.undo().run().completed();
    assert_same(before.as_ref(), site.schema().as_ref(), "undone");
    finish(&site);
}
