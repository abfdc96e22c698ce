//! What stands before a site: nginx without the lines that close it, PHP that will not forget.
//!
//! Needs: nginx, php, restic.

use std::{fs, path::Path};

use holdfast_tests::{Nginx, Node, Php, restic};

use super::{World, bad, walk};

const SECRET: &str = "0123456789abcdef";

/// A node whose site is behind an nginx that names this base, and is asked by its probe.
fn behind_nginx(base: impl Fn(&Node) -> String) -> (Node, Nginx) {
    let node = Node::with_site();
    let base = base(&node);
    let nginx = Nginx::start(&node.root().join("nginx"), (Path::new(&base), &node.live()), SECRET);
    node.secret("etc/probe", SECRET);
    let root = node.root().display();
    node.configure_all(
        &restic(),
        &format!("probe_secret_file = \"{root}/etc/probe\""),
        "",
        &format!("[site.probe]\nurl = \"{}\"\n", nginx.url("index.php")),
    );
    (node, nginx)
}

/// One whose `server` has no line of ours.
pub(super) fn without_the_lines() -> World {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let folder = node.root().join("nginx");
    fs::create_dir(&folder).expect("a folder");
    let site = "server { listen 80; server_name shop-42.test; root /srv; }\n";
    fs::write(folder.join("shop.conf"), site).expect("a site");
    let nginx = format!("nginx = \"{}\"", folder.display());
    node.configure_all(&restic(), &nginx, "", "");
    World::new(node, snapshot)
}

pub(super) fn with_a_stubborn_pool() -> World {
    let node = Node::with_site();
    let snapshot = node.backed_up();
    let php = Php::start(&node.root().join("php"), &["opcache.restrict_api=/nowhere"]);
    let pools = format!("php_pools = [\"{}\"]", php.socket().display());
    node.configure(&pools, "");
    World::new(node, snapshot).with(php)
}

#[test]
fn a_site_that_nginx_would_not_close_is_named() {
    walk("site that nginx would not close");
}

#[test]
fn a_pool_of_php_that_will_not_forget_is_named() {
    walk("PHP that will not forget");
}

/// What doctor says of nginx, about this customer's site alone.
fn said(node: &Node) -> String {
    let output = node.executor_with(&["doctor", "--site", "42"]).output().expect("doctor");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.contains("customer 42: nginx"));
    line.unwrap_or_else(|| panic!("nothing of nginx: {text}")).to_owned()
}

#[test]
fn nginx_itself_is_asked_by_which_flag_a_site_is_closed_and_no_visitor_notices() {
    let (node, nginx) = behind_nginx(|node| node.base().display().to_string());
    let line = said(&node);
    let flag = format!("is closed by {}/.maintenance", node.base().display());
    assert!(line.starts_with("good") && line.ends_with(&flag), "{line}");
    assert_eq!(nginx.status("index.php"), "200");
    // Nobody else may ask.
    let header = |secret: &str| {
        let header = format!("X-Holdfast-Door: {secret}");
        nginx.curl("index.php", &["--header", &header])
    };
    assert!(header(SECRET).starts_with("holdfast-door "), "{}", header(SECRET));
    assert!(header("another").contains("<?php"), "{}", header("another"));
}

#[test]
fn a_server_that_names_the_base_of_another_site_is_found() {
    let (node, _nginx) = behind_nginx(|node| format!("{}-1", node.base().display()));
    let line = said(&node);
    assert!(line.starts_with("BAD") && line.contains("and the site's base is"), "{line}");
}

#[test]
fn a_server_without_the_lines_is_found_by_asking_it() {
    let (node, nginx) = behind_nginx(|node| node.base().display().to_string());
    let folder = node.root().join("bare");
    fs::create_dir(&folder).expect("a folder");
    let bare = Nginx::start_bare(&folder.join("nginx"), &node.live());
    let root = node.root().display();
    node.configure_all(
        &restic(),
        &format!("probe_secret_file = \"{root}/etc/probe\""),
        "",
        &format!("[site.probe]\nurl = \"{}\"\n", bare.url("index.php")),
    );
    let line = said(&node);
    assert!(line.starts_with("BAD") && line.contains("would not close this site"), "{line}");
    drop(nginx);
}

#[test]
fn without_a_probe_the_configuration_of_nginx_is_read() {
    let world = without_the_lines();
    let node = &world.node;
    let folder = node.root().join("nginx");
    let look = |value: &str| {
        let site = format!(
            "server {{ listen 80;\n set $holdfast_base {value};\n \
             include snippets/holdfast-site.conf; }}\n"
        );
        fs::write(folder.join("shop.conf"), site).expect("a site");
        said(node)
    };
    let base = node.base().display().to_string();
    assert!(look(&base).starts_with("good"), "{}", look(&base));
    assert!(look(&format!("\"{base}/\"")).starts_with("good"));
    assert!(look("/var/customers/customer-$name").starts_with("good"));
    assert!(look(&format!("{base}0")).starts_with("BAD"));
    // What lies there and is not read by nginx does not count.
    fs::create_dir(folder.join("sites-available")).expect("a folder");
    fs::rename(folder.join("shop.conf"), folder.join("sites-available/x")).expect("a site");
    let site = format!("set $holdfast_base {base}; include snippets/holdfast-site.conf;");
    fs::write(folder.join("sites-available/y"), site).expect("a site");
    assert!(said(node).starts_with("BAD"), "{}", said(node));
    assert!(bad(node).concat().contains("nginx"));
}
