//! What one customer's site is: its base directory, its sources, how it is closed and kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_job::{CustomerId, MaintenanceMode, RepositoryName, Scope, SourceId};
use serde::Deserialize;

use super::{
    ConfigError, Database, Hooks, Limits, Probe, Reach, Repository, Services,
    database::{DatabaseTable, check_databases},
    hooks::HooksTable,
    probe::ProbeTable,
    services::ServicesTable,
    template,
    trust::check_root_owned,
};
use crate::mounts;

/// Names in the base directory that are ours.
const OURS: [&str; 2] = [".holdfast", ".maintenance"];

/// One customer's site.
#[derive(Debug, Clone)]
pub struct Site {
    /// Whose.
    pub customer: CustomerId,
    /// The file that describes it, or overrides what does.
    file: PathBuf,
    /// The root-owned folder that holds the sources and, beside them, `.holdfast` and
    /// `.maintenance`.
    pub base: PathBuf,
    /// The directory trees that are saved.
    pub files: Vec<FileSource>,
    /// The databases that are saved; at least one of these or those.
    pub databases: Vec<Database>,
    /// Whether the configuration lists databases, be it none.
    lists_databases: bool,
    /// Where snapshots go, by name.
    pub repositories: BTreeMap<RepositoryName, Repository>,
    /// What an order may use.
    pub limits: Limits,
    /// When a restore closes the site.
    pub maintenance: MaintenanceMode,
    /// How long what a restore displaced is kept.
    pub undo_for: Duration,
    /// Bytes that must stay free for an undo copy to be made or kept.
    pub undo_min_free: u64,
    /// Bytes that every order leaves free.
    pub reserve: u64,
    /// Who may own restored files; anybody when absent.
    pub owners: Option<Owners>,
    /// Which disk quota the site has.
    pub quota: Option<QuotaKind>,
    /// What runs on it.
    pub services: Services,
    /// How it is asked whether it is well.
    pub probe: Option<Probe>,
    /// The host's own programs.
    pub hooks: Hooks,
    /// What runs its PHP.
    pub php_pools: Pools,
}

/// One directory tree of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSource {
    /// Stable through changes of name and path.
    pub id: SourceId,
    /// For people.
    pub name: String,
    /// Where it is: a strict subdirectory of the base.
    pub path: PathBuf,
    /// restic patterns, relative to the path.
    pub excludes: Vec<String>,
}

/// Who may own restored files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owners {
    /// Uids and gids that stay as the snapshot has them.
    pub allowed: BTreeSet<u32>,
    /// Uid and gid in place of every other.
    pub otherwise: u32,
}

/// The FPM pools that run a site's PHP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pools {
    /// Those of the node that run as the owner of a source.
    ByOwner,
    /// Those behind these sockets; none if empty.
    Named(Vec<PathBuf>),
}

/// Which disk quota a site has, by the id that `quota` knows it under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaKind {
    /// Of a user.
    User(u32),
    /// Of a project.
    Project(u32),
}

/// `[site]`, in the template or an override.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SiteTable {
    base: Option<String>,
    files: Option<Vec<FileTable>>,
    databases: Option<Vec<DatabaseTable>>,
    maintenance: Option<MaintenanceMode>,
    undo_hours: Option<u32>,
    undo_min_free: Option<u64>,
    reserve: Option<u64>,
    owners: Option<Owners>,
    quota: Option<QuotaTable>,
    services: Option<ServicesTable>,
    probe: Option<ProbeTable>,
    hooks: Option<HooksTable>,
    php_pools: Option<Vec<String>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    id: SourceId,
    name: String,
    path: String,
    #[serde(default)]
    excludes: Vec<String>,
}

/// `quota = { user = "1042" }`, or `{ project = "{id}" }` in a template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaTable {
    user: Option<String>,
    project: Option<String>,
}

impl SiteTable {
    pub(super) fn overridden_by(self, over: Self) -> Self {
        Self {
            base: over.base.or(self.base),
            files: over.files.or(self.files),
            databases: over.databases.or(self.databases),
            maintenance: over.maintenance.or(self.maintenance),
            undo_hours: over.undo_hours.or(self.undo_hours),
            undo_min_free: over.undo_min_free.or(self.undo_min_free),
            reserve: over.reserve.or(self.reserve),
            owners: over.owners.or(self.owners),
            quota: over.quota.or(self.quota),
            services: over.services.or(self.services),
            probe: over.probe.or(self.probe),
            hooks: over.hooks.or(self.hooks),
            php_pools: over.php_pools.or(self.php_pools),
        }
    }

