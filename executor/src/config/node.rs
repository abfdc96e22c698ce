//! What this node is: where its state is, which restic it runs, whose orders it doubts.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_job::{CustomerId, NodeName, RepositoryName};
use serde::Deserialize;

use super::{
    ConfigError, Database, Site, TicketKeys,
    limits::LimitsTable,
    read_toml,
    repository::{RepositoryTable, Whose},
    site::SiteTable,
    template,
    trust::{check_root_only, check_root_owned},
};

/// This node, as `executor.toml` says.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name in orders.
    pub name: NodeName,
    /// Journals, locks and spools.
    pub state: PathBuf,
    /// restic's cache.
    pub cache: PathBuf,
    /// The folder that holds the customers' base directories, hidden from restic.
    pub customers: PathBuf,
    /// The restic to run.
    pub restic: PathBuf,
    /// The `mariadb` to run.
    pub mariadb: PathBuf,
    /// The `mariadb-dump` to run.
    pub mariadb_dump: PathBuf,
    /// The `docker` to run.
    pub docker: PathBuf,
    /// Where its engine listens.
    pub docker_socket: PathBuf,
    /// The `systemctl` to run.
    pub systemctl: PathBuf,
    /// The `curl` that looks at a site.
    pub curl: PathBuf,
    /// The folder with nginx's configuration.
    pub nginx: PathBuf,
    /// The folder with the configuration of PHP's FPM pools, by version.
    pub php: PathBuf,
    /// The socket of this machine's own MariaDB, and the file with the account for it.
    local_server: (PathBuf, PathBuf),
    /// So many orders at most run at once on this node.
    pub max_orders: Option<u32>,
    probe_secret_file: Option<PathBuf>,
    /// The user whose orders must be signed.
    pub worker_user: Option<String>,
    /// Whose signatures are believed.
    pub ticket_keys: Option<TicketKeys>,
    /// How long an order waits for the customer's lock.
    pub lock_wait: Duration,
    master_secret_file: PathBuf,
    folder: PathBuf,
    template: Template,
}

/// What a customer's own file may override.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    #[serde(default)]
    site: SiteTable,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    repositories: BTreeMap<RepositoryName, RepositoryTable>,
}

/// The whole of `executor.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeFile {
    #[serde(rename = "version")]
    _version: u32,
    node: NodeTable,
    #[serde(default)]
    site: SiteTable,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    repositories: BTreeMap<RepositoryName, RepositoryTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeTable {
    name: NodeName,
    state: String,
    cache: String,
    customers: String,
    restic: String,
    #[serde(default = "mariadb")]
    mariadb: String,
    #[serde(default = "mariadb_dump")]
    mariadb_dump: String,
    #[serde(default = "docker")]
    docker: String,
    #[serde(default = "docker_socket")]
    docker_socket: String,
    #[serde(default = "systemctl")]
    systemctl: String,
    #[serde(default = "curl")]
    curl: String,
    #[serde(default = "php")]
    php: String,
    #[serde(default = "nginx")]
    nginx: String,
    #[serde(default = "mariadb_socket")]
    mariadb_socket: String,
    #[serde(default = "mariadb_credentials_file")]
    mariadb_credentials_file: String,
    max_orders: Option<u32>,
    probe_secret_file: Option<String>,
    master_secret_file: String,
    worker_user: Option<String>,
    ticket_keys: Option<String>,
    lock_wait_seconds: Option<u64>,
}

fn mariadb() -> String {
    "/usr/bin/mariadb".into()
}

fn mariadb_dump() -> String {
    "/usr/bin/mariadb-dump".into()
}

fn nginx() -> String {
    "/etc/nginx".into()
}

fn php() -> String {
    "/etc/php".into()
}

fn mariadb_socket() -> String {
    "/run/mysqld/mysqld.sock".into()
}

fn mariadb_credentials_file() -> String {
    "/etc/holdfast/mariadb.toml".into()
}

fn docker() -> String {
    "/usr/bin/docker".into()
}

fn docker_socket() -> String {
    "/run/docker.sock".into()
}

fn systemctl() -> String {
    "/usr/bin/systemctl".into()
}

fn curl() -> String {
    "/usr/bin/curl".into()
}

