//! The API's own document, `enqueue/openapi.json`, and whether an answer is one that it describes:
//! status, type of content, headers, and a body without a member that is not in it. [`Web`] holds each
//! answer that a test sees against it.
//!
//! [`Web`]: crate::Web

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::Answer;

/// The document, as it stands in the project.
pub static DOCUMENT: LazyLock<Document> = LazyLock::new(Document::read);

/// Where an answer to no documented path is described: as one of the common responses.
const ANYWHERE: [(u16, &str); 4] =
    [(404, "NotFound"), (413, "TooLarge"), (429, "TooMany"), (503, "Unavailable")];

/// True of the addresses that are for people, which are no part of the API.
fn is_page(path: &str) -> bool {
    let first = path.split(['/', '?']).nth(1).unwrap_or_default();
    ["", "backups", "login", "logout", "sites", "sso", "static"].contains(&first)
}

/// An OpenAPI document whose objects are closed: in the document itself they are open, since more may
/// come, but what comes must be described.
#[derive(Debug)]
pub struct Document {
    root: Value,
    validators: Mutex<BTreeMap<String, Arc<Validator>>>,
}

impl Document {
    fn read() -> Self {
        let text = include_str!("../../enqueue/openapi.json");
        let mut root: Value = serde_json::from_str(text).expect("enqueue/openapi.json is JSON");
        let schemas = root["components"]["schemas"].as_object_mut().expect("schemas");
        let open: Vec<_> =
            schemas.iter().map(|(name, schema)| (open_name(name), schema.clone())).collect();
        schemas.values_mut().for_each(close);
        schemas.extend(open);
        close(&mut root["components"]["responses"]);
        close(&mut root["paths"]);
        Self { root, validators: Mutex::default() }
    }

