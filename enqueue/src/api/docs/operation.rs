//! One operation on the page: what it is, what it takes, what it answers, how to try it.

use maud::{Markup, html};

use super::{
    example::{curl, pretty},
    reference::{Document, Operation, name},
    schema::{kind, members_of},
    text::{description, line, paragraphs},
    tree::Tree,
};

/// What every request may have, and every answer has: the page says so once.
const REQUEST_ID: &str = "X-Request-Id";

/// The whole of it.
pub fn show(document: &Document, operation: Operation<'_>) -> Markup {
    let value = operation.value;
    html! {
        article.operation id=(id(value)) {
            h3 { (value["summary"].text()) }
            p.address { (method(operation.method)) " " code { (operation.path) } }
            (paragraphs(&value["description"]))
            p.aside { (line(&scope(operation))) }
            (takes(document, operation))
            h4 { "Try it" }
            pre { code { (curl(document, operation)) } }
            (answers(document, value["responses"].members()))
        }
    }
}

/// The anchor of an operation.
pub fn id(value: &Tree) -> &str {
    value["operationId"].text()
}

/// A method, marked as what it is.
pub fn method(word: &str) -> Markup {
    html! { span class={ "method " (word) } { (word.to_uppercase()) } }
}

/// Who may.
fn scope(operation: Operation<'_>) -> String {
    let all = operation.value["security"].items().iter().flat_map(|one| one["token"].items());
    match all.map(|scope| format!("`{}`", scope.text())).collect::<Vec<_>>().as_slice() {
        _ if !operation.takes_token() => "Takes no token.".to_owned(),
        [] => "Takes any token.".to_owned(),
        scopes => format!("Takes a token with {}.", scopes.join(", ")),
    }
}

/// Its parameters and its body.
fn takes(document: &Document, operation: Operation<'_>) -> Markup {
    let body = &operation.value["requestBody"];
    html! {
        @if parameters(document, operation).next().is_some() {
            h4 { "Parameters" }
            dl.members {
                @for parameter in parameters(document, operation) {
                    dt {
                        code { (parameter["name"].text()) } " "
                        span.kind {
                            "in the " (parameter["in"].text()) ", " (kind(&parameter["schema"]))
                        }
                        @if parameter["required"] == true { " " span.required { "required" } }
                    }
                    dd { (description(parameter)) }
                }
            }
        }
        @if !body.is_null() {
            @let schema = &body["content"]["application/json"]["schema"];
            h4 {
                "Body, "
                (kind(schema))
                @if body["required"] != true { ", may be left out" }
            }
            (members_of(document, schema))
        }
    }
}

/// Its own answers, and in one line those that it shares with others.
fn answers(document: &Document, responses: &[(String, Tree)]) -> Markup {
    let (common, own): (Vec<_>, Vec<_>) =
        responses.iter().partition(|(_, response)| name(response).is_some());
    html! {
        h4 { "Answers" }
        dl.answers {
            @for (status, response) in own {
                dt { (marked(status)) }
                dd { (contents(document, response)) }
            }
        }
        @if !common.is_empty() {
            p.common {
                "And as elsewhere: "
                @for (number, (status, response)) in common.into_iter().enumerate() {
                    @if number > 0 { ", " }
                    a href={ "#answer-" (name(response).unwrap_or_default()) } { (marked(status)) }
                    " " (problems(document.follow(response)))
                }
                "."
            }
        }
    }
}

/// What an answer means, what it brings, and an example of it.
pub fn contents(document: &Document, response: &Tree) -> Markup {
    html! {
        p { (description(response)) }
        @if let Some((media, content)) = response["content"].members().first() {
            p.aside {
                code { (media) }
                @if !content["schema"]["$ref"].is_null() { ", " (kind(&content["schema"])) }
                @if !problem_type(response)["enum"].is_null() { ": " (problems(response)) }
                @for (name, header) in response["headers"].members().iter().filter(is_its_own) {
                    ", with "
                    code title=(document.follow(header)["description"].text()) { (name) }
                }
            }
            @if !content["example"].members().is_empty() {
                details {
                    summary { "An example" }
                    pre { code { (pretty(&content["example"])) } }
                }
            }
        }
    }
}

/// The parameters of an operation but for what every request may have.
fn parameters<'d>(
    document: &'d Document,
    operation: Operation<'d>,
) -> impl Iterator<Item = &'d Tree> {
    operation.parameters(document).filter(|parameter| parameter["name"] != REQUEST_ID)
}

/// Whether a header is not one of those that every answer has.
fn is_its_own((name, _): &&(String, Tree)) -> bool {
    name != REQUEST_ID
}

/// What the document says of a problem's `type`.
fn problem_type(response: &Tree) -> &Tree {
    &response["content"]["application/problem+json"]["schema"]["properties"]["type"]
}

fn problems(response: &Tree) -> Markup {
    kind(problem_type(response))
}

/// A status, marked as what it is.
fn marked(status: &str) -> Markup {
    let kind = match status.as_bytes().first() {
        Some(b'2') => "good",
        Some(b'4') => "refused",
        _ => "failed",
    };
    html! { span class={ "status " (kind) } { (status) } }
}
