//! PHP's compiled code of a site, in a restore or an undo: looked at in `Check`, forgotten behind the
//! switch and behind its way back.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::CONTACT_SUPPORT;
use crate::{
    config::{Node, Site},
    failure::Failure,
    note::Note,
    php,
};

/// The pools that run a site's code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The site's base.
    base: PathBuf,
    /// The sockets of the pools.
    sockets: Vec<PathBuf>,
    /// Why pools that were found by themselves will not forget.
    #[serde(default)]
    unable: Option<String>,
}

impl Code {
    /// In `Check`: which pools there are, and whether they will forget.
    ///
    /// # Errors
    /// A permanent [`Failure`] if one that the configuration names will not.
    pub(super) fn look(node: &Node, site: &Site) -> Result<Self, Failure> {
        let found = php::find(node, site);
        let looked = php::look(&site.base, &found.sockets);
        match looked {
            Err(problem) if found.are_named => Err(Failure::permanent(CONTACT_SUPPORT, problem)),
            looked => {
                let unable = looked.err();
                let sockets = if unable.is_some() { Vec::new() } else { found.sockets };
                Ok(Self { base: site.base.clone(), sockets, unable })
            }
        }
    }

    /// Has the pools forget.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(super) fn forget(&self) -> Result<(), String> {
        php::forget(Path::new(&self.base), &self.sockets)
    }

    /// What is to be known of it.
    pub(super) fn note(&self) -> Option<Note> {
        self.unable.as_ref().map(|problem| Note {
            customer: None,
            operator: format!("Visitors may still get earlier pages: {problem}."),
        })
    }
}
