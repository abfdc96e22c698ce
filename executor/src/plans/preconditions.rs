//! What must be true of a node and a site before any order touches it.

use std::{fs, path::Path};

use holdfast_job::{RepositoryName, Scope, Stage};
use nix::sys::stat::SFlag;

use super::misconfigured;
use crate::{
    base::Base,
    config::{Database, FileSource, Node, Repository, Site},
    failure::{Failure, chain},
    mariadb::SchemaFacts,
    restic::Restic,
    swap::{SwapError, look_up},
};

const HARDLINKS: &str = "/proc/sys/fs/protected_hardlinks";

/// Checks the node and the site's base, and opens it.
pub(super) fn open_base(site: &Site) -> Result<Base, Failure> {
    hardlinks_are_protected(Path::new(HARDLINKS))?;
    site.check_world().map_err(|error| misconfigured(&error))?;
    Base::open(&site.base).map_err(|error| Failure::system(site.base.display(), &error))
}

/// With this off, a tenant may link another's file into its own tree, where root would save it.
fn hardlinks_are_protected(setting: &Path) -> Result<(), Failure> {
    match fs::read_to_string(setting) {
        Ok(text) if text.trim() == "0" => Err(Failure::permanent(
            super::CONTACT_SUPPORT,
            "fs.protected_hardlinks is off, so that a tenant may link another's file into its own \
             tree: `sysctl fs.protected_hardlinks=1`",
        )),
        _ => Ok(()),
    }
}

/// Whether hard links are protected on this node; the sentence if not.
pub fn check_hardlinks() -> Result<(), String> {
    hardlinks_are_protected(Path::new(HARDLINKS)).map_err(|failure| failure.operator)
}

/// What is at the place of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory.
    Tree,
    /// Nothing, in a directory that is there.
    Empty,
}

/// Looks what is at the place of a source; a link or a file there is refused.
pub(super) fn look_at(source: &FileSource, base: &Base) -> Result<Place, Failure> {
    let shown = source.path.display();
    let refuse_because = |what: &str, cause: String| {
        let customer = format!("The folder of \"{}\" is not as it should be: {what}.", source.name);
        let operator = format!("source `{}`, {shown}: {what}{cause}", source.id);
        Err(Failure::permanent(customer, operator))
    };
    let refuse = |what: &str| refuse_because(what, String::new());
    match look_up(base, &source.path) {
        Ok(None) => Ok(Place::Empty),
        Ok(Some(stat)) => match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => Ok(Place::Tree),
            SFlag::S_IFLNK => refuse("it is a symbolic link and must be a directory"),
            _ => refuse("it is not a directory"),
        },
        Err(SwapError::System { source: error, .. })
            if error.kind() == std::io::ErrorKind::NotFound =>
        {
            refuse("the folder that should hold it is missing; make it first")
        }
        Err(error) => refuse_because("it cannot be reached", format!(": {}", chain(&error))),
    }
}

/// The repository that an order names.
pub(super) fn repository<'s>(
    site: &'s Site,
    name: &RepositoryName,
) -> Result<&'s Repository, Failure> {
    site.repositories.get(name).ok_or_else(|| {
        let known: Vec<&str> = site.repositories.keys().map(RepositoryName::as_str).collect();
        Failure::permanent(
            "There is no such place for backups.",
            format!("no repository `{name}` is configured; there are: {}", known.join(", ")),
        )
    })
}

/// restic for this stage.
pub(super) fn restic<'a>(
    site: &'a Site,
    name: &RepositoryName,
    stage: Stage,
    node: &'a Node,
) -> Result<Restic<'a>, Failure> {
    let repository = repository(site, name)?;
    let patience = site.limits.patience(stage);
    Restic::new(node, repository, &site.limits, site.customer, patience)
        .map_err(|error| misconfigured(&error))
}

/// The sources that an order means.
#[derive(Debug, Clone)]
pub(super) struct Sources<'s> {
    /// Directory trees.
    pub(super) files: Vec<&'s FileSource>,
    /// Databases.
    pub(super) databases: Vec<&'s Database>,
}

/// The sources that an order means; one that means none, or one that is not there, is refused.
pub(super) fn sources_of<'s>(site: &'s Site, scope: &Scope) -> Result<Sources<'s>, Failure> {
    let refuse = |text: String| Err(Failure::permanent(text.clone(), text));
    if let Scope::Sources(named) = scope {
        let files = site.files.iter().map(|source| source.id.as_str());
        let known: Vec<&str> =
            files.chain(site.databases.iter().map(|database| database.id.as_str())).collect();
        if let Some(unknown) = named.iter().find(|id| !known.contains(&id.as_str())) {
            let known = known.join(", ");
            return refuse(format!("This site has no source \"{unknown}\". It has: {known}."));
        }
    }
    let sources = Sources { files: site.files_in(scope), databases: site.databases_in(scope) };
    match (sources.files.is_empty(), sources.databases.is_empty(), scope) {
        (true, true, Scope::Files) => refuse("This site has no files configured.".into()),
        (true, true, _) => refuse("This site has no database configured.".into()),
        _ => Ok(sources),
    }
}

/// A server older than 10.6 cannot do what the swap stands on: rename many tables whole or not at
/// all, through a crash.
pub(super) fn refuse_old_server(database: &Database, facts: &SchemaFacts) -> Result<(), Failure> {
    match facts.is_supported() {
        true => Ok(()),
        false => Err(Failure::permanent(
            super::CONTACT_SUPPORT,
            format!(
                "database `{}`: the server is {}, and must be MariaDB 10.6 or newer",
                database.id, facts.version
            ),
        )),
    }
}

/// What would be torn by an exchange: another schema's foreign key, a table with our marker's name.
pub(super) fn refuse_hangers_on(database: &Database, facts: &SchemaFacts) -> Result<(), Failure> {
    let Some(first) = facts.hangers_on.first() else { return Ok(()) };
    Err(Failure::permanent(
        format!(
            "The database \"{}\" cannot be exchanged as it is: {first}. Change that, or \
             contact support.",
            database.name
        ),
        format!("database `{}`: {}", database.id, facts.hangers_on.join("; ")),
    ))
}
