//! The OpenAPI document: its operations, and what its references lead to.

use super::tree::Tree;

/// The methods of an operation.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The document.
#[derive(Debug)]
pub struct Document {
    /// All of it.
    pub root: Tree,
}

/// One operation, and where it is.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'d> {
    /// The path, with names in braces.
    pub path: &'d str,
    /// The method, in small letters.
    pub method: &'d str,
    /// What the path says for all its methods.
    pub item: &'d Tree,
    /// The operation itself.
    pub value: &'d Tree,
}

impl Document {
    /// What this is, or what it refers to.
    pub fn follow<'d>(&'d self, value: &'d Tree) -> &'d Tree {
        match value["$ref"].as_str().and_then(|target| target.strip_prefix("#/")) {
            Some(target) => target.split('/').fold(&self.root, |tree, name| &tree[name]),
            None => value,
        }
    }

    /// The components of this kind, by name.
    pub fn components(&self, kind: &str) -> &[(String, Tree)] {
        self.root["components"][kind].members()
    }

    /// The operations of this tag, in the order of the document.
    pub fn operations<'d>(&'d self, tag: &'d str) -> impl Iterator<Item = Operation<'d>> {
        let items = self.root["paths"].members().iter();
        let all = items.flat_map(|(path, item)| {
            let methods = item.members().iter();
            let methods = methods.filter(|(method, _)| METHODS.contains(&method.as_str()));
            methods.map(move |(method, value)| Operation { path, method, item, value })
        });
        all.filter(move |operation| operation.value["tags"].items().iter().any(|one| *one == tag))
    }
}

impl<'d> Operation<'d> {
    /// Its parameters, those of its path first.
    pub fn parameters(self, document: &'d Document) -> impl Iterator<Item = &'d Tree> {
        let all = self.item["parameters"].items().iter().chain(self.value["parameters"].items());
        all.map(|parameter| document.follow(parameter))
    }

    /// Whether it is for those alone who have a token.
    pub fn takes_token(self) -> bool {
        !self.value["security"].items().is_empty()
    }
}

/// The name at the end of a reference, if it is one.
pub fn name(value: &Tree) -> Option<&str> {
    value["$ref"].as_str()?.rsplit('/').next()
}