    pub(super) fn has_base(&self) -> bool {
        self.base.is_some()
    }

    /// A base that would be every customer's, in the template.
    pub(super) fn base_of_everybody(&self) -> Option<&str> {
        self.base.as_deref().filter(|base| !base.contains("{id}"))
    }

    /// A schema that would be every customer's, in the template.
    pub(super) fn schema_of_everybody(&self) -> Option<&str> {
        self.databases.iter().flatten().find_map(DatabaseTable::schema_of_everybody)
    }

    /// What would be stopped for every customer, in the template.
    pub(super) fn services_of_everybody(&self) -> Option<&str> {
        self.services.as_ref().and_then(ServicesTable::of_everybody)
    }

    pub(super) fn has_services(&self) -> bool {
        self.services.is_some()
    }

    pub(super) fn has_databases(&self) -> bool {
        self.databases.is_some()
    }

    pub(super) fn check(
        self,
        file: &Path,
        customer: CustomerId,
        customers: &Path,
        limits: Limits,
        repositories: BTreeMap<RepositoryName, Repository>,
    ) -> Result<Site, ConfigError> {
        let missing = || ConfigError::value(file, "site.base", "is missing");
        let base = self.base.as_deref().ok_or_else(missing)?;
        let base = template::absolute(file, "site.base", &template::fill(base, customer))?;
        if !base.starts_with(customers) || base == customers {
            let problem = format!(
                "{} is not inside `node.customers`, {}",
                base.display(),
                customers.display()
            );
            return Err(ConfigError::value(file, "site.base", problem));
        }
        let files = check_files(self.files.unwrap_or_default(), file, customer, &base)?;
        let taken = files.iter().map(|source| source.id.clone()).collect();
        let lists_databases = self.databases.is_some();
        let databases = check_databases(self.databases.unwrap_or_default(), file, customer, taken)?;
        if files.is_empty() && databases.is_empty() {
            let problem = "names no source, nor does site.databases: nothing could be saved";
            return Err(ConfigError::value(file, "site.files", problem));
        }
        Ok(Site {
            customer,
            file: file.to_owned(),
            base,
            files,
            databases,
            lists_databases,
            repositories,
            limits,
            maintenance: self.maintenance.unwrap_or_default(),
            undo_for: Duration::from_secs(u64::from(self.undo_hours.unwrap_or(24)) * 3600),
            undo_min_free: self.undo_min_free.unwrap_or(1 << 30),
            reserve: self.reserve.unwrap_or(256 << 20),
            owners: self.owners,
            quota: self.quota.map(|quota| quota.check(file, customer)).transpose()?,
            services: self.services.unwrap_or_default().check(file, customer)?,
            probe: self.probe.map(|probe| probe.check(file, customer)).transpose()?,
            hooks: self.hooks.unwrap_or_default().check(file, customer)?,
            php_pools: check_pools(self.php_pools, file, customer)?,
        })
    }
}

fn check_pools(
    given: Option<Vec<String>>,
    file: &Path,
    customer: CustomerId,
) -> Result<Pools, ConfigError> {
    let Some(given) = given else { return Ok(Pools::ByOwner) };
    let socket = |socket: &String| {
        template::absolute(file, "site.php_pools", &template::fill(socket, customer))
    };
    given.iter().map(socket).collect::<Result<_, _>>().map(Pools::Named)
}

impl QuotaTable {
    fn check(self, file: &Path, customer: CustomerId) -> Result<QuotaKind, ConfigError> {
        let refuse = |problem: &str| ConfigError::value(file, "site.quota", problem);
        let number = |given: String| {
            template::fill(&given, customer)
                .parse()
                .map_err(|_| refuse("must be the number of a user or project, as text"))
        };
        match (self.user, self.project) {
            (Some(user), None) => Ok(QuotaKind::User(number(user)?)),
            (None, Some(project)) => Ok(QuotaKind::Project(number(project)?)),
            _ => Err(refuse("must name either `user` or `project`")),
        }
    }
}

