//! The page: a list of contents, the operations by what they are about, the answers that many share,
//! and the objects that are sent and answered.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    operation::{contents, id, method, show},
    reference::Document,
    schema::component,
    text::{description, paragraphs},
};

/// All of it.
pub fn render(document: &Document, style: &str) -> Markup {
    let info = &document.root["info"];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (info["title"].text()) ": the API" }
                style { (PreEscaped(style)) }
            }
            body {
                header {
                    h1 { (info["title"].text()) ": the API" }
                    (paragraphs(&info["description"]))
                    p.aside {
                        "For programs: "
                        a href="/api/v1/openapi.json" { "this as an OpenAPI document" }
                        "."
                    }
                }
                (navigation(document))
                main {
                    @for tag in document.root["tags"].items() {
                        section id={ "tag-" (tag["name"].text()) } {
                            h2 { (tag["name"].text()) }
                            p { (description(tag)) }
                            @for operation in document.operations(tag["name"].text()) {
                                (show(document, operation))
                            }
                        }
                    }
                    (answers(document))
                    section id="schemas" {
                        h2 { "Objects" }
                        @for (name, schema) in document.components("schemas") {
                            (component(document, name, schema))
                        }
                    }
                }
            }
        }
    }
}

fn navigation(document: &Document) -> Markup {
    html! {
        nav aria-label="Contents" {
            @for tag in document.root["tags"].items() {
                @let name = tag["name"].text();
                p { a href={ "#tag-" (name) } { (name) } }
                ul {
                    @for operation in document.operations(name) {
                        li {
                            a href={ "#" (id(operation.value)) } {
                                (method(operation.method)) " "
                                (operation.value["summary"].text())
                            }
                        }
                    }
                }
            }
            p { a href="#answers" { "Answers that many share" } }
            p { a href="#schemas" { "Objects" } }
        }
    }
}

/// The answers that many operations share.
fn answers(document: &Document) -> Markup {
    html! {
        section id="answers" {
            h2 { "Answers that many share" }
            @for (name, response) in document.components("responses") {
                @let content = &response["content"]["application/problem+json"];
                section.schema id={ "answer-" (name) } {
                    h3 { (content["example"]["status"]) " " (content["example"]["title"].text()) }
                    (contents(document, response))
                }
            }
        }
    }
}
