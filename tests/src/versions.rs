//! Clients and servers of several series of MariaDB, together: everything goes round, and from one server to another.

use std::path::Path;

use crate::{
    DatabaseSite, MariaDb, Release, damage_small_shop, fill_small_shop, free_port, restic,
};

/// The way to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its socket.
    Socket,
    /// TCP, without encryption on either side.
    Network,
}

/// The versioned tables of these tests: one with columns of its own for its time, one without, and one
/// whose rows are all gone.
const VERSIONED: &str = "CREATE TABLE prices (id INT PRIMARY KEY, price INT) WITH SYSTEM VERSIONING;
    INSERT INTO prices VALUES (1, 10), (2, 20), (3, 30);
    UPDATE prices SET price = 11 WHERE id = 1; DELETE FROM prices WHERE id = 3;
    CREATE TABLE `own ``times` (
        gone TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, id INT PRIMARY KEY, t TEXT,
        came TIMESTAMP(6) GENERATED ALWAYS AS ROW START, PERIOD FOR SYSTEM_TIME (came, gone)
    ) WITH SYSTEM VERSIONING;
    INSERT INTO `own ``times` (id, t) VALUES (1, '2038-01-19 03:14:07.999999'), (2, 'b');
    UPDATE `own ``times` SET t = 'c' WHERE id = 2;
    CREATE TABLE parts (id INT) WITH SYSTEM VERSIONING
        PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION pn CURRENT);
    INSERT INTO parts VALUES (1), (2); DELETE FROM parts WHERE id = 2;
    CREATE TABLE past (id INT) WITH SYSTEM VERSIONING; INSERT INTO past VALUES (1); DELETE FROM past;
    CREATE TABLE moments (id INT PRIMARY KEY, at TIMESTAMP NULL);
    INSERT INTO moments VALUES (1, '2037-12-31 23:59:59'), (2, NULL);";

/// A site with a shop on a server of this series, which clients of that series reach in this way.
///
/// # Panics
/// If it cannot be made.
pub fn site_of(server: Release, clients: &Release, way: Way) -> DatabaseSite {
    let port = free_port();
    let port_option = format!("--port={port}");
    let listening =
        ["--skip-networking=0", "--bind-address=127.0.0.1", port_option.as_str(), "--skip-ssl"];
    let site = match way {
        Way::Socket => DatabaseSite::with_release(&["--skip-ssl"], server),
        Way::Network => DatabaseSite::with_release(&listening, server),
    };
    let clients = clients.clients_of(&site.node);
    match way {
        Way::Socket => site.configure(&clients, ""),
        Way::Network => {
            site.server.query(
                "CREATE USER admin@'127.0.0.1' IDENTIFIED BY 'secret';
                 GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION",
            );
            site.node.secret("etc/mariadb.toml", "user = \"admin\"\npassword = \"secret\"");
            let root = site.node.root().display();
            let database = format!(
                "[[site.databases]]\nid = \"shop\"\nname = \"The shop\"\nhost = \"127.0.0.1\"\n\
                 port = {port}\ntls = \"off\"\ncredentials_file = \"{root}/etc/mariadb.toml\"\n"
            );
            site.node.configure_all(&restic(), &clients, "", &database);
        }
    }
    fill_small_shop(&site.server, MariaDb::SCHEMA);
    site.server.load(MariaDb::SCHEMA, VERSIONED.as_bytes());
    site
}

/// A shop is saved, damaged, brought back, and the damage too, each exactly.
///
/// # Panics
/// If it is not.
pub fn goes_round(site: &DatabaseSite) {
    let good = site.schema().expect("a schema");
    let snapshot = site.backed_up();
    damage_small_shop(&site.server, MariaDb::SCHEMA);
    site.server.load(
        MariaDb::SCHEMA,
        b"DELETE FROM prices; DROP TABLE past, parts; UPDATE moments SET at = NULL",
    );
    let bad = site.schema().expect("a schema");
    assert!(good != bad, "it is damaged");
    site.restore(&snapshot).run().completed();
    let is = site.schema().expect("a schema");
    assert!(good == is, "{}", good.differences(&is));
    site.node.undo().run().completed();
    let is = site.schema().expect("a schema");
    assert!(bad == is, "{}", bad.differences(&is));
    site.node.recover();
    assert_eq!(site.left_on_server(), "");
}

/// The rows of the versioned tables: those that are current, and all of them with the current ones marked.
pub fn history(server: &MariaDb) -> String {
    let end = "'2037-01-01'";
    server.query(&format!(
        "USE {schema};
         SELECT 'prices', id, price FROM prices ORDER BY id;
         SELECT 'own', id, t FROM `own ``times` ORDER BY id;
         SELECT 'parts', id FROM parts ORDER BY id; SELECT 'past', id FROM past;
         SELECT 'moments', id, at FROM moments ORDER BY id;
         SELECT 'all', id, price, ROW_END > {end} FROM prices FOR SYSTEM_TIME ALL ORDER BY 2, 3;
         SELECT 'all', id, t, gone > {end} FROM `own ``times` FOR SYSTEM_TIME ALL ORDER BY 2, 3;
         SELECT 'all', id, ROW_END > {end} FROM parts FOR SYSTEM_TIME ALL ORDER BY 2;
         SELECT 'all', id, ROW_END > {end} FROM past FOR SYSTEM_TIME ALL ORDER BY 2",
        schema = MariaDb::SCHEMA
    ))
}

/// What was saved on the site's server is brought back on another one, with its history and its current rows.
/// Returns that server.
///
/// # Panics
/// If it is not.
pub fn moves_to(site: &DatabaseSite, other: Release, clients: &Release) -> MariaDb {
    let good = history(&site.server);
    let snapshot = site.backed_up();
    let second = second_server(site, other, clients);
    site.restore(&snapshot).run().completed();
    assert_eq!(history(&second), good);
    // A row that is current can be changed, and one that has ended cannot.
    second.load(MariaDb::SCHEMA, b"UPDATE prices SET price = 12 WHERE id = 1; DELETE FROM parts");
    assert_eq!(second.query(&format!("SELECT price FROM {}.prices", MariaDb::SCHEMA)), "12\n20\n");
    site.node.recover();
    second
}

/// Another server for the site, which is configured for it, with the schema empty.
pub fn second_server(site: &DatabaseSite, release: Release, clients: &Release) -> MariaDb {
    let folder: &Path = &site.node.root().join("db2");
    let second = MariaDb::release_with_tenants(folder, &["--skip-ssl"], release);
    site.configure_at(&second.socket(), &clients.clients_of(&site.node), "");
    second
}
