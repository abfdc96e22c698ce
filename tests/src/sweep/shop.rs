//! The database of a swept site: a server of its own behind a proxy that counts statements.

use std::{cell::RefCell, fmt, fs, path::Path};

use crate::{
    MariaDb, Node, Schema, StatementProxy, damage_small_shop, fill_small_shop, node::copy_tree,
};

/// The server, and the way to it.
pub(super) struct Shop {
    server: RefCell<MariaDb>,
    pub(super) proxy: StatementProxy,
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.server)
    }
}

impl Shop {
    /// Starts a server with a small shop, and configures the node's site to have it.
    pub(super) fn open(node: &Node) -> Self {
        let server = MariaDb::with_tenants(&node.root().join("db"));
        fill_small_shop(&server, MariaDb::SCHEMA);
        let proxy = StatementProxy::start(&node.root().join("proxy.sock"), &server.socket());
        // Few tables, and yet several batches.
        node.configure_database(proxy.socket(), "[limits]\ntables_at_once = 2\n");
        Self { server: RefCell::new(server), proxy }
    }

    pub(super) fn query(&self, sql: &str) -> String {
        self.server.borrow().query(sql)
    }

    pub(super) fn damage(&self) {
        damage_small_shop(&self.server.borrow(), MariaDb::SCHEMA);
    }

    pub(super) fn schema(&self) -> Option<Schema> {
        Schema::read(&self.server.borrow(), MariaDb::SCHEMA)
    }

    pub(super) fn pid(&self) -> u32 {
        self.server.borrow().pid()
    }

    /// After somebody has killed it.
    pub(super) fn start_again(&self) {
        self.server.borrow_mut().start_again();
    }

    pub(super) fn keep(&self, folder: &Path) {
        let mut server = self.server.borrow_mut();
        server.stop();
        copy_tree(&server.data(), folder);
        server.start_again();
    }

    pub(super) fn reset(&self, folder: &Path) {
        let mut server = self.server.borrow_mut();
        // What it has is thrown away.
        server.kill();
        copy_tree(folder, &server.data());
        server.start_again();
        self.proxy.reset();
    }

    /// Everything on the server by its name.
    pub(super) fn outline(&self) -> String {
        self.server.borrow().query(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1; \
             SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA LIKE '%\\_42%' ORDER BY 1, 2; \
             SELECT TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS ORDER BY 1, 2; \
             SELECT ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES ORDER BY 1, 2; \
             SELECT User, Host FROM mysql.user ORDER BY 1, 2",
        )
    }

    /// Schemas and accounts of ours that should not be there: the live ones of undo copies may.
    pub(super) fn left_over(&self, node: &Node) -> Vec<String> {
        let mut kept = String::new();
        for entry in fs::read_dir(node.base().join(".holdfast")).into_iter().flatten().flatten() {
            kept += &fs::read_to_string(entry.path().join("undo.json")).unwrap_or_default();
        }
        let said = self.server.borrow().query(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'holdfast%'; \
             SELECT User FROM mysql.user WHERE User LIKE 'holdfast%'",
        );
        said.lines().filter(|name| !kept.contains(name)).map(str::to_owned).collect()
    }
}
