//! An operation as somebody would try it at a shell.

use super::{
    reference::{Document, Operation},
    tree::Tree,
};

/// The command, with `$API` for the server and `$TOKEN` for the token.
pub fn curl(document: &Document, operation: Operation<'_>) -> String {
    let mut pieces = Vec::new();
    let body = &operation.value["requestBody"]["content"]["application/json"]["example"];
    if operation.method == "delete" || (operation.method == "post" && body.is_null()) {
        pieces.push(format!("--request {}", operation.method.to_uppercase()));
    }
    if operation.takes_token() {
        pieces.push("--header \"Authorization: Bearer $TOKEN\"".to_owned());
    }
    if !body.is_null() {
        pieces.push(format!("--json '{body}'"));
    }
    pieces.push(format!("\"$API{}\"", address(document, operation)));
    format!("curl {}", pieces.join(" \\\n    "))
}

/// The path, with an example in the place of each name.
fn address(document: &Document, operation: Operation<'_>) -> String {
    let mut path = operation.path.to_owned();
    for parameter in operation.parameters(document).filter(|one| one["in"] == "path") {
        let name = parameter["name"].text();
        let example = parameter["example"].as_str().unwrap_or(name);
        path = path.replace(&format!("{{{name}}}"), example);
    }
    path
}

/// A value as people read it.
pub fn pretty(value: &Tree) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
