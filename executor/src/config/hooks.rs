//! The host's own programs that an order calls on its way.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use holdfast_job::CustomerId;
use serde::Deserialize;

use super::{ConfigError, template, trust::check_root_owned};

/// The programs of a site; each is root's, and called without a shell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Asked before anything is done.
    pub before: Option<PathBuf>,
    /// Called when the new site is there and not yet open.
    pub after_swap: Option<PathBuf>,
    /// Called when all is done.
    pub after: Option<PathBuf>,
    /// Called when a person must look.
    pub stuck: Option<PathBuf>,
}

/// `[site.hooks]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HooksTable {
    before: Option<String>,
    after_swap: Option<String>,
    after: Option<String>,
    stuck: Option<String>,
}

impl HooksTable {
    pub(super) fn check(self, file: &Path, customer: CustomerId) -> Result<Hooks, ConfigError> {
        let path = |key: &str, given: Option<String>| {
            let path = |given: String| {
                let key = format!("site.hooks.{key}");
                let path = template::absolute(file, &key, &template::fill(&given, customer))?;
                check_program(&path).map_err(|error| error.named_by(file, &key))?;
                Ok(path)
            };
            given.map(path).transpose()
        };
        Ok(Hooks {
            before: path("before", self.before)?,
            after_swap: path("after_swap", self.after_swap)?,
            after: path("after", self.after)?,
            stuck: path("stuck", self.stuck)?,
        })
    }
}

/// A file that only root can change, on a way that only root can change, and that can be executed.
fn check_program(path: &Path) -> Result<(), ConfigError> {
    check_root_owned(path)?;
    let world = |problem: &str| ConfigError::World { path: path.into(), problem: problem.into() };
    match path.metadata() {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Err(world("is no program: make it an executable file")),
        Err(error) => Err(world(&error.to_string())),
    }
}
