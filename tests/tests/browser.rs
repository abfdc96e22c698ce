//! The pages in Debian's chromium: a shop is saved, broken and brought back by a person; every state is
//! looked at in light, in the dark and on a telephone. `tests/pages` has what is done.
//!
//! Needs: chromium, mariadb, redis, restic.

use std::{fs, path::Path, process::Stdio, time::Duration};

use holdfast_tests::{Fleet, Node, be_patient, eventually, program};

#[test]
fn a_person_saves_and_restores_in_a_browser_and_every_state_is_readable_by_all() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let modules = project.join(".tools/pages/node_modules");
    assert!(
        modules.exists(),
        "scripts/test installs the browser's tests first, into {}",
        modules.display()
    );
    let mut fleet = Fleet::new(Node::with_site());
    fleet.reconfigure_web(
        "plain_http = true",
        "plain_http = true\nname = \"Example Hosting\"\ntime_zone = \"Europe/Berlin\"\n\
         support_url = \"https://www.example.org/help\"",
    );
    let states = fleet.enter_states();
    let _worker = fleet.worker("one", "");
    let root = fleet.node.root().to_owned();
    let go_on = root.join("go-on");
    let live = fleet.node.live();
    let mut browser = program("/usr/bin/node");
    browser.arg(modules.join("@playwright/test/cli.js")).arg("test");
    browser.arg("--config").arg(project.join("tests/pages/playwright.config.js"));
    browser.current_dir(project.join("tests/pages"));
    browser.env("NODE_PATH", &modules).env("HOME", &root);
    browser.env("HOLDFAST_URL", fleet.web.url("")).env("HOLDFAST_TOKEN", fleet.web.token());
    browser.env("HOLDFAST_SITE", &live).env("HOLDFAST_STATES", states.to_string());
    browser.env("HOLDFAST_GO_ON", &go_on).env("HOLDFAST_OUTPUT", root.join("browser"));
    if let Some(folder) = std::env::var_os("HOLDFAST_PICTURES") {
        browser.env("HOLDFAST_PICTURES", folder);
    }
    // What is said stays, if the test fails.
    let log = fs::File::create(root.join("browser.log")).expect("a log");
    browser.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
    let mut child = browser.spawn().expect("node");
    be_patient(Duration::from_secs(900));
    let ended = eventually("the end of the browser's tests", || {
        // The browser has seen the order at 67 percent: it goes on.
        if go_on.exists() {
            fs::remove_file(&go_on).expect("a file");
            fleet.query(
                "UPDATE customer_backup_jobs SET progress = 91, bytes_done = 1092000000,
                     updated_at = UTC_TIMESTAMP(3) WHERE customer_id = 47 AND status = 'running'",
            );
        }
        child.try_wait().expect("a child")
    });
    let said = fs::read_to_string(root.join("browser.log")).expect("a log");
    fs::remove_dir_all(root.join("browser")).ok();
    assert!(ended.success(), "{said}");
}
