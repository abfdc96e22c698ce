//! Everything of a node that an order might change, as a value: for orders that must change
//! nothing.

use crate::{Node, Tree};

/// A node's sites, repositories and state.
///
/// Lock files and empty folders of the state are not looked at: they come with the first order and
/// mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    sites: Tree,
    repositories: Tree,
    state: Tree,
    journals: Tree,
}

impl Node {
    /// The world as it is now.
    pub fn world(&self) -> World {
        let read = |folder: &str| Tree::read(&self.root().join(folder));
        World {
            sites: read("customers"),
            repositories: read("repositories"),
            state: read("state/spool").without_kinds(&["dir"]),
            journals: read("state/journals").without_kinds(&["dir"]),
        }
    }
}

impl World {
    /// Asserts that this is still the world, to the last journal.
    ///
    /// # Panics
    /// If it is not.
    pub fn assert_untouched(&self, node: &Node, context: &str) {
        assert_eq!(*self, node.world(), "{context}: something happened");
    }

    /// Asserts that nothing was changed, though a journal may tell of the attempt.
    ///
    /// # Panics
    /// If it was.
    pub fn assert_unchanged(&self, node: &Node, context: &str) {
        let now = Self { journals: self.journals.clone(), ..node.world() };
        assert_eq!(*self, now, "{context}: something was changed");
    }

    /// The number of journals.
    pub fn journals(&self) -> usize {
        self.journals.len()
    }
}
