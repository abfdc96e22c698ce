//! A database in a container of the site's own project: reached there, and never halted.
//!
//! Needs: docker, restic, strace.

use std::fs;

use holdfast_job::Outcome;
use holdfast_tests::{IMAGE, eventually, free_port};

use super::{LABEL, POLITE, Scene};

/// The programs of this machine, in a container.
const PROGRAMS: [&str; 5] = [
    "--volume=/usr:/usr:ro",
    "--volume=/usr/lib:/lib:ro",
    "--volume=/usr/lib64:/lib64:ro",
    "--volume=/etc:/etc:ro",
    "--tmpfs=/tmp",
];

/// A server in the container `db-42` of the site's project, with one table of orders in it.
struct Server<'s>(&'s Scene);

impl<'s> Server<'s> {
    /// With these options of docker's and of the server's.
    fn start(scene: &'s Scene, run: &[&str], options: &str) -> Self {
        let data = scene.node.root().join("data");
        fs::create_dir(&data).expect("a folder");
        let volume = format!("--volume={}:/data", data.display());
        let first = ["run", "--detach", "--name=db-42", LABEL];
        let server = format!(
            "mariadb-install-db --no-defaults --user=root --datadir=/data --skip-test-db \
             --auth-root-authentication-method=normal >/dev/null && \
             exec mariadbd --no-defaults --user=root --datadir=/data \
             --socket=/run/mysqld/mysqld.sock --innodb-log-file-size=8M {options}"
        );
        let command =
            ["--env=PATH=/usr/sbin:/usr/bin:/bin", &volume, IMAGE, "/bin/sh", "-c", &server];
        scene.engine.run(&[&first[..], run, &PROGRAMS[..], &command[..]].concat());
        let made = Self(scene);
        eventually("a server in its container", || {
            made.query("SELECT 1").status.success().then_some(())
        });
        made.said(
            "CREATE DATABASE customer_42; CREATE USER customer_42@localhost; \
             GRANT ALL ON customer_42.* TO customer_42@localhost; \
             CREATE TABLE customer_42.orders (id INT PRIMARY KEY, what VARCHAR(20)); \
             INSERT INTO customer_42.orders VALUES (1, 'tea'), (2, 'café 🐦')",
        );
        scene.node.secret("etc/mariadb.toml", "user = \"root\"");
        made
    }

    fn query(&self, sql: &str) -> std::process::Output {
        let args = ["exec", "db-42", "mariadb", "--no-defaults", "--batch", "-N", "-e", sql];
        self.0.engine.command(&args).output().expect("docker")
    }

    fn said(&self, sql: &str) -> String {
        let output = self.query(sql);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The site's configuration, with this way to the server.
    fn reached(&self, way: &str) {
        let root = self.0.node.root().display();
        let database = format!(
            "[[site.databases]]\nid = \"shop\"\nname = \"Shop\"\n{way}\n\
             credentials_file = \"{root}/etc/mariadb.toml\"\n"
        );
        self.0.configure("", &database);
    }
}

#[test]
fn a_database_inside_a_container_comes_back_and_its_container_stays() {
    let scene = Scene::open();
    let run = ["--network=none", "--tmpfs=/run/mysqld"];
    let server = Server::start(&scene, &run, "--skip-networking");
    scene.container("web", &[], POLITE);
    server.reached("container = \"db-{id}\"");
    let snapshot = scene.saved();
    server.said("DELETE FROM customer_42.orders WHERE id = 2");
    let since = scene.since("db-42");
    scene.node.restore(&snapshot).run().completed();
    assert_eq!(server.said("SELECT what FROM customer_42.orders WHERE id = 2"), "café 🐦");
    assert_eq!(scene.seen_in("web"), "old");
    assert_eq!(scene.since("db-42"), since, "it was left alone");
    scene.node.undo().run().completed();
    assert_eq!(server.said("SELECT COUNT(*) FROM customer_42.orders"), "1");
    assert_eq!(scene.seen_in("web"), "new");
    scene.node.recover();
}

#[test]
fn a_server_of_the_sites_own_project_is_known_by_its_socket_and_by_its_port_and_stays() {
    let scene = Scene::open();
    let sockets = scene.node.root().join("sockets");
    fs::create_dir(&sockets).expect("a folder");
    let bound = format!("--volume={}:/run/mysqld", sockets.display());
    let port = free_port();
    let options = format!("--bind-address=127.0.0.1 --port={port}");
    let server = Server::start(&scene, &["--network=host", &bound], &options);
    // A client has the folder of the socket too, and is stopped all the same.
    scene.container("web", &[&bound], POLITE);
    let socket = format!("socket = \"{}/mysqld.sock\"", sockets.display());
    for way in [socket, format!("host = \"127.0.0.1\"\nport = {port}")] {
        server.reached(&way);
        scene.page("old");
        let snapshot = scene.saved();
        server.said("DELETE FROM customer_42.orders WHERE id = 2");
        let (bad, said) = scene.doctor();
        assert!(bad.is_empty(), "{bad:?}");
        assert!(
            said.contains("container db-42 is left alone: the database `shop` is in it"),
            "{said}"
        );
        let since = (scene.since("db-42"), scene.since("web"));
        scene.node.restore(&snapshot).run().completed();
        assert_eq!(server.said("SELECT what FROM customer_42.orders WHERE id = 2"), "café 🐦");
        assert_eq!(scene.since("db-42"), since.0, "it was left alone");
        assert_ne!(scene.since("web"), since.1);
        assert_eq!(scene.seen_in("web"), "old");
        scene.node.recover();
    }
}

#[test]
fn a_server_that_has_the_tree_as_well_is_refused() {
    let scene = Scene::open();
    let site = format!("--volume={}:/site", scene.node.live().display());
    let run = ["--network=none", "--tmpfs=/run/mysqld", &site];
    let server = Server::start(&scene, &run, "--skip-networking");
    server.reached("container = \"db-{id}\"");
    let snapshot = scene.saved();
    let words = ["container db-42 is left alone for the database", "a container of its own"];
    scene.refuses(&snapshot, Outcome::Failed, &words);
}
