//! Texts with `{id}` in them, and what a path in the configuration must look like.

use std::path::{Component, Path, PathBuf};

use holdfast_job::CustomerId;

use super::ConfigError;

/// Puts the customer's number for `{id}`.
pub(super) fn fill(template: &str, customer: CustomerId) -> String {
    template.replace("{id}", &customer.to_string())
}

/// An absolute, plain path: no `.` or `..`, no doubled slash, nothing that restic would take for a
/// pattern.
pub(super) fn absolute(file: &Path, key: &str, given: &str) -> Result<PathBuf, ConfigError> {
    let path = Path::new(given);
    let refuse = |problem: &str| Err(ConfigError::value(file, key, format!("{given:?} {problem}")));
    if !path.is_absolute() {
        return refuse("is a relative path: write the whole path, beginning with /");
    }
    let plain: PathBuf = path.components().collect();
    let normal = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    if plain.as_os_str() != given || !path.components().all(normal) {
        return refuse("is no plain path: leave out `.`, `..`, doubled and trailing slashes");
    }
    if given.contains(['*', '?', '[', ']', '\\', '\n', '{', '}']) {
        return refuse("has one of * ? [ ] \\ { } or a line end in it: choose another name");
    }
    Ok(plain)
}
