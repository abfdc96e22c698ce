//! The web side behind nginx, by the rules that are shipped for it: TLS 1.3 and nothing older, the
//! caller's own address, streams as they come.
//!
//! Needs: mariadb, redis, restic.

use std::{
    fs,
    net::TcpStream,
    path::PathBuf,
    process::{Child, Stdio},
};

use holdfast_tests::{Fleet, eventually, free_port, output_of, program};

const NAME: &str = "backups.example.com";

/// nginx before a web side; ended on drop.
struct Proxy {
    port: u16,
    plain: u16,
    certificate: PathBuf,
    child: Child,
}

impl Proxy {
    fn start(fleet: &Fleet) -> Self {
        let folder = fleet.node.root().join("proxy");
        fs::create_dir(&folder).expect("a folder");
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let mut openssl = program("/usr/bin/openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]);
        openssl.args(["-subj", &format!("/CN={NAME}")]);
        openssl.args(["-addext", &format!("subjectAltName=DNS:{NAME}"), "-keyout"]).arg(&key);
        output_of(openssl.arg("-out").arg(&certificate));
        let (port, plain, here) = (free_port(), free_port(), folder.display());
        let mut rules = include_str!("../../../nginx/holdfast-dashboard.conf").to_owned();
        let live = format!("/etc/letsencrypt/live/{NAME}");
        for (shipped, ours) in [
            (format!("{live}/fullchain.pem"), certificate.display().to_string()),
            (format!("{live}/privkey.pem"), key.display().to_string()),
            ("listen 443 ".to_owned(), format!("listen 127.0.0.1:{port} ")),
            ("    listen [::]:443 ssl http2;\n".to_owned(), String::new()),
            ("listen 80;".to_owned(), format!("listen 127.0.0.1:{plain};")),
            ("    listen [::]:80;\n".to_owned(), String::new()),
            ("127.0.0.1:8470".to_owned(), format!("127.0.0.1:{}", fleet.web.port())),
        ] {
            assert!(rules.contains(&shipped), "{shipped} is not in the rules");
            rules = rules.replace(&shipped, &ours);
        }
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {here}/{kind};"))
            .concat();
        let config = format!(
            "user root;\nworker_processes 1;\ndaemon off;\nmaster_process off;\npid {here}/pid;\n\
             error_log {here}/log;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\n{rules}\n}}\n"
        );
        fs::write(folder.join("nginx.conf"), config).expect("a configuration");
        let mut nginx = program("/usr/sbin/nginx");
        // Its folder is named by nothing that runs: see `Node::processes`.
        nginx.current_dir(&folder).args(["-e", "log", "-p", ".", "-c", "nginx.conf"]);
        nginx.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = nginx.spawn().expect("nginx");
        eventually("an answer of nginx", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { port, plain, certificate, child }
    }

    /// What curl comes to, and what it says.
    fn curl(&self, path: &str, args: &[&str]) -> (Option<i32>, String) {
        let mut curl = program("/usr/bin/curl");
        curl.args(["--silent", "--max-time", "20", "--cacert"]).arg(&self.certificate);
        curl.args(["--resolve", &format!("{NAME}:{}:127.0.0.1", self.port)]).args(args);
        let output = curl.arg(format!("https://{NAME}:{}{path}", self.port)).output();
        let output = output.expect("curl");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_dashboard_is_reached_by_tls_1_3_and_by_nothing_older() {
    let fleet = Fleet::recording();
    let proxy = Proxy::start(&fleet);
    let (code, said) = proxy.curl("/healthz", &["--include", "--tlsv1.3"]);
    assert!(code == Some(0) && said.starts_with("HTTP/2 200"), "{said}");
    assert!(said.contains("strict-transport-security: max-age=31536000"), "{said}");
    let (code, said) = proxy.curl("/healthz", &["--tls-max", "1.2"]);
    assert_eq!((code, said.as_str()), (Some(35), ""), "TLS 1.2 is spoken");
    let mut plain = program("/usr/bin/curl");
    plain.args(["--silent", "--include", "--header", &format!("Host: {NAME}")]);
    let said = output_of(plain.arg(format!("http://127.0.0.1:{}/healthz", proxy.plain)));
    assert!(said.starts_with("HTTP/1.1 301 "), "{said}");
    assert!(said.contains(&format!("Location: https://{NAME}/healthz")), "{said}");
}

#[test]
fn orders_streams_and_addresses_come_through_the_proxy_as_they_are() {
    let mut fleet = Fleet::recording();
    fleet.reconfigure_web(
        "requests_per_address_per_second = 0",
        "requests_per_address_per_second = 1\nburst_per_address = 6",
    );
    let proxy = Proxy::start(&fleet);
    let bearer = format!("Authorization: Bearer {}", fleet.web.token());
    let json = ["--header", "Content-Type: application/json"];
    let order =
        ["--header", &bearer, "--data", "{\"scope\":\"both\"}", "--write-out", "%{http_code}"];
    let (code, said) = proxy.curl("/api/v1/customers/42/backups", &[&json[..], &order].concat());
    assert!(code == Some(0) && said.ends_with("202"), "{said}");
    // What happens is told at once, though the stream goes on.
    let stream = ["--header", &bearer, "--no-buffer", "--max-time", "2"];
    let (code, said) = proxy.curl("/api/v1/customers/42/events", &stream);
    assert_eq!(code, Some(28), "the stream ended: {said}");
    assert!(said.contains("event: status") && said.contains("pending"), "{said}");
    // Larger than any order is.
    let large = format!("{{\"note\":\"{}\"}}", "x".repeat(20_000));
    let large = ["--header", &bearer, "--data", &large, "--write-out", "%{http_code}"];
    let (_, said) = proxy.curl("/api/v1/customers/42/backups", &large);
    assert!(said.ends_with("413"), "{said}");
    // Whatever address a caller gives for its own, it is counted as one.
    let status = |number: usize| {
        let forged = format!("X-Forwarded-For: 203.0.113.{number}");
        let args = ["--header", &bearer, "--header", &forged, "--write-out", "%{http_code}"];
        let (_, said) = proxy.curl("/api/v1/customers/42/status", &args);
        said[said.len().saturating_sub(3)..].to_owned()
    };
    let statuses: Vec<String> = (1..12).map(status).collect();
    assert!(statuses.iter().any(|status| status == "429"), "{statuses:?}");
}
