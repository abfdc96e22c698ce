//! `profile`: the installations that this program knows.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::{
    ending::Ending,
    failure::Failure,
    profiles::{self, Profile, Profiles},
    settings::{Globals, address},
    table::Table,
};

/// What is done with profiles.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// List them; the one in use has a star
    List,
    /// Add one, with the --url, --customer and --token-file that are given; the first one is used from
    /// then on
    Add {
        /// What to call it
        #[arg(value_parser = profiles::name)]
        name: String,
        /// Put it in the place of one of the same name
        #[arg(long)]
        replace: bool,
    },
    /// Use one from now on
    Use {
        /// Which
        name: String,
    },
    /// Forget one, and remove its token if it is kept beside the configuration
    Remove {
        /// Which
        name: String,
    },
}

impl ProfileCommand {
    /// Does it.
    ///
    /// # Errors
    /// If there is no such profile, or the file cannot be written.
    pub fn run(self, globals: &Globals) -> Result<Ending, Failure> {
        let mut profiles = Profiles::load()?;
        match self {
            Self::List => list(&profiles, globals)?,
            Self::Add { name, replace } => {
                let profile = Profile {
                    url: globals.url.clone().ok_or_else(|| {
                        Failure::Misuse("a profile needs the address: --url https://…".into())
                    })?,
                    customer: globals.customer.clone(),
                    token_file: absolute(globals)?,
                };
                address(&profile.url, globals.insecure_http)?;
                if profiles.profiles.contains_key(&name) && !replace {
                    let there = format!("there is a profile `{name}` already: add --replace");
                    return Err(Failure::Misuse(there));
                }
                profiles.profiles.insert(name.clone(), profile);
                let first = profiles.current.is_none();
                if first {
                    profiles.current = Some(name.clone());
                }
                profiles.save()?;
                // A token that is there already need not be set.
                let kept = profiles.token_file(&name, profiles.get(&name)?);
                let next = if kept.exists() { "doctor" } else { "token set" };
                let (used, call) = match first {
                    true => (" and is used from now on", format!("holdfast {next}")),
                    false => ("", format!("holdfast --profile {name} {next}")),
                };
                globals.voice().note(&format!(
                    "{name} is in {}{used}. Next: {call}",
                    profiles.file().display()
                ));
            }
            Self::Use { name } => {
                profiles.get(&name)?;
                profiles.current = Some(name.clone());
                profiles.save()?;
                globals.voice().note(&format!("{name} is used from now on."));
            }
            Self::Remove { name } => {
                let was_used = profiles.current.as_ref() == Some(&name);
                let token = remove(&mut profiles, &name)?;
                let token = if token { ", and so is its token" } else { "" };
                let next = match was_used {
                    true => format!(" None is used now. Next: {}", profiles.advice()),
                    false => String::new(),
                };
                globals.voice().note(&format!("{name} is removed{token}.{next}"));
            }
        }
        Ok(Ending::Done)
    }
}

/// Where the token is kept, whatever folder the program is called in.
fn absolute(globals: &Globals) -> Result<Option<PathBuf>, Failure> {
    let absolute = globals.token_file.as_ref().map(std::path::absolute).transpose();
    absolute.map_err(|error| Failure::Misuse(format!("the token file: {error}")))
}

/// Whether its token was there to be removed.
fn remove(profiles: &mut Profiles, name: &str) -> Result<bool, Failure> {
    let profile = profiles.get(name)?.clone();
    // A file that somebody has named may be another's as well.
    let own = profile.token_file.is_none();
    let token = own && std::fs::remove_file(profiles.token_file(name, &profile)).is_ok();
    profiles.profiles.remove(name);
    if profiles.current.as_deref() == Some(name) {
        profiles.current = None;
    }
    profiles.save()?;
    Ok(token)
}

fn list(profiles: &Profiles, globals: &Globals) -> Result<(), Failure> {
    let voice = globals.voice();
    if profiles.profiles.is_empty() {
        voice.note("There is none yet: holdfast profile add <name> --url https://…");
        return Ok(());
    }
    let mut table = Table::new(["PROFILE", "URL", "CUSTOMER", "TOKEN"]);
    for (name, profile) in &profiles.profiles {
        let current = profiles.current.as_ref() == Some(name);
        let token = profiles.token_file(name, profile).display().to_string();
        if voice.is_json() {
            voice.json(&json!({ "name": name, "current": current, "url": profile.url,
                "customer": profile.customer, "token_file": token }))?;
        }
        let name = if current { format!("{name} *") } else { name.clone() };
        table.row([name, profile.url.clone(), profile.customer.clone().unwrap_or_default(), token]);
    }
    if voice.is_json() { Ok(()) } else { voice.line(&table.text()) }
}
