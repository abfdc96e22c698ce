//! A database in a container of the site's own project: reached there, and never halted.
//!
//! Needs: docker, restic, strace.

use std::fs;

use holdfast_tests::{IMAGE, eventually, restic};

use super::{LABEL, POLITE, Scene};

/// The programs of this machine, in a container.
const PROGRAMS: [&str; 5] = [
    "--volume=/usr:/usr:ro",
    "--volume=/usr/lib:/lib:ro",
    "--volume=/usr/lib64:/lib64:ro",
    "--volume=/etc:/etc:ro",
    "--tmpfs=/tmp",
];

#[test]
fn a_database_inside_a_container_comes_back_and_its_container_stays() {
    let scene = Scene::open();
    let data = scene.node.root().join("data");
    fs::create_dir(&data).expect("a folder");
    let volume = format!("--volume={}:/data", data.display());
    let run = ["run", "--detach", "--network=none", "--name=db-42", LABEL, "--tmpfs=/run/mysqld"];
    let server = "mariadb-install-db --no-defaults --user=root --datadir=/data \
                  --skip-test-db --auth-root-authentication-method=normal >/dev/null && \
                  exec mariadbd --no-defaults --user=root --datadir=/data --skip-networking \
                  --socket=/run/mysqld/mysqld.sock --innodb-log-file-size=8M";
    let command = ["--env=PATH=/usr/sbin:/usr/bin:/bin", &volume, IMAGE, "/bin/sh", "-c", server];
    scene.engine.run(&[&run[..], &PROGRAMS[..], &command[..]].concat());
    let query = |sql: &str| {
        let args = ["exec", "db-42", "mariadb", "--no-defaults", "--batch", "-N", "-e", sql];
        scene.engine.command(&args).output().expect("docker")
    };
    eventually("a server in its container", || query("SELECT 1").status.success().then_some(()));
    let said = |sql: &str| {
        let output = query(sql);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    said(
        "CREATE DATABASE customer_42; CREATE USER customer_42@localhost; \
          GRANT ALL ON customer_42.* TO customer_42@localhost; \
          CREATE TABLE customer_42.orders (id INT PRIMARY KEY, what VARCHAR(20)); \
          INSERT INTO customer_42.orders VALUES (1, 'tea'), (2, 'café 🐦')",
    );
    scene.container("web", &[], POLITE);
    scene.node.secret("etc/mariadb.toml", "user = \"root\"");
    let (root, socket) = (scene.node.root().display(), scene.engine.socket());
    scene.node.configure_all(
        &restic(),
        &format!("docker_socket = \"{}\"", socket.display()),
        "",
        &format!(
            "[[site.databases]]\nid = \"shop\"\nname = \"Shop\"\ncontainer = \"db-{{id}}\"\n\
             credentials_file = \"{root}/etc/mariadb.toml\"\n"
        ),
    );
    let snapshot = scene.saved();
    said("DELETE FROM customer_42.orders WHERE id = 2");
    let since = scene.engine.inspect("db-42", ".State.StartedAt");
    scene.node.restore(&snapshot).run().completed();
    assert_eq!(said("SELECT what FROM customer_42.orders WHERE id = 2"), "café 🐦");
    assert_eq!(scene.seen_in("web"), "old");
    assert_eq!(scene.engine.inspect("db-42", ".State.StartedAt"), since, "it was left alone");
    scene.node.undo().run().completed();
    assert_eq!(said("SELECT COUNT(*) FROM customer_42.orders"), "1");
    assert_eq!(scene.seen_in("web"), "new");
    scene.node.recover();
}
