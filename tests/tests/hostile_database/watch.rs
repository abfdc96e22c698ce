//! Everything outside the site's own schema that a hostile backup might change.

use std::{collections::BTreeSet, fs, path::PathBuf};

use holdfast_job::{Outcome, WorkResult};
use holdfast_tests::{DatabaseSite, Schema, Tree};

use super::forge::Forgery;

/// What nothing in a backup may ever change, a line each: the other tenant, accounts and their
/// rights, what the server keeps for itself, its variables, what there is in every schema but the
/// site's and ours; and files where hostile statements would have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    lines: BTreeSet<String>,
    files: Tree,
}

const SERVER: &str = "
SELECT 'variable', VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES;
SELECT 'func', f.* FROM mysql.func AS f;
SELECT 'plugin', p.* FROM mysql.plugin AS p;
SELECT 'server', s.* FROM mysql.servers AS s;
SELECT 'table right', Host, Db, User, Table_name, Table_priv FROM mysql.tables_priv
  WHERE Db <> 'customer_42';
SELECT 'routine right', Host, Db, User, Routine_name, Proc_priv FROM mysql.procs_priv
  WHERE Db <> 'customer_42';
SELECT 'proxy', Host, User, Proxied_host, Proxied_user FROM mysql.proxies_priv;
SELECT 'role', r.* FROM mysql.roles_mapping AS r;
SELECT 'routine', db, name, type, definer FROM mysql.proc WHERE db NOT IN ('customer_42', 'sys');
SELECT 'event', db, name, definer FROM mysql.event WHERE db <> 'customer_42';
SELECT 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME, ACTION_STATEMENT, DEFINER
  FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA IN ('mysql', 'customer_43');
SHOW TABLES FROM mysql;
XA RECOVER;
";

/// A folder where hostile statements would put their files, with a secret in it for them to read.
pub fn trap(site: &DatabaseSite) -> PathBuf {
    let trap = site.node.root().join("trap");
    if !trap.exists() {
        fs::create_dir(&trap).expect("a folder");
        fs::write(trap.join("secret"), "the node's secret\n").expect("a secret");
    }
    trap
}

impl Outside {
    /// As it is now.
    pub fn of(site: &DatabaseSite) -> Self {
        let said = site.server.canary() + &site.server.query(SERVER);
        let ours = |line: &&str| !line.starts_with("holdfast_");
        Self {
            lines: said.lines().filter(ours).map(str::to_owned).collect(),
            files: Tree::read(&trap(site)),
        }
    }

    /// Asserts that it is still so.
    pub fn assert_unchanged(&self, site: &DatabaseSite, context: &str) {
        let now = Self::of(site);
        let changed: Vec<&String> = self.lines.symmetric_difference(&now.lines).collect();
        assert!(changed.is_empty(), "{changed:#?}\n{context}");
        assert!(self.files == now.files, "{}\n{context}", self.files.differences(&now.files));
    }
}

/// Orders the restore of a forged backup. It must leave everything outside as it was, and either
/// end well or fail with this sentence, the site's schema as it was.
pub fn restored(site: &DatabaseSite, forged: &Forgery, sentence: Option<&str>) -> WorkResult {
    let snapshot = forged.saved(&site.node);
    let (outside, schema) = (Outside::of(site), site.schema());
    let ended = site.restore(&snapshot).run();
    outside.assert_unchanged(site, &format!("{ended:?}"));
    let Some(sentence) = sentence else { return ended.completed() };
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains(sentence), "not {sentence:?}: {ended:?}");
    let advice = ["hoose another backup", "hoose another one", "ontact support"];
    let advised = advice.iter().any(|words| result.customer_message.contains(words));
    assert!(advised, "no advice: {ended:?}");
    assert_same(schema.as_ref(), site.schema().as_ref(), &format!("{ended:?}"));
    result
}

/// Asserts that a schema is as it was.
pub fn assert_same(was: Option<&Schema>, is: Option<&Schema>, context: &str) {
    assert_eq!(was.is_some(), is.is_some(), "{context}");
    if let (Some(was), Some(is)) = (was, is) {
        assert!(was == is, "{}\n{context}", was.differences(is));
    }
}

/// After the last order: `recover` leaves nothing on the server but undo copies.
pub fn finish(site: &DatabaseSite) {
    site.node.recover();
    assert_eq!(site.left_on_server(), "");
    site.server.try_query_as_site("SELECT 1").expect("the site gets in");
}
