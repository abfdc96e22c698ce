//! A customer's own file: it beats the template key by key, and answers for its own mistakes.
//!
//! Needs: restic.

use std::{fs, time::Duration};

use holdfast_executor::config::{self, IoClass, PasswordSource};
use holdfast_job::{MaintenanceMode, Outcome, Stage};

use super::{FULL, configured, override_with, probe, refusal, write};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn an_override_beats_the_template_key_by_key() {
    let node = configured();
    override_with(
        &node,
        "[site]\nundo_hours = 1\nmaintenance = \"whole\"\n[limits]\nnice = 0\nionice = \"idle\"\n\
         stage_timeout_seconds = { check = 7 }\n[repositories.manual]\n\
         url = \"ROOT/repositories/own\"\n",
    );
    let read = config::Node::load(&node.root().join("etc")).expect("a configuration");
    let site = read.site("42".parse().expect("an id")).expect("a site");
    let other = read.site("43".parse().expect("an id")).expect("a site");

    assert_eq!((site.undo_for, site.maintenance), (HOUR, MaintenanceMode::Whole));
    assert_eq!((site.undo_min_free, site.reserve), (1, 2), "what it does not name stays");
    assert_eq!(site.files.len(), 2);
    let limits = &site.limits;
    assert_eq!((limits.nice, limits.ionice), (0, IoClass::Idle));
    assert_eq!((limits.max_source_bytes, limits.upload_kib_per_second), (Some(1_000_000), Some(3)));
    let patience = [Stage::Check, Stage::Fetch, Stage::Snapshot].map(|s| limits.patience(s));
    assert_eq!(patience, [7, 600, 300].map(Duration::from_secs));
    // A repository is overridden whole: the template's password is not another one's.
    let manual = &site.repositories[&"manual".parse().expect("a name")];
    assert!(manual.url.ends_with("repositories/own") && !manual.shared, "{manual:?}");
    assert_eq!(manual.password, PasswordSource::Derived);
    assert_eq!(site.repositories.len(), 3);

    assert_eq!((other.undo_for, other.maintenance), (24 * HOUR, MaintenanceMode::Swap));
    assert!(other.base.ends_with("customer-43") && other.files[0].path.starts_with(&other.base));
    assert_eq!(other.limits.nice, 10);
}

#[test]
fn an_override_replaces_the_list_of_sources() {
    let node = configured();
    override_with(
        &node,
        "[[site.files]]\nid = \"shop\"\nname = \"Shop\"\n\
         path = \"ROOT/customers/customer-{id}/shop\"\n",
    );
    let said = node.backup_of("web").run().ended_as(Outcome::Failed).operator_message;
    assert_eq!(said, "This site has no source \"web\". It has: shop.");
}

#[test]
fn an_override_that_breaks_is_refused_by_its_own_name() {
    let node = configured();
    let before = node.world();
    let file = node.root().join("etc/customers/42.toml").display().to_string();
    for (text, key, says) in [
        ("[limits]\nnice = 20\n", "limits.nice", "must be 0 to 19"),
        ("[limits]\nnices = 1\n", "nices", "unknown field"),
        ("[node]\nname = \"x\"\n", "node", "unknown field"),
        ("[site]\nbase = \"ROOT/elsewhere\"\n", "site.base", "is not inside"),
        // The template's sources do not fit into another base.
        ("[site]\nbase = \"ROOT/customers/other\"\n", "site.files[0].path", "is not inside"),
        ("[site]\nfiles = []\n", "site.files", "names no source"),
        ("[repositories.manual]\nurl = \"x\"\n", "repositories.manual.url", "is a relative path"),
        ("[site\n", "[site", "not a valid configuration"),
    ] {
        override_with(&node, text);
        let said = refusal(&node);
        let clear = [file.as_str(), key, says].iter().all(|part| said.contains(part));
        assert!(clear, "{text:?} was answered with: {said}");
        before.assert_untouched(&node, text);
    }
    // Another customer's site is none of its business.
    fs::create_dir(node.root().join("customers/customer-43")).expect("a base");
    let mut call = probe(&node);
    call.request.customer = "43".parse().expect("an id");
    let said = call.run().ended_as(Outcome::Failed).operator_message;
    assert!(said.starts_with("no repository"), "{said}");
}

#[test]
fn a_mistake_in_the_template_is_not_blamed_on_an_override() {
    let node = configured();
    override_with(&node, "[site]\nundo_hours = 1\n");
    write(&node, &FULL.replace("nice = 10", "nice = 20"));
    let said = refusal(&node);
    assert!(said.contains("executor.toml") && said.contains("limits.nice"), "{said}");
    assert!(!said.contains("42.toml"), "{said}");
}