impl Node {
    /// Reads `executor.toml` in `folder`.
    ///
    /// # Errors
    /// [`ConfigError`] names file and key of the first mistake.
    pub fn load(folder: &Path) -> Result<Self, ConfigError> {
        let file = folder.join("executor.toml");
        refuse_other_versions(&file)?;
        let read: NodeFile = read_toml(&file)?;
        let path = |key: &str, given: &str| template::absolute(&file, key, given);
        let node = Self {
            name: read.node.name,
            state: path("node.state", &read.node.state)?,
            cache: path("node.cache", &read.node.cache)?,
            customers: path("node.customers", &read.node.customers)?,
            restic: path("node.restic", &read.node.restic)?,
            mariadb: path("node.mariadb", &read.node.mariadb)?,
            mariadb_dump: path("node.mariadb_dump", &read.node.mariadb_dump)?,
            docker: path("node.docker", &read.node.docker)?,
            docker_socket: path("node.docker_socket", &read.node.docker_socket)?,
            systemctl: path("node.systemctl", &read.node.systemctl)?,
            curl: path("node.curl", &read.node.curl)?,
            php: path("node.php", &read.node.php)?,
            nginx: path("node.nginx", &read.node.nginx)?,
            local_server: (
                path("node.mariadb_socket", &read.node.mariadb_socket)?,
                path("node.mariadb_credentials_file", &read.node.mariadb_credentials_file)?,
            ),
            max_orders: super::positive(&file, "node.max_orders", read.node.max_orders)?,
            probe_secret_file: read
                .node
                .probe_secret_file
                .map(|given| path("node.probe_secret_file", &given))
                .transpose()?,
            master_secret_file: path("node.master_secret_file", &read.node.master_secret_file)?,
            worker_user: read.node.worker_user,
            ticket_keys: read
                .node
                .ticket_keys
                .map(|given| path("node.ticket_keys", &given))
                .transpose()?
                .map(|folder| TicketKeys::new(folder, &file)),
            lock_wait: Duration::from_secs(read.node.lock_wait_seconds.unwrap_or(10)),
            folder: folder.to_owned(),
            template: Template {
                site: read.site,
                limits: read.limits,
                repositories: read.repositories,
            },
        };
        for (key, path) in [("node.state", &node.state), ("node.cache", &node.cache)] {
            node.refuse_inside_customers(&file, key, path)?;
        }
        for (key, path) in [
            ("node.customers", &node.customers),
            ("node.restic", &node.restic),
            ("node.state", &node.state),
            ("node.cache", &node.cache),
        ] {
            // State and cache are made when they are needed.
            if path.exists() || matches!(key, "node.customers" | "node.restic") {
                check_root_owned(path).map_err(|error| error.named_by(&file, key))?;
            }
        }
        Ok(node)
    }

    /// restic sees nothing of the customers' folder but the one site, so what it needs must be
    /// elsewhere.
    fn refuse_inside_customers(
        &self,
        file: &Path,
        key: &str,
        path: &Path,
    ) -> Result<(), ConfigError> {
        if !path.starts_with(&self.customers) {
            return Ok(());
        }
        let problem = format!("lies inside {}: choose a place outside", self.customers.display());
        Err(ConfigError::value(file, key, problem))
    }

    /// The site of this customer: the template, overridden by `customers/<id>.toml` if there is one.
    ///
    /// # Errors
    /// [`ConfigError`] names file and key of the first mistake. The disk is not looked at beyond
    /// the configuration's own files: [`Site::check_world`] does that.
    pub fn site(&self, customer: CustomerId) -> Result<Site, ConfigError> {
        let own = self.folder.join("customers").join(format!("{customer}.toml"));
        let template = || self.site_of(customer, &self.file(), Template::default());
        if let Ok(false) = own.try_exists() {
            return template();
        }
        let merged = self.site_of(customer, &own, read_toml(&own)?);
        // A mistake that the template has by itself is the template's.
        match (merged, template()) {
            (Err(error), Err(earlier)) if error.key() == earlier.key() => Err(earlier),
            (merged, _) => merged,
        }
    }

