//! Everything that was saved comes back, whatever the server's settings; what cannot is refused at the backup,
//! by name.

mod anything;
mod encryption;
mod packets;
mod rehearsal;
mod settings;

use std::path::Path;

use holdfast_job::{Outcome, WorkResult};
use holdfast_tests::{DatabaseSite, MariaDb};

/// A site whose server may have a policy for passwords. The plugin is in Debian's package of the whole
/// server, which `scripts/host-tree` unpacks.
fn site_with_plugins() -> DatabaseSite {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project");
    let plugins = project.join(".tools/host-tree/root/usr/lib/mysql/plugin");
    assert!(plugins.is_dir(), "no {}: run scripts/host-tree", plugins.display());
    let option = format!("--plugin-dir={}", plugins.display());
    DatabaseSite::with_options(&[&option])
}

/// Backs the schema up, empties it, and asserts that a restore brings it back exactly.
fn assert_comes_back(site: &DatabaseSite, what: &str) {
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    site.server.query(&format!("DROP DATABASE {0}; CREATE DATABASE {0}", MariaDb::SCHEMA));
    site.restore(&snapshot).run().completed();
    let is = site.schema().expect("a schema");
    assert!(good == is, "{what}: {}", good.differences(&is));
    assert_tidy(site);
}

/// Asserts that a backup is refused for good with each of these words, and leaves nothing.
fn assert_refused(site: &DatabaseSite, words: &[&str]) -> WorkResult {
    let ended = site.node.backup_of("db").run();
    let result = ended.ended_as(Outcome::Failed);
    for word in words {
        assert!(result.operator_message.contains(word), "not {word:?}: {ended:?}");
    }
    assert_eq!(result.snapshot, None, "{ended:?}");
    assert_tidy(site);
    result
}

fn assert_tidy(site: &DatabaseSite) {
    site.node.recover();
    assert_eq!(site.left_on_server(), "");
}
