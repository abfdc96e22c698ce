//! A look for databases that nothing saves.

use super::{Finding, finding};
use crate::{
    config::{Node, Site},
    stop::Stop,
    unsaved::{self, Unsaved},
};

/// As many are named.
const MOST_NAMED: usize = 5;
/// What to do about them.
const ADVICE: &str = "take the # away from `[[site.databases]]`, or write `databases = []` for a customer \
                      whose databases are not to be saved";

/// Looks at the server on this machine, for customers who have no site here yet as well.
pub(super) async fn examine_this_machine(node: &Node) -> Finding {
    let found = match unsaved::on_this_machine(node, &Stop::default()).await {
        Ok(None) => Ok("there is no server on this machine that could be asked".to_owned()),
        Ok(Some(unsaved)) if unsaved.is_empty() => {
            Ok("each schema of a customer's on this machine is saved".to_owned())
        }
        Ok(Some(unsaved)) => Err(told(&unsaved)),
        Err(problem) => Err(problem),
    };
    finding("databases on this machine", found)
}

/// What nothing saves of one site, on the servers that its configuration names.
pub(super) async fn examine_databases(node: &Node, site: &Site) -> Result<String, String> {
    match unsaved::of_site(node, site, &Stop::default()).await? {
        unsaved if unsaved.is_empty() => Ok(match site.databases.len() {
            0 => "none is configured, and none of this customer's name is there".to_owned(),
            number => format!("{number} are saved, and no other of this customer's name is there"),
        }),
        unsaved => Err(told(&unsaved)),
    }
}

fn told(unsaved: &[Unsaved]) -> String {
    let named =
        unsaved.iter().take(MOST_NAMED).map(|one| format!("{} on {}", one.schema, one.server));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match unsaved.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("nothing saves {named}{more}: {ADVICE}")
}
