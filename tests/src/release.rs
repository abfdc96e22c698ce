//! The programs of one series of MariaDB: the machine's own, or others that `scripts/mariadb-releases`
//! has unpacked.

use std::path::{Path, PathBuf};

use crate::Node;

/// A server and its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its series, such as `11.8`; `machine` for the machine's own.
    pub series: String,
    /// The folder of it, if it was unpacked.
    root: Option<PathBuf>,
    server: PathBuf,
    client: PathBuf,
    dump: PathBuf,
}

impl Release {
    /// The machine's own.
    pub fn of_machine() -> Self {
        Self {
            series: "machine".into(),
            root: None,
            server: "/usr/sbin/mariadbd".into(),
            client: "/usr/bin/mariadb".into(),
            dump: "/usr/bin/mariadb-dump".into(),
        }
    }

    /// An unpacked one, if it is there.
    pub fn unpacked(series: &str) -> Option<Self> {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        let folder = project.join(".tools/mariadb").join(series).canonicalize().ok()?;
        let program = |name: &str| folder.join("bin").join(name);
        Some(Self {
            series: series.to_owned(),
            root: Some(folder.join("root/usr")),
            server: program("mariadbd"),
            client: program("mariadb"),
            dump: program("mariadb-dump"),
        })
    }

    /// The same.
    ///
    /// # Panics
    /// If it is not there.
    pub fn needed(series: &str) -> Self {
        let how = "run scripts/mariadb-releases";
        Self::unpacked(series).unwrap_or_else(|| panic!("no MariaDB {series} in .tools: {how}"))
    }

    /// The server's program.
    pub(crate) fn server(&self) -> &Path {
        &self.server
    }

    /// The options by which the server finds what belongs to it.
    pub(crate) fn options(&self) -> Vec<String> {
        let Some(root) = &self.root else { return Vec::new() };
        let root = root.display();
        vec![
            format!("--basedir={root}"),
            format!("--lc-messages-dir={root}/share/{}", self.share()),
            format!("--plugin-dir={root}/lib/mysql/plugin"),
        ]
    }

    /// The statements that make the system's tables, where no program of it does.
    pub(crate) fn system_tables(&self) -> Option<String> {
        let share = self.root.as_ref()?.join("share").join(self.share());
        // Each is a statement by itself, and ends with its line.
        let mut all =
            "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = 'root';\n".to_owned();
        for names in SYSTEM_TABLES {
            let read = names.iter().find_map(|name| std::fs::read_to_string(share.join(name)).ok());
            all.push_str(
                &read.unwrap_or_else(|| panic!("none of {names:?} in {}", share.display())),
            );
        }
        Some(all)
    }

    fn share(&self) -> &'static str {
        let root = self.root.as_deref().unwrap_or(Path::new("/usr"));
        if root.join("share/mariadb").is_dir() { "mariadb" } else { "mysql" }
    }

    /// The keys of a node's configuration by which it uses these clients.
    pub fn clients_of(&self, node: &Node) -> String {
        let place = |real: &Path| node.double_of(real, "").display().to_string();
        format!("mariadb = \"{}\"\nmariadb_dump = \"{}\"", place(&self.client), place(&self.dump))
    }
}

/// The files with the system's tables, by their names now and before.
const SYSTEM_TABLES: [[&str; 2]; 3] = [
    ["mariadb_system_tables.sql", "mysql_system_tables.sql"],
    ["mariadb_performance_tables.sql", "mysql_performance_tables.sql"],
    ["mariadb_system_tables_data.sql", "mysql_system_tables_data.sql"],
];
