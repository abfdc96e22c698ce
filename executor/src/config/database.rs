//! One database of a site: which schema, how its server is reached, and whose it is.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use holdfast_job::{CustomerId, SourceId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ConfigError, template, trust::check_root_only};

/// Schemas of the server's own.
const SYSTEM_SCHEMAS: [&str; 4] = ["mysql", "information_schema", "performance_schema", "sys"];
/// What the names of our schemas and accounts begin with.
pub const OUR_PREFIX: &str = "holdfast_";

/// One database of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Stable through changes of name and schema.
    pub id: SourceId,
    /// For people.
    pub name: String,
    /// What kind of server it is.
    pub engine: Engine,
    /// The schema.
    pub schema: String,
    /// How the server is reached.
    pub reach: Reach,
    /// Encryption on the way to it.
    #[serde(default)]
    pub tls: Tls,
    /// The site's own account: what a restored program runs as, and whose connections are ended.
    pub account: Account,
    /// The root-only file with the administering account.
    pub credentials_file: PathBuf,
}

impl Database {
    /// A server by its socket, of which no schema is meant.
    pub(super) fn local(socket: &Path, credentials_file: &Path) -> Option<Self> {
        Some(Self {
            id: "local".parse().ok()?,
            name: "This machine's server".into(),
            engine: Engine::default(),
            schema: String::new(),
            reach: Reach::Socket(socket.to_owned()),
            tls: Tls::default(),
            account: Account { user: String::new(), host: String::new() },
            credentials_file: credentials_file.to_owned(),
        })
    }
}

/// What kind of server a database is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// MariaDB 10.6 or newer; 10.11 and 11.8 are what is tested.
    #[default]
    Mariadb,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reach {
    /// By its socket on this node.
    Socket(PathBuf),
    /// By TCP.
    Tcp {
        /// A name or an address.
        host: String,
        /// 3306 by default.
        port: u16,
    },
    /// By the client inside this container, which knows how.
    Container(String),
}

/// Encryption on the way to a server over TCP. A socket needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// As the client programs do by themselves.
    #[default]
    AsTheClient,
    /// None.
    Off,
    /// Encrypted, whoever the server is.
    Required,
    /// Encrypted, and the server shows a certificate that the client trusts.
    Verified,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "{}", path.display()),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Container(name) => write!(f, "container {name}"),
        }
    }
}

/// An account of a database server, `user@host`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The user.
    pub user: String,
    /// The host that it comes from, `%` for any.
    pub host: String,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.host)
    }
}

/// `user@host`; the last `@` parts them.
impl FromStr for Account {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        match given.rsplit_once('@') {
            Some((user, host)) if !user.is_empty() && !host.is_empty() && user.len() <= 80 => {
                Ok(Self { user: user.to_owned(), host: host.to_owned() })
            }
            _ => Err(format!("{given:?} is no account: write user@host, such as shop@localhost")),
        }
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::as_told(&String::deserialize(deserializer)?))
    }
}

impl Account {
    /// An account as a server tells it: a role has no host, an anonymous one no user.
    pub fn as_told(told: &str) -> Self {
        let (user, host) = told.rsplit_once('@').unwrap_or((told, ""));
        Self { user: user.to_owned(), host: host.to_owned() }
    }
}

/// Who administers a server: the content of a credentials file.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The user.
    pub user: String,
    /// Its password; empty where the server knows root by its socket.
    #[serde(default)]
    pub password: String,
}

/// The password is never shown.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, …)", self.user)
    }
}

impl Credentials {
    /// Reads a root-only file.
    ///
    /// # Errors
    /// [`ConfigError`] if it is missing, no TOML, or open to others.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let read: Self = super::read_toml(file)?;
        check_root_only(file)?;
        match [&read.user, &read.password].iter().any(|text| text.contains(['\n', '\r', '\0'])) {
            true => Err(ConfigError::value(file, "password", "has a line end in it")),
            false => Ok(read),
        }
    }
}

/// `[[site.databases]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatabaseTable {
    id: SourceId,
    name: String,
    #[serde(default)]
    engine: Engine,
    schema: Option<String>,
    account: Option<String>,
    socket: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    container: Option<String>,
    tls: Option<TlsWord>,
    credentials_file: String,
}

/// `tls`, as it may be written.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TlsWord {
    Off,
    Required,
    Verified,
}

impl DatabaseTable {
    /// A schema that would be every customer's, in the template.
    pub(super) fn schema_of_everybody(&self) -> Option<&str> {
        self.schema.as_deref().filter(|schema| !schema.contains("{id}"))
    }

