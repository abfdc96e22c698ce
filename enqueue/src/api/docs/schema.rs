//! What a value looks like: in a few words, and an object member by member.

use maud::{Markup, html};

use super::{
    reference::{Document, name},
    text::description,
    tree::Tree,
};

/// A value in a few words.
pub fn kind(schema: &Tree) -> Markup {
    if let Some(name) = name(schema) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    let choices = schema["oneOf"].items();
    if !choices.is_empty() {
        return html! {
            @for (number, choice) in choices.iter().enumerate() {
                @if number > 0 { " or " }
                (kind(choice))
            }
        };
    }
    if !schema["const"].is_null() {
        return html! { code { (schema["const"]) } };
    }
    let words = schema["enum"].items();
    if !words.is_empty() {
        return html! {
            @for (number, word) in words.iter().enumerate() {
                @if number > 0 { " · " }
                code { (word.text().trim_start_matches(PROBLEM)) }
            }
        };
    }
    if schema["type"] == "array" {
        return html! { "list of " (kind(&schema["items"])) };
    }
    html! { (types(schema)) (limits(schema)) }
}

/// What the types of all problems begin with.
pub const PROBLEM: &str = "urn:holdfast:problem:";

/// The types of a plain value, such as `string or null`.
fn types(schema: &Tree) -> String {
    let format = schema["format"].as_str();
    let word = |kind: &Tree| match (kind.as_str(), format) {
        (Some("string"), Some("uuid")) => "UUID".to_owned(),
        (Some("string"), Some("date-time")) => "time".to_owned(),
        (Some("string"), Some("uri" | "uri-reference")) => "address".to_owned(),
        (Some(kind), _) => kind.to_owned(),
        (None, _) => "any value".to_owned(),
    };
    match schema["type"].items() {
        [] => word(&schema["type"]),
        kinds => kinds.iter().map(word).collect::<Vec<_>>().join(" or "),
    }
}

/// A longer pattern says less than the description beside it.
const LEGIBLE: usize = 32;

/// What a plain value must keep to, beside its type.
fn limits(schema: &Tree) -> Markup {
    let number = |key: &str| schema[key].as_i64();
    let range = match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => format!(", from {least} to {most}"),
        (Some(least), None) if least > 0 => format!(", at least {least}"),
        _ => String::new(),
    };
    let length = match (number("minLength"), number("maxLength")) {
        (Some(least), Some(most)) => format!(", {least} to {most} characters"),
        (None, Some(most)) => format!(", up to {most} characters"),
        _ => String::new(),
    };
    html! {
        (range) (length)
        @if let Some(pattern) = schema["pattern"].as_str().filter(|text| text.len() <= LEGIBLE) {
            ", " code { (pattern) }
        }
        @if !schema["default"].is_null() { ", " code { (schema["default"]) } " if left out" }
    }
}

/// An object's members, each with what it is.
pub fn members_of(document: &Document, schema: &Tree) -> Markup {
    let schema = document.follow(schema);
    let required = |name: &str| schema["required"].items().iter().any(|one| *one == name);
    // Of what is only answered, all is always there.
    let asked = schema["additionalProperties"] == false;
    html! {
        @for widened in schema["allOf"].items() {
            p { "All of " (kind(widened)) ", and:" }
        }
        dl.members {
            @for (name, member) in schema["properties"].members() {
                dt {
                    code { (name) } " "
                    span.kind { (kind(member)) }
                    @if asked && required(name) { " " span.required { "required" } }
                    @if !asked && !required(name) { " " span.kind { "not always there" } }
                }
                dd { (description(if name_is_all(member) { document.follow(member) } else { member })) }
            }
        }
        @if asked { p.aside { "Any other field is refused." } }
    }
}

/// Whether a member says nothing of itself beside what it refers to.
fn name_is_all(member: &Tree) -> bool {
    name(member).is_some() && member["description"].is_null()
}

/// A schema of the components, with its anchor.
pub fn component(document: &Document, name: &str, schema: &Tree) -> Markup {
    html! {
        section.schema id={ "schema-" (name) } {
            h3 { (name) }
            p { (description(schema)) }
            @if schema["type"] == "object" || !schema["allOf"].is_null() {
                (members_of(document, schema))
            } @else {
                p.kind { (kind(schema)) }
            }
        }
    }
}