    /// Every operation: its path as a template, and its method in capitals.
    ///
    /// # Panics
    /// If the document has no paths.
    pub fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.root["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys();
            let methods = methods.filter(|key| *key != "parameters");
            methods.map(|method| (path.clone(), method.to_uppercase()))
        });
        operations.collect()
    }

    /// An operation, by its template and its method.
    pub fn operation(&self, template: &str, method: &str) -> &Value {
        &self.root["paths"][template][method.to_lowercase()]
    }

    /// Holds an answer against the document.
    ///
    /// # Panics
    /// If the document does not describe it.
    pub fn hold(&self, method: &str, path: &str, answer: &Answer) {
        let html = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        if is_page(path) || html && !path.starts_with("/api/") {
            return;
        }
        if let Err(why) = self.describes(method, path, answer) {
            panic!(
                "{method} {path} was answered with {}, and enqueue/openapi.json does not describe \
                 that: {why}\n{:#}",
                answer.status, answer.body
            );
        }
    }

    /// Holds a value against one of the schemas.
    ///
    /// # Panics
    /// If it is not as that wants it.
    pub fn hold_value(&self, schema: &str, value: &Value) {
        let valid = self.valid(&format!("#/components/schemas/{schema}"), value);
        valid.unwrap_or_else(|why| panic!("this is no {schema} of enqueue/openapi.json: {why}"));
    }

    fn describes(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        let path = path.split('?').next().unwrap_or_default();
        let documented = if method == "HEAD" { "GET" } else { method };
        let Some(template) = self.template(path) else {
            let known = ANYWHERE.iter().find(|(status, _)| *status == answer.status);
            let (_, name) = known.ok_or("it has no such path")?;
            return self.fits(&format!("/components/responses/{name}"), method, answer);
        };
        if answer.status == 405 {
            self.allows(template, answer)?;
            return self.fits("/components/responses/MethodNotAllowed", method, answer);
        }
        let pointer = format!(
            "/paths/{}/{}/responses/{}",
            template.replace('~', "~0").replace('/', "~1"),
            documented.to_lowercase(),
            answer.status
        );
        let response = self.root.pointer(&pointer).ok_or("no such status of that operation")?;
        let pointer = response["$ref"].as_str().map_or(pointer.as_str(), |target| &target[1..]);
        self.fits(pointer, method, answer)
    }

    /// The path that an address is one of; one that is written out before one with a name in it.
    fn template(&self, path: &str) -> Option<&str> {
        let fits = |template: &&String| {
            let pieces = template.split('/').zip(path.split('/'));
            template.split('/').count() == path.split('/').count()
                && pieces.into_iter().all(|(piece, given)| {
                    piece == given || (piece.starts_with('{') && !given.is_empty())
                })
        };
        let templates = self.root["paths"].as_object()?.keys().filter(fits);
        templates.min_by_key(|template| template.matches('{').count()).map(String::as_str)
    }

    /// What is said of a method that there is not.
    fn allows(&self, template: &str, answer: &Answer) -> Result<(), String> {
        let of_path = self.operations().into_iter().filter(|(path, _)| path == template);
        let mut methods: BTreeSet<String> = of_path.map(|(_, method)| method).collect();
        if methods.contains("GET") {
            methods.insert("HEAD".into());
        }
        let allow = answer.header("allow").ok_or("a 405 has the header `Allow`")?;
        let allowed: BTreeSet<String> = allow.split(',').map(|one| one.trim().into()).collect();
        match allowed == methods {
            true => Ok(()),
            false => Err(format!("it has {methods:?} there, `Allow` has {allowed:?}")),
        }
    }

    /// Whether an answer is the response at this place of the document.
    fn fits(&self, pointer: &str, method: &str, answer: &Answer) -> Result<(), String> {
        let response = self.root.pointer(pointer).ok_or("it has no such response")?;
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            self.header_fits(name, header, answer)?;
        }
        if method == "HEAD" {
            return Ok(());
        }
        let media = answer.header("content-type").unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default();
        if response["content"][media].is_null() {
            return Err(format!("its content is not said to be {media:?}"));
        }
        let media = media.replace('/', "~1");
        self.valid(&format!("#{pointer}/content/{media}/schema"), &answer.body)
    }

    fn header_fits(&self, name: &str, header: &Value, answer: &Answer) -> Result<(), String> {
        let target = header["$ref"].as_str().ok_or("headers stand among the components")?;
        let header = self.root.pointer(&target[1..]).ok_or("it has no such header")?;
        match answer.header(name) {
            None if header["required"] == true => Err(format!("the header `{name}` is missing")),
            None => Ok(()),
            Some(value) => {
                let number = header["schema"]["type"] == "integer";
                let value = match value.parse::<u64>() {
                    Ok(value) if number => json!(value),
                    _ => json!(value),
                };
                let valid = self.valid(&format!("{target}/schema"), &value);
                valid.map_err(|why| format!("the header `{name}`: {why}"))
            }
        }
    }

    /// Whether a value is as the schema at this place wants it.
    fn valid(&self, place: &str, value: &Value) -> Result<(), String> {
        let validator = {
            let mut known = self.validators.lock().expect("nobody panics in here");
            let new = || Arc::new(self.validator(&place.replace('{', "%7B").replace('}', "%7D")));
            Arc::clone(known.entry(place.to_owned()).or_insert_with(new))
        };
        let errors = validator.iter_errors(value);
        let errors: Vec<_> =
            errors.map(|error| format!("{error} (at `{}`)", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    fn validator(&self, place: &str) -> Validator {
        let mut schema = self.root.clone();
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        schema["$ref"] = json!(place);
        let options = jsonschema::options().should_validate_formats(true);
        options.build(&schema).unwrap_or_else(|error| panic!("{place}: {error}"))
    }
}

/// The name of a schema that others widen, and that has to stay open for it.
fn open_name(name: &str) -> String {
    format!("{name}.open")
}

/// Lets no object have a member that is not described, in this schema and all in it.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(list) => list.iter_mut().for_each(close),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match (name.as_str(), member) {
                    ("example" | "examples", _) => {}
                    ("allOf", Value::Array(widened)) => widened.iter_mut().for_each(leave_open),
                    (_, member) => close(member),
                }
            }
            if members.get("properties").is_some_and(Value::is_object) {
                members.insert("unevaluatedProperties".into(), false.into());
            }
        }
        _ => {}
    }
}

fn leave_open(widened: &mut Value) {
    if let Some(target) = widened["$ref"].as_str() {
        widened["$ref"] = open_name(target).into();
    }
}
