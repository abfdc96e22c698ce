//! What visitors of a closed site are told, by the rules that are shipped for nginx.
//!
//! Needs: nginx, restic.

use std::{fs, os::unix::fs::PermissionsExt};

use holdfast_tests::{Nginx, Node, output_of, program};

/// As `openssl rand -hex 32` makes it.
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const HTML: [&str; 2] = ["--header", "Accept: text/html,application/xhtml+xml"];

fn site() -> (Nginx, Node) {
    let node = Node::with_site();
    fs::write(node.live().join("index.html"), "a shop").expect("a page");
    let nginx = Nginx::start(&node.root().join("nginx"), (&node.base(), &node.live()), SECRET);
    (nginx, node)
}

#[test]
fn a_closed_site_answers_every_method_and_every_page_with_503_and_when_to_come_back() {
    let (nginx, node) = site();
    assert_eq!(nginx.status(""), "200");
    fs::write(node.flag(), "").expect("a flag");
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
        for page in ["", "logo.png", "wp-login.php", "no/such/page"] {
            let said = nginx.curl(page, &["--include", "--request", method]);
            assert!(said.starts_with("HTTP/1.1 503 "), "{method} {page}: {said}");
            assert!(said.contains("\r\nRetry-After: 5\r\n"), "{method} {page}: {said}");
            assert!(said.contains("\r\nCache-Control: no-store\r\n"), "{method} {page}: {said}");
            assert!(said.contains("text/plain"), "an asset is no page: {said}");
        }
    }
    let sent = nginx.curl("order", &["--include", "--data", "item=1"]);
    assert!(sent.starts_with("HTTP/1.1 503 "), "{sent}");
    let head = nginx.curl("", &["--head"]);
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("Retry-After: 5"), "{head}");
    fs::remove_file(node.flag()).expect("no flag");
    assert_eq!(nginx.status(""), "200");
}

#[test]
fn the_flag_of_an_order_may_be_read_by_whoever_shows_a_page_by_it() {
    let (nginx, node) = site();
    let snapshot = node.backed_up();
    let mut running = node.restore(&snapshot).rehearsed("wait halt").start();
    running.until_said("\"stage\":\"halt\"");
    let flag = fs::metadata(node.flag()).expect("a flag");
    assert_eq!(flag.permissions().mode() & 0o7777, 0o644);
    assert_eq!(nginx.status(""), "503");
    running.let_go();
    running.wait().completed();
    assert_eq!(nginx.status(""), "200");
    node.recover();
}

#[test]
fn people_get_a_page_that_needs_nothing_from_elsewhere() {
    let (nginx, node) = site();
    fs::write(node.flag(), "").expect("a flag");
    let page = nginx.curl("", &HTML);
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{page}");
    assert!(page.contains("We are back in a moment."), "{page}");
    for elsewhere in ["src=", "href=", "url(", "http://", "https://", "@import"] {
        assert!(!page.contains(elsewhere), "{elsewhere} in {page}");
    }
    let said = nginx.curl("", &[&["--include", "--request", "POST"], &HTML[..]].concat());
    assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("text/html"), "{said}");
    fs::remove_file(node.flag()).expect("no flag");
}

#[test]
fn certificates_are_renewed_and_the_probe_looks_in_while_a_site_is_closed() {
    let (nginx, node) = site();
    let challenges = node.live().join(".well-known/acme-challenge");
    fs::create_dir_all(&challenges).expect("a folder");
    fs::write(challenges.join("token"), "an answer").expect("a file");
    fs::write(node.flag(), "").expect("a flag");
    assert_eq!(nginx.status(".well-known/acme-challenge/token"), "200");
    for detour in [
        ".well-known/acme-challenge/../../index.html",
        ".well-known/acme-challenge/%2e%2e/%2e%2e/index.html",
        ".well-known/acme-challenge/a/b",
        "x/.well-known/acme-challenge/token",
    ] {
        let args = ["--path-as-is", "--output", "/dev/null", "--write-out", "%{http_code}"];
        assert_eq!(nginx.curl(detour, &args), "503", "{detour}");
    }
    let with = |secret: &str| {
        let header = format!("X-Holdfast-Probe: {secret}");
        nginx.curl(
            "",
            &["--output", "/dev/null", "--write-out", "%{http_code}", "--header", &header],
        )
    };
    assert_eq!(with(SECRET), "200");
    let (near, longer) = (SECRET.replace("f012", "f013"), format!("{SECRET}0"));
    let twice = format!("127.0.0.1 {SECRET}");
    for other in ["", "1", &near, &longer, &SECRET[1..], &twice, ".*"] {
        assert_eq!(with(other), "503", "{other}");
    }
    fs::remove_file(node.flag()).expect("no flag");
}

#[test]
fn a_site_is_not_open_because_the_flag_is_odd_and_its_own_503_stays_its_own() {
    let (nginx, node) = site();
    assert_eq!(nginx.curl("its-own-503", &[]), "its own");
    fs::create_dir(node.flag()).expect("a folder");
    assert_eq!(nginx.status(""), "503");
    fs::remove_dir(node.flag()).expect("no folder");
}

#[test]
fn the_rules_for_the_dashboard_are_accepted_by_nginx() {
    let node = Node::new();
    let folder = node.root().join("nginx");
    fs::create_dir(&folder).expect("a folder");
    let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
    let mut openssl = program("/usr/bin/openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]);
    openssl.args(["-subj", "/CN=backups.example.com", "-keyout"]).arg(&key);
    output_of(openssl.arg("-out").arg(&certificate));
    let live = "/etc/letsencrypt/live/backups.example.com";
    let rules = include_str!("../../nginx/holdfast-dashboard.conf")
        .replace(&format!("{live}/fullchain.pem"), &certificate.display().to_string())
        .replace(&format!("{live}/privkey.pem"), &key.display().to_string());
    assert!(!rules.contains(live), "{rules}");
    let file = folder.join("nginx.conf");
    let here = folder.display();
    fs::write(&file, format!("pid {here}/pid;\nevents {{}}\nhttp {{\n{rules}\n}}\n"))
        .expect("a file");
    let mut nginx = program("/usr/sbin/nginx");
    let said = nginx.args(["-q", "-t", "-e"]).arg(folder.join("log")).arg("-c").arg(&file).output();
    let said = said.expect("nginx");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
}
