//! The token: read from where it is kept, never shown. A file that others can read is not read.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use crate::failure::Failure;

/// No token is this long; a file of something else may be.
const MAX_BYTES: u64 = 16 * 1024;

/// A token. Its text goes into the header of requests and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token in what was given, such as the content of a file; `place` says where, for errors.
    ///
    /// # Errors
    /// If there is none, or what is there can be none.
    pub fn parse(given: &str, place: &str) -> Result<Self, Failure> {
        let token = given.trim();
        if token.is_empty() {
            return Err(Failure::Misuse(format!("{place} holds no token")));
        }
        let in_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(in_part);
        let three = token.split('.').count() == 3 && token.split('.').all(is_part);
        if token.len() as u64 > MAX_BYTES || !three {
            let wrong = "a token is a JWT, one word of three parts with dots between them";
            return Err(Failure::Misuse(format!("what {place} holds is no token: {wrong}")));
        }
        Ok(Self(token.to_owned()))
    }

    /// The token in a file that its owner alone can read.
    ///
    /// # Errors
    /// If it cannot be read, others can read it, or it holds no token.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let missing = |error: io::Error| {
            let hint = match error.kind() {
                io::ErrorKind::NotFound => "; `holdfast token set` puts a token there",
                _ => "",
            };
            Failure::Misuse(format!("the token file {shown} cannot be read: {error}{hint}"))
        };
        let file = File::open(path).map_err(missing)?;
        let found = file.metadata().map_err(missing)?;
        if let Some(wrong) = too_open(&found, path) {
            return Err(Failure::Misuse(wrong));
        }
        let mut text = String::new();
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(missing)?;
        Self::parse(&text, &format!("the token file {shown}"))
    }

    /// Puts it into a file that its owner alone can read, in place of what is there.
    ///
    /// # Errors
    /// If its folder is not there, or it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        parent_is_there(path)?;
        replace(path, &format!("{}\n", self.0))
    }

    /// What stands in the header `Authorization`.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// The token itself, where it was asked for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What is wrong with the modes of a file that holds a token; nothing of a pipe.
pub fn too_open(found: &fs::Metadata, path: &Path) -> Option<String> {
    let open = found.is_file() && found.mode() & 0o077 != 0;
    open.then(|| {
        format!(
            "the token file {0} can be read by others (mode {1:04o}): whoever has the token can restore \
             and delete. Run: chmod 600 {0}",
            path.display(),
            found.mode() & 0o7777
        )
    })
}

/// Refuses a place in a folder that is not there: a name that is mistyped makes no folders.
///
/// # Errors
/// If it is not there.
pub fn parent_is_there(path: &Path) -> Result<(), Failure> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        None => Ok(()),
        Some(folder) => Err(Failure::Misuse(format!(
            "{} cannot be written: there is no folder {}; make it first, or name another",
            path.display(),
            folder.display()
        ))),
    }
}

/// Writes a file of ours anew, whole or not at all, for its owner alone.
///
/// # Errors
/// If it cannot be written.
pub fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}", uuid::Uuid::now_v7()));
        let beside = path.with_file_name(name);
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
        let done = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        done.and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
            let _ = fs::remove_file(&beside);
        })
    };
    write().map_err(|error: io::Error| {
        Failure::Misuse(format!("{} cannot be written: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word_and_never_shown() {
        let token = Token::parse(" eyJ.a-b_c.d\n", "a test").unwrap();
        assert_eq!(token.bearer(), "Bearer eyJ.a-b_c.d");
        assert_eq!(format!("{token:?}"), "Token(…)");
        for bad in [
            "",
            " \n",
            "two words",
            "hunter2",
            "a.b",
            "a.b.c.d",
            "a..c",
            "a.b.c=",
            "a\r\nX-Evil: yes",
            "\u{1b}[2J",
        ] {
            let error = Token::parse(bad, "a test").unwrap_err().to_string();
            assert!(error.contains("a test") && !error.contains("Evil"), "{error}");
        }
    }
}
