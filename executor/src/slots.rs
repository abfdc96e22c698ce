//! Slots: how many orders run at once, on this node and in each repository.
//!
//! A slot is a lock file beside the customers' locks, held like them by whoever was started. Who
//! finds none free has done nothing yet, and says `busy`.

use std::{fs::File, io, path::Path};

use holdfast_job::Order;

use crate::{
    config::{Node, Site},
    lock::hold,
};

/// The slots of one order.
#[derive(Debug)]
pub struct Slots {
    _held: Vec<File>,
}

/// Why there is no slot.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// All are taken.
    #[error("{most} orders are under way {place}, which is `{key}`")]
    Full {
        /// Where.
        place: String,
        /// How many there are.
        most: u32,
        /// What says so.
        key: String,
    },
    /// A lock file cannot be used.
    #[error("a slot cannot be taken")]
    File(#[from] io::Error),
}

impl Slots {
    /// Takes a slot of the node, and one of the repository that the order is about.
    ///
    /// # Errors
    /// [`SlotError::Full`] if one is not to be had now.
    pub fn take(node: &Node, site: &Site, order: &Order) -> Result<Self, SlotError> {
        let mut held = Vec::new();
        if let Some(most) = node.max_orders {
            let full = || ("on this node".to_owned(), "node.max_orders".to_owned());
            held.push(take_one(&node.state, "node", most, full)?);
        }
        let named = match order {
            Order::Backup(order) => Some(&order.repository),
            Order::Restore(order) => Some(&order.repository),
            Order::Delete(order) => Some(&order.repository),
            Order::Undo(_) => None,
        };
        let repository = named.and_then(|name| site.repositories.get(name));
        if let Some((repository, most)) = repository.and_then(|r| Some((r, r.max_orders?))) {
            let name = &repository.name;
            let full =
                || (format!("in repository `{name}`"), format!("repositories.{name}.max_orders"));
            held.push(take_one(&node.state, &format!("repository-{name}"), most, full)?);
        }
        Ok(Self { _held: held })
    }
}

fn take_one(
    state: &Path,
    of: &str,
    most: u32,
    full: impl Fn() -> (String, String),
) -> Result<File, SlotError> {
    for number in 1..=most {
        let file = state.join("locks").join(format!("slot-{of}-{number}.lock"));
        if let Some(held) = hold(&file)? {
            return Ok(held);
        }
    }
    let (place, key) = full();
    Err(SlotError::Full { place, most, key })
}
