//! Secrets that systemd hands to one unit: `LoadCredential=web:/etc/holdfast/web`, so that the files
//! themselves stay root's. What is handed over is found by the path that the configuration has.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// A secret, and who could read it.
#[derive(Debug)]
pub struct Secret {
    /// What is in the file.
    pub bytes: Vec<u8>,
    /// The file itself, unless systemd has handed its content over: that is for this unit alone.
    pub own_file: Option<PathBuf>,
}

impl Secret {
    /// As text.
    ///
    /// # Errors
    /// If it is none.
    pub fn text(self) -> io::Result<String> {
        String::from_utf8(self.bytes).map_err(|_| io::Error::other("it is no text"))
    }
}

/// Reads the secret in `file`, as systemd has handed it over to this unit, or else itself.
///
/// # Errors
/// What the system said.
pub fn read_secret(file: &Path) -> io::Result<Secret> {
    let folder = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    match folder.and_then(|folder| handed_over(&folder, file)) {
        Some(handed) => Ok(Secret { bytes: fs::read(handed)?, own_file: None }),
        None => Ok(Secret { bytes: fs::read(file)?, own_file: Some(file.to_owned()) }),
    }
}

/// Where a file is among what was handed over, if it is there: systemd.exec(5) names each file of a
/// folder by the id of the folder, for which we take its own name, and the file's.
fn handed_over(folder: &Path, file: &Path) -> Option<PathBuf> {
    let parent = file.parent()?.file_name()?.to_str()?;
    let handed = folder.join(format!("{parent}_{}", file.file_name()?.to_str()?));
    handed.is_file().then_some(handed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_has_handed_over_is_found_by_the_path_in_the_configuration() {
        let folder = env::temp_dir().join(format!("holdfast-credential-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("web_tokens.secret"), "a secret").unwrap();
        let found = |file: &str| handed_over(&folder, Path::new(file));
        let handed = found("/etc/holdfast/web/tokens.secret");
        let others = ["/etc/holdfast/web/other", "/etc/holdfast/tokens.secret", "tokens.secret"];
        let others: Vec<_> = others.iter().map(|file| found(file)).collect();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(handed, Some(folder.join("web_tokens.secret")));
        assert_eq!(others, [None, None, None]);
    }
}
