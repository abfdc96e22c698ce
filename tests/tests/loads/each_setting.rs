//! Each dynamic setting of the server has its class: a new one of a new server is noticed. Those that are
//! said to change nothing are tried, all at once.
//!
//! Needs: mariadb, restic.

use std::collections::BTreeMap;

use holdfast_tests::{Changed, DatabaseSite, MariaDb, Release, Setting, fill_small_shop};

use super::assert_tidy;

/// The classes, which the file's head explains.
const CLASSES: &str = include_str!("settings.txt");
/// What our sessions set.
const SESSION: &str = include_str!("../../../executor/src/mariadb/script.rs");
/// The values of each setting that are tried.
const ROUNDS: usize = 5;

fn classes() -> BTreeMap<&'static str, &'static str> {
    let lines = CLASSES.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').expect("a name and a class")).collect()
}

#[test]
fn each_dynamic_setting_has_its_class() {
    let classes = classes();
    for release in [Release::of_machine(), Release::needed("11.8")] {
        let site = DatabaseSite::with_release(&[], release);
        let all = Setting::all(&site.server);
        assert!(all.len() > 400, "only {} settings", all.len());
        let unknown: Vec<&str> = all
            .iter()
            .map(|one| one.name.as_str())
            .filter(|name| !classes.contains_key(name))
            .collect();
        assert!(
            unknown.is_empty(),
            "write into settings.txt what these do to a session: {unknown:?}"
        );
        for setting in all.iter().filter(|one| classes[one.name.as_str()] != "set") {
            let set = format!(" {} = ", setting.name);
            let decides = classes[setting.name.as_str()] == "decides";
            assert!(decides || !SESSION.contains(&set), "{} is set by our sessions", setting.name);
        }
    }
    for (name, _) in classes.iter().filter(|(_, class)| **class == "set") {
        let of_transactions = name.starts_with("tx_") || name.starts_with("transaction_");
        let set = SESSION.contains(&format!("{name} = "));
        assert!(of_transactions || set, "{name} is not set by our sessions");
    }
}

#[test]
fn settings_that_change_nothing_are_tried_with_several_values_all_at_once() {
    let site = DatabaseSite::new();
    fill_small_shop(&site.server, MariaDb::SCHEMA);
    site.server.load(
        MariaDb::SCHEMA,
        b"CREATE TABLE prices (id INT PRIMARY KEY, price INT, f TEXT, FULLTEXT KEY (f)) WITH SYSTEM VERSIONING;
          INSERT INTO prices SELECT seq, seq, REPEAT('word ', seq) FROM seq_1_to_300;
          UPDATE prices SET price = 0 WHERE id < 200;
          CREATE TABLE old (id INT PRIMARY KEY, t TIMESTAMP NULL, d DATE) ENGINE=MyISAM;
          INSERT INTO old SELECT seq, FROM_UNIXTIME(seq * 9999), '2020-01-01' FROM seq_1_to_300",
    );
    let good = site.schema().expect("a schema");
    let classes = classes();
    let all = Setting::all(&site.server);
    let of_class = |one: &&Setting| {
        ["tried", "set"].contains(&classes[one.name.as_str()]) && one.may_be_tried()
    };
    for round in 0..ROUNDS {
        let value = |one: &Setting| {
            let values = one.values();
            (!values.is_empty()).then(|| values[round % values.len()].clone())
        };
        let wanted: Vec<(&Setting, String)> =
            all.iter().filter(of_class).filter_map(|one| Some((one, value(one)?))).collect();
        assert!(wanted.len() > 200, "only {} settings are tried", wanted.len());
        let changed = Changed::set_at_once(&site.server, &wanted);
        let ended = site.node.backup_of("db").run();
        let result = ended.result();
        let Some(snapshot) = result.snapshot else {
            panic!("{round}: {:?}\n{ended:?}", changed.now)
        };
        let ended = site.restore(&snapshot).run();
        assert!(ended.result().outcome.is_success(), "{round}: {:?}\n{ended:?}", changed.now);
        changed.put_back(&site.server);
        let is = site.schema().expect("a schema");
        assert!(good == is, "{round}: {:?}\n{}", changed.now, good.differences(&is));
        site.node.recover();
    }
    assert_tidy(&site);
}