    /// The template, overridden by what was read in `file`.
    fn site_of(
        &self,
        customer: CustomerId,
        file: &Path,
        over: Template,
    ) -> Result<Site, ConfigError> {
        let base = self.template.clone();
        let of_everybody = match over.site.has_base() {
            true => None,
            false => self.template.site.base_of_everybody(),
        };
        if let (false, Some(schema)) =
            (over.site.has_databases(), self.template.site.schema_of_everybody())
        {
            let problem = format!("{schema:?} has no {{id}} in it: all customers would share it");
            return Err(ConfigError::value(file, "site.databases", problem));
        }
        if let (false, Some(name)) =
            (over.site.has_services(), self.template.site.services_of_everybody())
        {
            let problem = format!("{name:?} has no {{id}} in it: all customers would share it");
            return Err(ConfigError::value(file, "site.services", problem));
        }
        let limits = base.limits.overridden_by(over.limits).check(file)?;
        let site = base.site.overridden_by(over.site);
        let own =
            over.repositories.into_iter().map(|(name, table)| (name, (Whose::Override, table)));
        let mut tables: BTreeMap<_, _> = base
            .repositories
            .into_iter()
            .map(|(name, table)| (name, (Whose::Template, table)))
            .collect();
        tables.extend(own);
        let repositories = tables
            .into_iter()
            .map(|(name, (whose, table))| {
                Ok((name.clone(), table.check(file, &name, customer, whose)?))
            })
            .collect::<Result<BTreeMap<_, _>, ConfigError>>()?;
        for (name, repository) in &repositories {
            if let Some(path) = repository.local_path() {
                self.refuse_inside_customers(file, &format!("repositories.{name}.url"), path)?;
            }
        }
        let site = site.check(file, customer, &self.customers, limits, repositories)?;
        match of_everybody {
            None => Ok(site),
            Some(base) => {
                let problem = format!("{base:?} has no {{id}} in it: all customers would share it");
                Err(ConfigError::value(file, "site.base", problem))
            }
        }
    }

    /// This machine's own MariaDB, where there is one and an account for it: it is asked for schemas that
    /// nothing saves.
    pub fn local_server(&self) -> Option<Database> {
        let (socket, credentials_file) = &self.local_server;
        let there = socket.exists() && credentials_file.exists();
        there.then(|| Database::local(socket, credentials_file)).flatten()
    }

    /// The master secret from which repository passwords are derived.
    ///
    /// # Errors
    /// [`ConfigError`] if the file is missing, too short, or open to others.
    pub fn master_secret(&self) -> Result<Vec<u8>, ConfigError> {
        self.read_master_secret()
            .map_err(|error| error.named_by(&self.file(), "node.master_secret_file"))
    }

    fn read_master_secret(&self) -> Result<Vec<u8>, ConfigError> {
        let file = &self.master_secret_file;
        let read = |source| ConfigError::Read { file: file.clone(), source };
        let secret = std::fs::read(file).map_err(read)?;
        check_root_only(file)?;
        if secret.trim_ascii().len() < 32 {
            let problem = "is shorter than 32 bytes: make it with `openssl rand -base64 48`, and \
                           keep a copy off this node, since without it no backup can be read";
            return Err(ConfigError::Untrusted { path: file.clone(), problem: problem.into() });
        }
        Ok(secret.trim_ascii().to_vec())
    }

    /// The secret by which nginx lets a look into a closed site, if there is one.
    ///
    /// # Errors
    /// [`ConfigError`] if its file is missing, empty, or open to others.
    pub fn probe_secret(&self) -> Result<Option<String>, ConfigError> {
        let Some(file) = &self.probe_secret_file else { return Ok(None) };
        let read = || {
            let text = std::fs::read_to_string(file)
                .map_err(|source| ConfigError::Read { file: file.clone(), source })?;
            check_root_only(file)?;
            let secret = text.trim();
            match secret.is_empty() || secret.contains(char::is_whitespace) {
                true => Err(ConfigError::Untrusted {
                    path: file.clone(),
                    problem: "is not one word: make it with `openssl rand -hex 32`".into(),
                }),
                false => Ok(secret.to_owned()),
            }
        };
        read().map(Some).map_err(|error| error.named_by(&self.file(), "node.probe_secret_file"))
    }

    /// The customers that have a file of their own.
    ///
    /// # Errors
    /// [`ConfigError::Read`] if the folder is there and cannot be read.
    pub fn customers_with_own_file(&self) -> Result<Vec<CustomerId>, ConfigError> {
        let folder = self.folder.join("customers");
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(ConfigError::Read { file: folder, source }),
        };
        let id = |name: String| name.strip_suffix(".toml")?.parse().ok();
        Ok(entries.filter_map(|entry| id(entry.ok()?.file_name().into_string().ok()?)).collect())
    }

    /// `executor.toml`.
    fn file(&self) -> PathBuf {
        self.folder.join("executor.toml")
    }
}

/// Before the keys of a later version are called unknown.
fn refuse_other_versions(file: &Path) -> Result<(), ConfigError> {
    let table: toml::Table = read_toml(file)?;
    match table.get("version").map(|version| version.as_integer()) {
        None | Some(Some(1)) => Ok(()),
        Some(version) => {
            let given = version.map_or("no number".to_owned(), |version| version.to_string());
            let problem = format!("is {given}, and this executor understands 1");
            Err(ConfigError::value(file, "version", problem))
        }
    }
}
