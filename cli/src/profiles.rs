//! The profiles: which installations there are, under which names. One file,
//! `$XDG_CONFIG_HOME/holdfast/config.toml` or `~/.config/holdfast/config.toml`.

use std::{
    collections::BTreeMap,
    env, fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use holdfast_job::RepositoryName;
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, token};

/// What the file says.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profiles {
    /// The profile that is meant if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// All of them.
    #[serde(default)]
    pub profiles: BTreeMap<String, Profile>,
    #[serde(skip)]
    file: PathBuf,
}

/// One installation, and who one is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The address of the API.
    pub url: String,
    /// The customer that is meant if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Where the token is; from the folder of the configuration, if it is not absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

impl Profiles {
    /// Reads the file; without one there are none.
    ///
    /// # Errors
    /// If there is no place for it, or it is no such file.
    pub fn load() -> Result<Self, Failure> {
        let file = folder()?.join("config.toml");
        let wrong = |error: String| Failure::Misuse(format!("{}: {error}", file.display()));
        let mut profiles: Self = match fs::read_to_string(&file) {
            Ok(text) => toml::from_str(&text).map_err(|error| wrong(error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(wrong(error.to_string())),
        };
        profiles.file = file;
        Ok(profiles)
    }

    /// Writes the file anew.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self) -> Result<(), Failure> {
        let text = toml::to_string(self).map_err(|error| Failure::Misuse(error.to_string()))?;
        self.make_folder().map_err(|error| {
            Failure::Misuse(format!("{} cannot be written: {error}", self.file.display()))
        })?;
        token::replace(&self.file, &text)
    }

    /// The folder for it, for its owner alone.
    fn make_folder(&self) -> io::Result<()> {
        let Some(folder) = self.file.parent().filter(|folder| !folder.exists()) else {
            return Ok(());
        };
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
    }

    /// The profile of this name.
    ///
    /// # Errors
    /// If there is none; the others are named.
    pub fn get(&self, name: &str) -> Result<&Profile, Failure> {
        self.profiles.get(name).ok_or_else(|| {
            let names: Vec<_> = self.profiles.keys().map(String::as_str).collect();
            let there = match names.as_slice() {
                [] => "there is none yet: holdfast profile add".to_owned(),
                names => format!("there are: {}", names.join(", ")),
            };
            Failure::Misuse(format!("there is no profile `{name}`; {there}"))
        })
    }

    /// How one comes into use, where none is.
    pub fn advice(&self) -> String {
        let names: Vec<_> = self.profiles.keys().map(String::as_str).collect();
        match names.as_slice() {
            [] => "holdfast profile add <name> --url https://…".to_owned(),
            names => format!("holdfast profile use <name>; there are: {}", names.join(", ")),
        }
    }

    /// Where the token of a profile is.
    pub fn token_file(&self, name: &str, profile: &Profile) -> PathBuf {
        let usual = || PathBuf::from(format!("{name}.token"));
        let file = profile.token_file.clone().unwrap_or_else(usual);
        self.file.parent().unwrap_or(Path::new("")).join(file)
    }

    /// The file itself.
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// A profile's name: it stands in names of files and on command lines.
///
/// # Errors
/// If it has another form.
pub fn name(given: &str) -> Result<String, String> {
    // The same form as that of a repository's name.
    given.parse::<RepositoryName>().map(|name| name.to_string()).map_err(|_| {
        "use 1 to 32 lower-case letters, digits and dashes, beginning with a letter or digit".into()
    })
}

fn folder() -> Result<PathBuf, Failure> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // A relative one counts for nothing, as the specification of the variable has it.
    let config = set("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute());
    config
        .or_else(|| set("HOME").map(|home| home.join(".config")))
        .map(|folder| folder.join("holdfast"))
        .ok_or_else(|| Failure::Misuse("neither XDG_CONFIG_HOME nor HOME is set".into()))
}
