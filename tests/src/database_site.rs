//! A node whose site has a database on a private server of its own.

use std::{fs, path::Path};

use holdfast_job::{Scope, SnapshotId, UndoCopy};

use crate::{Call, MariaDb, Node, Release, Schema, restic};

/// A node and the server of its site's one database, `shop`; the server is ended first.
#[derive(Debug)]
pub struct DatabaseSite {
    /// The server, with the tenants of [`MariaDb::with_tenants`].
    pub server: MariaDb,
    /// The node, whose site has one file.
    pub node: Node,
}

impl DatabaseSite {
    /// A site with a page and an empty schema, below the system's folder for temporary files.
    pub fn new() -> Self {
        Self::on(Node::new())
    }

    /// The same on a node of the test's own.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn on(node: Node) -> Self {
        Self::on_with(node, &[])
    }

    /// The same as [`DatabaseSite::new`] with more options of the server.
    pub fn with_options(more: &[&str]) -> Self {
        Self::on_with(Node::new(), more)
    }

    /// The same with a server of another series.
    pub fn with_release(more: &[&str], release: Release) -> Self {
        let node = Node::new();
        let server = MariaDb::release_with_tenants(&node.root().join("db"), more, release);
        Self::of(node, server)
    }

    fn on_with(node: Node, more: &[&str]) -> Self {
        let server = MariaDb::with_tenants_and(&node.root().join("db"), more);
        Self::of(node, server)
    }

    fn of(node: Node, server: MariaDb) -> Self {
        node.secret("etc/mariadb.toml", "user = \"root\"");
        fs::create_dir_all(node.live()).expect("a folder");
        fs::write(node.live().join("index.php"), "<?php\n").expect("a page");
        let site = Self { server, node };
        site.configure("", "");
        site
    }

    /// The usual configuration, with more for `[node]` and more at the end.
    pub fn configure(&self, node: &str, rest: &str) {
        self.configure_at(&self.server.socket(), node, rest);
    }

    /// The same with the server at another socket, such as a proxy's.
    pub fn configure_at(&self, socket: &Path, node: &str, rest: &str) {
        let database = self.database("shop", "customer_{id}", socket);
        self.node.configure_all(&restic(), node, "", &format!("{database}{rest}"));
    }

    /// The configuration of a database; `{id}` in its schema is the customer.
    pub fn database(&self, id: &str, schema: &str, socket: &Path) -> String {
        let (socket, root) = (socket.display(), self.node.root().display());
        format!(
            "[[site.databases]]\nid = \"{id}\"\nname = \"The {id}\"\nschema = \"{schema}\"\n\
             socket = \"{socket}\"\ncredentials_file = \"{root}/etc/mariadb.toml\"\n"
        )
    }

    /// The schema of `shop`; none if it is not there.
    pub fn schema(&self) -> Option<Schema> {
        Schema::read(&self.server, MariaDb::SCHEMA)
    }

    /// A backup of `db` that succeeds: its snapshot.
    ///
    /// # Panics
    /// If it does not.
    pub fn backed_up(&self) -> SnapshotId {
        self.node.backup_of("db").run().completed().snapshot.expect("a snapshot")
    }

    /// Fills the schema with this, and nothing else.
    ///
    /// # Panics
    /// If it fails.
    pub fn filled(&self, sql: &str) {
        let schema = MariaDb::SCHEMA;
        self.server.query(&format!(
            "DROP DATABASE IF EXISTS {schema};
             CREATE DATABASE {schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
        ));
        self.server.load(schema, sql.as_bytes());
    }

    /// `restore` of `db`.
    pub fn restore(&self, snapshot: &SnapshotId) -> Call {
        self.node.restore_with(snapshot, Scope::Db, UndoCopy::Keep)
    }

    /// Whatever of ours is left on the server after `recover`, but for undo copies and their
    /// marker: schemas by their names, accounts, and transactions that nobody ends.
    pub fn left_on_server(&self) -> String {
        self.server.query(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA \
             WHERE SCHEMA_NAME LIKE 'holdfast\\_stage%';
             SELECT User FROM mysql.user WHERE User LIKE 'holdfast%'; XA RECOVER",
        )
    }
}

impl Default for DatabaseSite {
    fn default() -> Self {
        Self::new()
    }
}
