//! Profiles, and where the token is kept: for one installation, for one's own eyes.
//!
//! Needs: mariadb, redis, restic.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use holdfast_tests::Fleet;

use super::Desk;

#[test]
fn a_newcomer_is_led_from_nothing_to_a_backup() {
    let fleet = Fleet::recording();
    let _worker = fleet.worker("one", "");
    let (desk, url) = (Desk::bare(&fleet), fleet.web.url(""));
    desk.call(&["list"]).ended(2).warns("holdfast profile add <name> --url");
    desk.call(&["profile", "list"]).ended(0).warns("There is none yet");
    let added = ["profile", "add", "main", "--url", &url, "--customer", "42"];
    desk.call(&added).ended(0).warns("Next: holdfast token set");
    desk.call(&added).ended(2).warns("--replace");
    desk.call(&["list"]).ended(2).warns("`holdfast token set` puts a token there");
    let token = fleet.token(&["--customer", "42"]);
    desk.told(&["token", "set"], "two words").ended(2).warns("is no token");
    desk.told(&["token", "set"], "hunter2").ended(2).warns("is a JWT");
    let set = desk.told(&["token", "set"], &format!("{token}\n")).ended(0);
    assert!(!set.err.contains(&token) && !set.out.contains(&token), "{set:?}");
    let kept = desk.home.join(".config/holdfast/main.token");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("a file").permissions().mode();
    assert_eq!(mode(&kept) & 0o777, 0o600);
    assert_eq!(mode(&kept.with_file_name("config.toml")) & 0o777, 0o600);
    desk.call(&["backup", "--wait"]).ended(0);
    desk.call(&["profile", "list"]).ended(0).says("main *").says(&url);
    let listed = desk.call(&["profile", "list", "--json"]).json();
    assert_eq!((&listed["name"], &listed["current"]), (&"main".into(), &true.into()));

    fs::set_permissions(&kept, Permissions::from_mode(0o644)).expect("a mode");
    let open = desk.call(&["list"]).ended(2);
    open.warns(&format!("chmod 600 {}", kept.display())).warns("0644");
    let named = kept.display().to_string();
    desk.call(&["list", "--token-file", &named]).ended(2).warns("chmod 600");
    desk.call(&["doctor"]).ended(1).says("BAD   the token's place").says("chmod 600");
    fs::set_permissions(&kept, Permissions::from_mode(0o600)).expect("a mode");

    let second = ["profile", "add", "second", "--url", &url, "--token-file", &named];
    desk.call(&second).ended(0).warns("Next: holdfast --profile second doctor");
    let removed = desk.call(&["profile", "remove", "main"]).ended(0);
    removed.warns("main is removed, and so is its token. None is used now.").warns("profile use");
    desk.call(&["list"]).ended(2).warns("holdfast profile use <name>; there are: second");
    desk.call(&["profile", "use", "second"]).ended(0).warns("second is used from now on.");
    assert!(!kept.exists());
    desk.call(&["--profile", "main", "list"]).ended(2).warns("there is no profile `main`");
}

#[test]
fn a_token_goes_to_the_installation_that_it_is_for_and_to_no_other() {
    let fleet = Fleet::recording();
    let desk = Desk::bare(&fleet);
    let url = fleet.web.url("");
    for (name, address) in [("away", "https://elsewhere.example.org"), ("here", &url)] {
        desk.call(&["profile", "add", name, "--url", address, "--customer", "42"]).ended(0);
        desk.told(&["--profile", name, "token", "set"], fleet.web.token()).ended(0);
    }
    // The profile in use is another's.
    desk.call(&["list", "--url", &url]).ended(2).warns("no token is known for this installation");
    desk.call(&["list", "--profile", "here"]).ended(0);
    desk.call(&["list", "--profile", "here", "--url", &format!("{url}/")]).ended(0);
    desk.call(&["profile", "use", "nowhere"]).ended(2).warns("there are: away, here");
    desk.call(&["profile", "use", "here"]).ended(0);
    desk.call(&["list"]).ended(0);
    let plain = "http://elsewhere.example.org";
    desk.call(&["profile", "add", "plain", "--url", plain]).ended(2).warns("--insecure-http");
    desk.call(&["list", "--url", plain]).ended(2).warns("could read the token");
    desk.call(&["profile", "add", "Big", "--url", &url]).ended(2).warns("lower-case");

    let file = desk.home.join(".config/holdfast/config.toml");
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, text.replace("customer", "customers")).expect("a file");
    desk.call(&["list"]).ended(2).warns("config.toml").warns("unknown field");
}
