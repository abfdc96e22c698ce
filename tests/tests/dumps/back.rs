//! Databases come back: alone, one of two, to a server where the schema is gone; and what the site
//! does meanwhile is neither lost nor mixed in.
//!
//! Needs: mariadb, restic.

use holdfast_job::Outcome;
use holdfast_tests::{Action, DatabaseSite, MariaDb, Moment, Schema, StatementProxy, fill_shop};

use super::{MISTOLD, small_site};

fn assert_is(site: &DatabaseSite, good: &Schema) {
    let is = site.schema().expect("a schema");
    assert!(*good == is, "{}", good.differences(&is));
}

#[test]
fn a_schema_that_is_gone_comes_back_and_its_undo_makes_it_gone_again() {
    let site = DatabaseSite::new();
    fill_shop(&site.server, MariaDb::SCHEMA);
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    site.server.query("DROP DATABASE customer_42");
    site.restore(&snapshot).run().completed();
    let good = good.without(&MISTOLD);
    let is = || site.schema().expect("a schema").without(&MISTOLD);
    assert!(good == is(), "{}", good.differences(&is()));
    site.node.undo().run().completed();
    assert!(site.schema().is_none());
    site.node.undo().run().completed();
    assert!(good == is(), "{}", good.differences(&is()));
    site.node.recover();
    assert_eq!(site.left_on_server(), "");
}

#[test]
fn the_database_alone_comes_back_and_one_of_two_by_its_id() {
    let site = small_site();
    site.server.query(
        "CREATE DATABASE customer_42_blog; CREATE TABLE customer_42_blog.posts (id INT PRIMARY KEY)",
    );
    let blog = site.database("blog", "customer_{id}_blog", &site.server.socket());
    site.configure("", &blog);
    let good = site.schema().expect("a schema");
    let snapshot = site.node.backed_up();
    let damage = |number: u32| {
        site.server.query(&format!(
            "DELETE FROM customer_42.pages; INSERT INTO customer_42_blog.posts VALUES ({number})"
        ));
        std::fs::write(site.node.live().join("index.php"), number.to_string()).expect("a page");
    };
    let posts = || site.server.query("SELECT COUNT(*) FROM customer_42_blog.posts");
    damage(1);
    let tree = site.node.tree();
    let one = "shop".parse().expect("a scope");
    site.node.restore_with(&snapshot, one, holdfast_job::UndoCopy::Keep).run().completed();
    assert_is(&site, &good);
    assert_eq!(posts(), "1\n", "the other one is not touched");
    damage(2);
    site.restore(&snapshot).run().completed();
    assert_is(&site, &good);
    assert_eq!(posts(), "0\n");
    assert_ne!(site.node.tree(), tree, "the second damage stays");
    assert!(site.node.live().join("index.php").exists());
    site.node.undo().run().completed();
    assert_eq!(posts(), "2\n");
    site.node.recover();
}

/// Where in a restore the tables change places.
fn exchange_in(proxy: &StatementProxy) -> usize {
    let hex: String = b"RENAME TABLE".iter().map(|byte| format!("{byte:02x}")).collect();
    let has = |statement: &Vec<u8>| String::from_utf8_lossy(statement).contains(&hex);
    1 + proxy.statements().iter().position(has).unwrap_or_else(|| panic!("{proxy:?}"))
}

#[test]
fn a_table_that_the_site_makes_while_it_is_restored_is_kept_for_the_undo_and_not_mixed_in() {
    let site = small_site();
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    let proxy = StatementProxy::start(&site.node.root().join("proxy"), &site.server.socket());
    site.configure_at(proxy.socket(), "", "");
    site.restore(&snapshot).run().completed();
    let exchange = exchange_in(&proxy);
    // Just before the exchange, after it was looked what is there; and after the last look.
    for moment in [Moment::Before, Moment::After] {
        site.server.query("DELETE FROM customer_42.links");
        let mut client = site.server.client();
        let make = b"CREATE TABLE IF NOT EXISTS customer_42.late (id INT)";
        let make_it = move || {
            MariaDb::run(&mut client, make).expect("a table");
        };
        proxy.reset();
        proxy.arm(exchange, moment, Action::Call(Box::new(make_it)));
        let ended = site.restore(&snapshot).run();
        ended.completed();
        assert!(proxy.happened());
        assert!(site.schema().is_some_and(|schema| schema == good), "{ended:?}");
        site.node.undo().run().completed();
        let undone = site.schema().expect("a schema");
        assert!(undone.has("table late"), "{:?}", undone.things());
        site.server.query("DROP TABLE customer_42.late");
    }
    site.node.recover();
}

#[test]
fn a_server_that_is_away_when_a_restore_begins_changes_nothing() {
    let mut site = small_site();
    let snapshot = site.backed_up();
    site.server.query("DROP TABLE customer_42.links");
    let (bad, world) = (site.schema().expect("a schema"), site.node.tree());
    site.server.stop();
    let ended = site.node.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::FailedForNow);
    assert!(result.operator_message.contains("the database server is not there"), "{ended:?}");
    assert_eq!((result.closed_ms, site.node.tree()), (None, world));
    assert!(site.node.left_over().is_empty(), "{:?}", site.node.left_over());
    site.server.start_again();
    assert_is(&site, &bad);
    site.restore(&snapshot).run().completed();
    site.node.recover();
}

#[test]
fn a_schema_that_another_one_hangs_on_is_not_exchanged() {
    let site = small_site();
    let snapshot = site.backed_up();
    site.server.query(
        "CREATE TABLE customer_43.nest (p INT, FOREIGN KEY (p) REFERENCES customer_42.pages (id))",
    );
    let ended = site.restore(&snapshot).run();
    let result = ended.ended_as(Outcome::Failed);
    let sentence = "`customer_43`.`nest` has a foreign key to `customer_42`.`pages`";
    assert!(result.operator_message.contains(sentence), "{ended:?}");
    assert_eq!(result.closed_ms, None);
    site.server.query("DROP TABLE customer_43.nest");
    site.restore(&snapshot).run().completed();
    site.node.recover();
}
