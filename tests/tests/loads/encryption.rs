//! Encryption on the way to a server: where it protects nothing it is no obstacle, and where it is
//! wanted it is had.
//!
//! Needs: mariadb, restic.

use std::{fs, path::Path};

use holdfast_job::Outcome;
use holdfast_tests::{DatabaseSite, free_port, output_of, program};

use super::assert_comes_back;

/// A client that wants the certificate of each server, as those of MariaDB 11.4 and newer do.
const WANTS_TLS: &str = "case \" $* \" in *'ssl-verify-server-cert=0 '* | *' --skip-ssl '*) ;; \
    *) echo 'ERROR 2026 (HY000): TLS/SSL error: SSL is required, but the server does not support it' >&2
       exit 1 ;; esac";

#[test]
fn a_client_that_wants_encryption_uses_a_socket_without() {
    let site = DatabaseSite::new();
    site.filled("CREATE TABLE a (id INT PRIMARY KEY)");
    let double = |tool: &str| site.node.double_of(Path::new(tool), WANTS_TLS).display().to_string();
    let (client, dump) = (double("/usr/bin/mariadb"), double("/usr/bin/mariadb-dump"));
    site.configure(&format!("mariadb = \"{client}\"\nmariadb_dump = \"{dump}\""), "");
    assert_comes_back(&site, "a client of MariaDB 11.8");
}

/// The site's database by TCP, with this word for `tls`.
fn configure_tcp(site: &DatabaseSite, port: u16, tls: &str, node: &str) {
    let root = site.node.root().display();
    let tls = if tls.is_empty() { String::new() } else { format!("tls = \"{tls}\"\n") };
    site.node.configure_all(
        &holdfast_tests::restic(),
        node,
        "",
        &format!(
            "[[site.databases]]\nid = \"shop\"\nname = \"The shop\"\nhost = \"127.0.0.1\"\n\
             port = {port}\n{tls}credentials_file = \"{root}/etc/mariadb.toml\"\n"
        ),
    );
}

/// A site whose server listens on a port, with an account that may come from there.
fn listening(more: &[&str]) -> (DatabaseSite, u16) {
    let port = free_port();
    let port_option = format!("--port={port}");
    let mut options = vec!["--skip-networking=0", "--bind-address=127.0.0.1", &port_option];
    options.extend(more);
    let site = DatabaseSite::with_options(&options);
    site.server.query(
        "CREATE USER admin@'127.0.0.1' IDENTIFIED BY 'secret';
         GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION",
    );
    site.node.secret("etc/mariadb.toml", "user = \"admin\"\npassword = \"secret\"");
    site.filled("CREATE TABLE a (id INT PRIMARY KEY)");
    (site, port)
}

#[test]
fn a_server_without_encryption_is_used_or_refused_as_the_configuration_says() {
    let (site, port) = listening(&[]);
    for tls in ["off", ""] {
        configure_tcp(&site, port, tls, "");
        assert_comes_back(&site, tls);
    }
    let double = |tool: &str| site.node.double_of(Path::new(tool), WANTS_TLS).display().to_string();
    let (client, dump) = (double("/usr/bin/mariadb"), double("/usr/bin/mariadb-dump"));
    let newer = format!("mariadb = \"{client}\"\nmariadb_dump = \"{dump}\"");
    for (tls, node) in [("required", ""), ("verified", ""), ("", newer.as_str())] {
        configure_tcp(&site, port, tls, node);
        let ended = site.node.backup_of("db").run();
        let result = ended.ended_as(Outcome::Failed);
        for words in ["do not agree about TLS", "2026", "[[site.databases]]"] {
            assert!(result.operator_message.contains(words), "{tls}: {ended:?}");
        }
    }
    site.node.recover();
}

#[test]
fn a_server_with_a_certificate_of_its_own_is_encrypted_and_not_verified() {
    let folder = DatabaseSite::new();
    let (key, certificate) = (folder.node.root().join("key.pem"), folder.node.root().join("c.pem"));
    let mut openssl = program("/usr/bin/openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=db", "-keyout"]).arg(&key).arg("-out").arg(&certificate);
    output_of(&mut openssl);
    assert!(fs::metadata(&certificate).is_ok());
    let (key, certificate) =
        (format!("--ssl-key={}", key.display()), format!("--ssl-cert={}", certificate.display()));
    let (site, port) = listening(&[&key, &certificate]);
    site.server.query("ALTER USER admin@'127.0.0.1' REQUIRE SSL");
    configure_tcp(&site, port, "required", "");
    assert_comes_back(&site, "required");
    configure_tcp(&site, port, "verified", "");
    let ended = site.node.backup_of("db").run();
    let result = ended.ended_as(Outcome::Failed);
    assert!(result.operator_message.contains("do not agree about TLS"), "{ended:?}");
    site.node.recover();
}
