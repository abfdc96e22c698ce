//! JSON as somebody wrote it: members stay in their order, which is that of the page. What is missing is
//! a null, and reads as nothing: that the document is whole, tests see to.

use std::{fmt, ops::Index};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::Value;

/// A value and all in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Neither a list nor an object.
    Scalar(Value),
    /// A list.
    List(Vec<Tree>),
    /// An object, its members in order.
    Object(Vec<(String, Tree)>),
}

const NULL: &Tree = &Tree::Scalar(Value::Null);

impl Tree {
    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        self == NULL
    }

    /// The text that it is.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Scalar(scalar) => scalar.as_str(),
            _ => None,
        }
    }

    /// The text that it is, or none at all.
    pub fn text(&self) -> &str {
        self.as_str().unwrap_or_default()
    }

    /// The number that it is.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Scalar(scalar) => scalar.as_i64(),
            _ => None,
        }
    }

    /// The items of a list, and none of anything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The members of an object, and none of anything else.
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }
}

impl Index<&str> for Tree {
    type Output = Self;

    fn index(&self, name: &str) -> &Self {
        self.members().iter().find(|(member, _)| member == name).map_or(NULL, |(_, value)| value)
    }
}

impl PartialEq<&str> for Tree {
    fn eq(&self, text: &&str) -> bool {
        self.as_str() == Some(*text)
    }
}

impl PartialEq<bool> for Tree {
    fn eq(&self, truth: &bool) -> bool {
        *self == Self::Scalar((*truth).into())
    }
}

/// As JSON, on one line.
impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Scalar(scalar) => scalar.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(truth.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_written_in_the_same_order() {
        let text = r#"{"b":[1,-2,0.5,true,null],"a":{"d":"x","c":{}}}"#;
        let tree: Tree = serde_json::from_str(text).expect("JSON");
        assert_eq!(tree.to_string(), text);
        assert_eq!(tree["a"]["d"], "x");
        assert!(tree["a"]["none"]["at all"].is_null());
    }

    #[test]
    fn no_member_of_the_document_stands_twice() {
        fn look(tree: &Tree) {
            for (place, (name, member)) in tree.members().iter().enumerate() {
                let twice = tree.members()[..place].iter().any(|(before, _)| before == name);
                assert!(!twice, "{name} stands twice, the second time as {member}");
                look(member);
            }
            tree.items().iter().for_each(look);
        }
        look(&serde_json::from_str(include_str!("../../../openapi.json")).expect("JSON"));
    }
}