/// Sources are strict subdirectories of the base, apart from each other and from what is ours.
fn check_files(
    tables: Vec<FileTable>,
    file: &Path,
    customer: CustomerId,
    base: &Path,
) -> Result<Vec<FileSource>, ConfigError> {
    let mut files: Vec<FileSource> = Vec::new();
    for (at, table) in tables.into_iter().enumerate() {
        let key = format!("site.files[{at}].path");
        let refuse = |problem: String| Err(ConfigError::value(file, &key, problem));
        let path = template::absolute(file, &key, &template::fill(&table.path, customer))?;
        let shown = path.display().to_string();
        let Ok(below) = path.strip_prefix(base) else {
            return refuse(format!("{shown} is not inside the base {}", base.display()));
        };
        let Some(first) = below.components().next() else {
            return refuse(format!(
                "{shown} is the base itself: a source is a directory inside it, so that \
                 `.maintenance` stays where it is when the source is swapped"
            ));
        };
        if OURS.iter().any(|ours| first.as_os_str() == *ours) {
            return refuse(format!("{shown} is a name that Holdfast uses itself"));
        }
        for other in &files {
            if path.starts_with(&other.path) || other.path.starts_with(&path) {
                let (id, other) = (&other.id, other.path.display());
                return refuse(format!("{shown} and {other} of source `{id}` contain each other"));
            }
            if other.id == table.id {
                let problem = format!("`{}` is used twice", table.id);
                return Err(ConfigError::value(file, format!("site.files[{at}].id"), problem));
            }
        }
        if ["db", "files", "both"].contains(&table.id.as_str()) {
            let problem = format!("`{}` is a scope and cannot name a source", table.id);
            return Err(ConfigError::value(file, format!("site.files[{at}].id"), problem));
        }
        for exclude in &table.excludes {
            let plain = !exclude.starts_with('/') && !exclude.contains('\n') && !exclude.is_empty();
            if !plain || exclude.split('/').any(|part| part == ".." || part == ".") {
                let problem = format!("{exclude:?} is not relative to the source's own path");
                return Err(ConfigError::value(
                    file,
                    format!("site.files[{at}].excludes"),
                    problem,
                ));
            }
        }
        let FileTable { id, name, excludes, .. } = table;
        files.push(FileSource { id, name, path, excludes });
    }
    match files.len() {
        0..=64 => Ok(files),
        _ => Err(ConfigError::value(file, "site.files", "names more than 64 sources")),
    }
}

impl Site {
    /// The sources that a scope means.
    pub fn files_in(&self, scope: &Scope) -> Vec<&FileSource> {
        self.files.iter().filter(|source| scope.covers_files(&source.id)).collect()
    }

    /// Whether the configuration says that it has no database to be saved: an empty list.
    pub fn has_no_databases(&self) -> bool {
        self.lists_databases && self.databases.is_empty()
    }

    /// The containers that its databases are in.
    pub fn database_containers(&self) -> Vec<String> {
        let container = |database: &Database| match &database.reach {
            Reach::Container(name) => Some(name.clone()),
            Reach::Socket(_) | Reach::Tcp { .. } => None,
        };
        self.databases.iter().filter_map(container).collect()
    }

    /// The databases that a scope means.
    pub fn databases_in(&self, scope: &Scope) -> Vec<&Database> {
        self.databases.iter().filter(|database| scope.covers_databases(&database.id)).collect()
    }

    /// Checks what the configuration promises about the disk: a base that only root may change,
    /// and sources that are not mount points.
    ///
    /// # Errors
    /// [`ConfigError::Untrusted`] or [`ConfigError::World`], with what to do.
    pub fn check_world(&self) -> Result<(), ConfigError> {
        let base = |error: ConfigError| error.named_by(&self.file, "site.base");
        check_root_owned(&self.base).map_err(base)?;
        let world =
            |path: &Path, problem: String| ConfigError::World { path: path.into(), problem };
        if !self.base.metadata().map(|found| found.is_dir()).unwrap_or(false) {
            return Err(base(world(&self.base, "is no directory".into())));
        }
        let mounts = mounts::mount_points()
            .map_err(|error| world(Path::new(mounts::TABLE), error.to_string()))?;
        for (at, source) in self.files.iter().enumerate() {
            let between = |mount: &&PathBuf| {
                source.path.starts_with(mount)
                    && mount.starts_with(&self.base)
                    && **mount != self.base
            };
            if let Some(mount) = mounts.iter().find(between).filter(|mount| **mount != source.path)
            {
                let problem = format!(
                    "is on another mount than the base, {}: nothing could change places with it",
                    mount.display()
                );
                let key = format!("site.files[{at}].path");
                return Err(world(&source.path, problem).named_by(&self.file, &key));
            }
            if let Some(mount) = mounts.iter().find(|mount| mount.starts_with(&source.path)) {
                let problem = if *mount == source.path {
                    "is a mount point, which cannot be swapped: make the source a directory on it"
                        .to_owned()
                } else {
                    format!("has a mount point inside it, {}: move it out", mount.display())
                };
                let key = format!("site.files[{at}].path");
                return Err(world(&source.path, problem).named_by(&self.file, &key));
            }
        }
        Ok(())
    }
}