    fn check(self, file: &Path, at: usize, customer: CustomerId) -> Result<Database, ConfigError> {
        let key = |key: &str| format!("site.databases[{at}].{key}");
        let refuse = |of: &str, problem: String| Err(ConfigError::value(file, key(of), problem));
        let filled = |given: Option<String>, default: &str| {
            template::fill(given.as_deref().unwrap_or(default), customer)
        };
        let schema = filled(self.schema, "customer_{id}");
        if let Some(problem) = problem_of_schema(&schema) {
            return refuse("schema", format!("{schema:?} {problem}"));
        }
        let account = filled(self.account, "customer_{id}@localhost");
        let account = account
            .parse()
            .map_err(|problem: String| ConfigError::value(file, key("account"), problem))?;
        let reach = match (self.socket, self.host, self.container) {
            (Some(socket), None, None) => {
                let socket = template::fill(&socket, customer);
                Reach::Socket(template::absolute(file, &key("socket"), &socket)?)
            }
            (None, Some(host), None) => {
                let host = template::fill(&host, customer);
                if host.is_empty() || host.starts_with('-') || host.contains(char::is_whitespace) {
                    return refuse("host", format!("{host:?} is no name or address of a server"));
                }
                Reach::Tcp { host, port: self.port.unwrap_or(3306) }
            }
            (None, None, Some(container)) => {
                let container = template::fill(&container, customer);
                let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
                if !container.starts_with(|c: char| c.is_ascii_alphanumeric())
                    || !container.chars().all(plain)
                {
                    return refuse("container", format!("{container:?} is no container's name"));
                }
                Reach::Container(container)
            }
            _ => {
                return refuse(
                    "socket",
                    "give exactly one of `socket`, `host` (with `port`) and `container`".into(),
                );
            }
        };
        if self.port.is_some() && !matches!(reach, Reach::Tcp { .. }) {
            return refuse("port", "belongs to `host`, which is not there".into());
        }
        if self.tls.is_some() && !matches!(reach, Reach::Tcp { .. }) {
            return refuse("tls", "belongs to `host`, which is not there".into());
        }
        let tls = match self.tls {
            None => Tls::AsTheClient,
            Some(TlsWord::Off) => Tls::Off,
            Some(TlsWord::Required) => Tls::Required,
            Some(TlsWord::Verified) => Tls::Verified,
        };
        let credentials = template::fill(&self.credentials_file, customer);
        let credentials_file = template::absolute(file, &key("credentials_file"), &credentials)?;
        let Self { id, name, engine, .. } = self;
        Ok(Database { id, name, engine, schema, reach, tls, account, credentials_file })
    }
}

fn problem_of_schema(schema: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-$".contains(c);
    if !(1..=64).contains(&schema.len()) || !schema.chars().all(plain) {
        return Some("is no name for a schema: use letters, digits, _, - and $, 64 at most".into());
    }
    if SYSTEM_SCHEMAS.contains(&schema.to_ascii_lowercase().as_str()) {
        return Some("is the server's own".into());
    }
    let ours = schema.to_ascii_lowercase().starts_with(OUR_PREFIX);
    ours.then(|| format!("begins with {OUR_PREFIX}, which is kept for Holdfast's own schemas"))
}

/// The databases of a site; their ids are apart from each other's and from those of its files.
pub(super) fn check_databases(
    tables: Vec<DatabaseTable>,
    file: &Path,
    customer: CustomerId,
    mut taken: BTreeSet<SourceId>,
) -> Result<Vec<Database>, ConfigError> {
    let mut databases: Vec<Database> = Vec::new();
    if tables.len() > 16 {
        return Err(ConfigError::value(file, "site.databases", "names more than 16 databases"));
    }
    for (at, table) in tables.into_iter().enumerate() {
        let database = table.check(file, at, customer)?;
        let refuse = |key: &str, problem: String| {
            Err(ConfigError::value(file, format!("site.databases[{at}].{key}"), problem))
        };
        if ["db", "files", "both"].contains(&database.id.as_str()) {
            return refuse("id", format!("`{}` is a scope and cannot name a source", database.id));
        }
        if !taken.insert(database.id.clone()) {
            return refuse("id", format!("`{}` is used twice", database.id));
        }
        let same =
            |other: &&Database| other.schema == database.schema && other.reach == database.reach;
        if let Some(other) = databases.iter().find(same) {
            return refuse("schema", format!("is that of `{}` already", other.id));
        }
        databases.push(database);
    }
    Ok(databases)
}
