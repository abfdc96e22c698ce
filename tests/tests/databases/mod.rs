//! A site with a database: saved, damaged, brought back, taken back; and what the server does to
//! that.

mod reach;
mod recovery;
mod rights;
mod round_trip;

use holdfast_tests::{MariaDb, Node, Schema};

/// The server, and the node whose site it has; the server ends first.
struct Scene {
    server: MariaDb,
    node: Node,
}

impl Scene {
    /// A node with the sample site, and a server on which the site's schema is empty.
    fn open() -> Self {
        let node = Node::with_site();
        let server = MariaDb::with_tenants(&node.root().join("db"));
        node.configure_database(&server.socket(), "");
        Self { server, node }
    }

    fn schema(&self) -> Schema {
        Schema::read(&self.server, MariaDb::SCHEMA).expect("a schema")
    }
}
