//! The harness itself: a server that is killed and comes back, and a look that sees every change.
//!
//! Needs: mariadb, restic.

use std::process::Command;

use holdfast_tests::{
    Action, MariaDb, Moment, Node, Schema, StatementProxy, damage_shop, eventually, fill_shop,
    output_of, program,
};

#[test]
fn a_server_that_was_killed_has_what_was_committed_and_leaves_nothing() {
    let node = Node::new();
    let folder = node.root().join("mariadb");
    let mut server = MariaDb::with_tenants(&folder);
    let canary = server.canary();
    let first = server.pid();
    server.query(
        "CREATE TABLE customer_42.t (v VARCHAR(9)); INSERT INTO customer_42.t VALUES ('🦀')",
    );
    for _ in 0..3 {
        server.kill();
        assert!(server.try_query("SELECT 1").is_err(), "a killed server answers");
        server.start_again();
        assert_eq!(server.query("SELECT v FROM customer_42.t"), "🦀\n");
    }
    server.stop();
    server.start_again();
    assert_ne!(server.pid(), first);
    assert_eq!(server.canary(), canary);
    assert_eq!(node.processes(), [""; 0]);
    let pid = server.pid();
    drop(server);
    assert!(!folder.exists() && !std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn the_sites_account_may_do_everything_in_its_schema_and_nothing_elsewhere() {
    let node = Node::new();
    let server = MariaDb::with_tenants(&node.root().join("mariadb"));
    let mine = server.try_query_as_site("CREATE TABLE t (i INT); INSERT INTO t VALUES (1), (2)");
    assert_eq!(mine, Ok(String::new()));
    for foreign in ["SELECT * FROM customer_43.birds", "CREATE DATABASE customer142"] {
        let refused = server.try_query_as_site(foreign).expect_err(foreign);
        assert!(refused.contains("denied"), "{refused}");
    }
    let wrong = server.try_query("SELECT 1; SELECT nonsense").expect_err("nonsense");
    assert!(wrong.contains("ERROR 1054 (42S22) at line 1"), "{wrong}");
}

/// What a shop and the damaged one differ in.
const DAMAGED: &str = r#"event daily
event hacked_event
event switched "off"
function full_name
grant procedure tidy to customer_42 localhost
history prices
procedure tidy
rows articles
rows customers
rows empty
rows größe_日本
rows hacked; --
rows it's
rows prices
rows types
schema
sequence numbers
table articles
table empty
table hacked; --
table it's
trigger a_second
trigger it's
trigger on_order
view hacked_view
view m_checked"#;

#[test]
fn a_look_at_a_schema_is_the_same_twice_and_names_everything_that_was_damaged() {
    let node = Node::new();
    let mut server = MariaDb::with_tenants(&node.root().join("mariadb"));
    assert_eq!(Schema::read(&server, "nowhere"), None);
    fill_shop(&server, MariaDb::SCHEMA);
    let canary = server.canary();
    let shop = read(&server);
    server.kill();
    server.start_again();
    let again = read(&server);
    assert!(again == shop, "{}", shop.differences(&again));
    damage_shop(&server, MariaDb::SCHEMA);
    let damaged = read(&server);
    assert_eq!(shop.differing(&damaged).join("\n"), DAMAGED, "{}", shop.differences(&damaged));
    let difference = shop.differences(&damaged);
    assert!(difference.contains("rows größe_日本\n  1\t"), "{difference}");
    assert_eq!(server.canary(), canary);
}

#[test]
fn the_tables_of_the_shop_survive_a_dump_and_its_reading() {
    let node = Node::new();
    let server = MariaDb::with_tenants(&node.root().join("mariadb"));
    fill_shop(&server, MariaDb::SCHEMA);
    let shop = read(&server);
    let mut dump = program("/usr/bin/mariadb-dump");
    dump.args(["--no-defaults", "--single-transaction", "--quick", "--hex-blob"]);
    dump.args(["--default-character-set=utf8mb4", "--no-tablespaces", "--dump-history"]);
    // Without the last: 1100, since under LOCK TABLES a default cannot reach its sequence.
    dump.args(["--skip-triggers", "--skip-add-locks"]).arg("--socket").arg(server.socket());
    let views = shop.things().into_iter().filter_map(|thing| thing.strip_prefix("view "));
    let ignored = views.map(|view| format!("--ignore-table={}.{view}", MariaDb::SCHEMA));
    let dumped = output_of(dump.args(ignored).arg(MariaDb::SCHEMA));
    server.query(
        "DROP DATABASE customer_42;
         CREATE DATABASE customer_42 CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    );
    server.load(MariaDb::SCHEMA, dumped.as_bytes());
    let kinds = ["schema", "table ", "rows ", "history ", "sequence ", "grant table "];
    let again = read(&server);
    let differing = shop.differing(&again).into_iter();
    let of_tables = |thing: &&str| kinds.iter().any(|kind| thing.starts_with(kind));
    let differing: Vec<&str> = differing.filter(of_tables).collect();
    assert_eq!(differing, [""; 0], "{}", shop.differences(&again));
}

fn read(server: &MariaDb) -> Schema {
    Schema::read(server, MariaDb::SCHEMA).expect("the schema")
}

/// If one of these fails, the server has learnt it, and the shop should have it.
#[test]
fn what_the_shop_leaves_out_is_what_the_server_cannot_say_of_itself() {
    let node = Node::new();
    let server = MariaDb::with_tenants(&node.root().join("mariadb"));
    let said = server.query(
        "USE customer_42;
         CREATE TABLE crabs (name VARCHAR(9) DEFAULT '🦀', kind ENUM('🦀')) COMMENT '🦀';
         INSERT INTO crabs (kind) VALUES ('🦀'); SELECT * FROM crabs; SHOW CREATE TABLE crabs;
         CREATE TABLE one (value FLOAT); INSERT INTO one VALUES (16777215);
         SELECT value, 0E0 + value FROM one",
    );
    for told in ["🦀\t🦀\n", "DEFAULT '?'", "enum('?')", "COMMENT='?'", "16777200\t16777215"] {
        assert!(said.contains(told), "{told}: {said}");
    }
}

/// A server with a table `t`, behind a proxy.
fn proxied(node: &Node) -> (MariaDb, StatementProxy) {
    let server = MariaDb::with_tenants(&node.root().join("mariadb"));
    server.query("CREATE TABLE customer_42.t (i INT)");
    let proxy = StatementProxy::start(&node.root().join("proxy.sock"), &server.socket());
    (server, proxy)
}

/// The client as root, through the proxy.
fn through(server: &MariaDb, proxy: &StatementProxy) -> Command {
    let mut client = server.client();
    client.arg("--socket").arg(proxy.socket()).arg("--max-allowed-packet=64M");
    client.arg(MariaDb::SCHEMA);
    client
}

fn rows(server: &MariaDb) -> String {
    server.query("SELECT i FROM customer_42.t ORDER BY i").replace('\n', " ")
}

#[test]
fn the_proxy_counts_the_statements_of_all_clients_and_passes_them_whole() {
    let node = Node::new();
    let (server, proxy) = proxied(&node);
    server.query("SET GLOBAL max_allowed_packet = 64 << 20");
    let run = |sql: &str| MariaDb::run(&mut through(&server, &proxy), sql.as_bytes());
    assert_eq!(run("INSERT INTO t VALUES (1); SELECT 'a 🦀'"), Ok("a 🦀\n".into()));
    assert_eq!(run("SELECT CURRENT_USER()"), Ok("root@localhost\n".into()));
    let expected = ["INSERT INTO t VALUES (1)", "SELECT 'a 🦀'", "SELECT CURRENT_USER()"];
    assert_eq!(proxy.statements(), expected.map(|text| text.as_bytes().to_vec()), "{proxy:?}");
    proxy.reset();
    // The last two lengths end with a packet that is full, and begin one that is almost empty.
    for length in [20 << 20, 0xff_ffff - 1, 0xff_ffff] {
        let sql = format!("SELECT LENGTH('{}')", "x".repeat(length - "SELECT LENGTH('')".len()));
        let answer = format!("{}\n", length - "SELECT LENGTH('')".len());
        assert_eq!(run(&sql), Ok(answer));
        assert_eq!(run("SELECT nonsense"), server.try_query("SELECT nonsense"));
    }
    assert_eq!(proxy.count(), 6);
    drop(proxy);
    assert!(!node.root().join("proxy.sock").exists());
}

#[test]
fn a_client_that_is_killed_before_its_statement_arrives_has_done_nothing() {
    let node = Node::new();
    let (server, proxy) = proxied(&node);
    proxy.arm(2, Moment::Before, Action::KillClient);
    let sql = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)";
    let ended = MariaDb::run(&mut through(&server, &proxy), sql.as_bytes());
    assert_eq!(ended, Err("signal: 9 (SIGKILL): ".into()));
    assert!(proxy.happened() && proxy.count() == 2, "{proxy:?}");
    assert_eq!(rows(&server), "1 ");
}

#[test]
fn a_statement_that_has_arrived_outlives_its_client() {
    let node = Node::new();
    let (server, proxy) = proxied(&node);
    proxy.arm(1, Moment::After, Action::KillClient);
    // Through a shell, as it may be started elsewhere.
    let client = through(&server, &proxy);
    let mut shell = program("/bin/sh");
    shell.args(["-c", "exec \"$@\"", "sh"]).arg(client.get_program()).args(client.get_args());
    let sql = "INSERT INTO t SELECT 1 + SLEEP(1); INSERT INTO t VALUES (2)";
    let ended = MariaDb::run(&mut shell, sql.as_bytes());
    assert_eq!(ended, Err("signal: 9 (SIGKILL): ".into()));
    eventually("the statement's end", || (rows(&server) == "1 ").then_some(()));
    assert_eq!(proxy.count(), 1, "{proxy:?}");
}

#[test]
fn a_server_that_is_killed_in_a_statement_is_lost_to_the_client_and_the_proxy_goes_on() {
    let node = Node::new();
    let (mut server, proxy) = proxied(&node);
    let run = |server: &MariaDb, sql: &str| {
        MariaDb::run(&mut through(server, &proxy), sql.as_bytes()).map_err(|said| {
            said.lines().find(|line| line.starts_with("ERROR")).unwrap_or(&said).to_owned()
        })
    };
    proxy.arm(1, Moment::After, Action::Kill(server.pid()));
    let lost = run(&server, "INSERT INTO t SELECT SLEEP(60)").expect_err("lost");
    assert!(lost.contains("2013") && proxy.happened(), "{lost}");
    let absent = run(&server, "SELECT 1").expect_err("no server");
    assert!(absent.contains("ERROR 2013 (HY000): Lost connection"), "{absent}");
    server.start_again();
    proxy.reset();
    let (sender, receiver) = std::sync::mpsc::channel();
    let call = Action::Call(Box::new(move || sender.send("called").expect("a listener")));
    proxy.arm(1, Moment::Before, call);
    assert_eq!(run(&server, "INSERT INTO t VALUES (1)"), Ok(String::new()));
    assert_eq!(receiver.iter().collect::<Vec<_>>(), ["called"]);
    assert_eq!(rows(&server), "1 ");
}
