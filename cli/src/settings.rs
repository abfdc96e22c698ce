//! Which installation is meant, as whom, for which customer: what the command line says, else the
//! environment, else the profile.

use std::{env, path::PathBuf};

use clap::Args;
use ureq::http::Uri;

use crate::{
    failure::Failure,
    profiles::Profiles,
    token::Token,
    voice::{Beside, Form, Voice},
};

/// What may be said with every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "With every command")]
pub struct Globals {
    /// Answer in JSON: one object, or a line for each of many; errors too, on stderr.
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing beside the answer; of an order, with --wait too, only the id of its job.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Use this profile [else: HOLDFAST_PROFILE, or what `profile use` chose].
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// The address of the API [else: HOLDFAST_URL, or the profile's].
    #[arg(long, global = true)]
    pub url: Option<String>,
    /// Whose backups [else: HOLDFAST_CUSTOMER, the profile's, or the only one of the token].
    #[arg(long, global = true, value_name = "NAME")]
    pub customer: Option<String>,
    /// A file that holds the token [else: HOLDFAST_TOKEN is the token, or the profile's file].
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Use http also with another machine: whoever is on the way can then read the token.
    #[arg(long, global = true)]
    pub insecure_http: bool,
}

/// Where the token comes from.
#[derive(Debug)]
pub enum TokenSource {
    /// A file.
    File(PathBuf),
    /// The environment.
    Environment(String),
}

/// What is meant.
#[derive(Debug)]
pub struct Settings {
    /// The profile, if one is in use.
    pub profile: Option<String>,
    /// The address, without a slash at its end.
    pub url: String,
    /// The customer, if one was named.
    pub customer: Option<String>,
    /// The token, if there is one.
    pub token: Option<TokenSource>,
    /// How to speak.
    pub voice: Voice,
    /// The global words of this call, for the commands that it proposes.
    pub words: Vec<String>,
}

impl Globals {
    /// How to speak.
    pub fn voice(&self) -> Voice {
        let form = if self.json { Form::Json } else { Form::Text };
        Voice::new(form, if self.quiet { Beside::Nothing } else { Beside::Usual })
    }

    /// The words by which another call means the same installation and customer.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let token_file = self.token_file.as_ref().map(|file| file.display().to_string());
        for (name, value) in [
            ("--profile", &self.profile),
            ("--url", &self.url),
            ("--customer", &self.customer),
            ("--token-file", &token_file),
        ] {
            if let Some(value) = value {
                words.extend([name.to_owned(), quoted(value)]);
            }
        }
        if self.insecure_http {
            words.push("--insecure-http".into());
        }
        words
    }

    /// What is meant.
    ///
    /// # Errors
    /// If no installation is known, or its address is none to which a token may be sent.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let profiles = Profiles::load()?;
        let named = self.profile.clone().or_else(|| set("HOLDFAST_PROFILE"));
        let name = named.or_else(|| profiles.current.clone());
        let profile = name.as_deref().map(|name| profiles.get(name)).transpose()?;
        let given = self.url.clone().or_else(|| set("HOLDFAST_URL"));
        let own = profile.map(|profile| address(&profile.url, self.insecure_http)).transpose();
        let (url, is_own) = match given {
            Some(given) => {
                let given = address(&given, self.insecure_http)?;
                let is_own = own.is_ok_and(|own| own.as_ref() == Some(&given));
                (given, is_own)
            }
            None => {
                let known = if profiles.profiles.is_empty() { "known" } else { "chosen" };
                let missing = || {
                    let advice = profiles.advice();
                    Failure::Misuse(format!(
                        "no installation is {known}: {advice}; or --url, or HOLDFAST_URL"
                    ))
                };
                (own?.ok_or_else(missing)?, true)
            }
        };
        // A profile's token and customer are for the profile's installation and for no other.
        let profile = profile.zip(name.as_deref()).filter(|_| is_own);
        let kept = || profile.map(|(profile, name)| profiles.token_file(name, profile));
        let token = match (&self.token_file, set("HOLDFAST_TOKEN")) {
            (Some(file), _) => Some(TokenSource::File(file.clone())),
            (None, Some(token)) => Some(TokenSource::Environment(token)),
            (None, None) => kept().map(TokenSource::File),
        };
        let customer = self.customer.clone().or_else(|| set("HOLDFAST_CUSTOMER"));
        Ok(Settings {
            customer: customer
                .or_else(|| profile.and_then(|(profile, _)| profile.customer.clone())),
            profile: profile.map(|(_, name)| name.to_owned()),
            url,
            token,
            voice: self.voice(),
            words: self.words(),
        })
    }
}

impl TokenSource {
    /// The token.
    ///
    /// # Errors
    /// If it cannot be read, others can read it, or it is none.
    pub fn read(&self) -> Result<Token, Failure> {
        match self {
            Self::File(file) => Token::read(file),
            Self::Environment(text) => Token::parse(text, "HOLDFAST_TOKEN"),
        }
    }
}

/// An address to which a token may be sent: https, or this machine itself.
///
/// # Errors
/// If it is another, or none.
pub fn address(given: &str, insecure_http: bool) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::Misuse(format!("the address {given:?} {why}"));
    let trimmed = given.trim_end_matches('/');
    let uri: Uri = trimmed.parse().map_err(|_| wrong("is none: give https://host"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong("is not whole: give https://host"));
    };
    if authority.as_str().contains('@') || uri.query().is_some() {
        return Err(wrong("must have neither a user nor a query"));
    }
    if uri.path().contains("/api/v1") || uri.path().ends_with("/api/docs") {
        return Err(wrong("goes too far: give it without /api and what follows"));
    }
    let host = authority.host().trim_matches(['[', ']']);
    let here = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match scheme {
        "https" => Ok(trimmed.to_owned()),
        "http" if here || insecure_http => Ok(trimmed.to_owned()),
        "http" => Err(wrong(
            "is plain http to another machine: whoever is on the way could read the token, and with it \
             restore and delete. Use https, or, in a network that you trust, --insecure-http",
        )),
        _ => Err(wrong("must begin with https://")),
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-_./:@,".contains(c);
    match !word.is_empty() && word.chars().all(bare) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_over_https_or_within_this_machine() {
        let ok = |given: &str, insecure| address(given, insecure).is_ok();
        for good in ["https://b.example.org", "https://b.example.org:8443/holdfast/"] {
            assert!(ok(good, false), "{good}");
        }
        for good in
            ["http://127.0.0.1:8470", "http://[::1]:8470", "http://localhost", "http://127.9.9.9"]
        {
            assert!(ok(good, false), "{good}");
        }
        for bad in [
            "http://b.example.org",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://10.0.0.1",
        ] {
            assert!(!ok(bad, false) && ok(bad, true), "{bad}");
        }
        for bad in ["", "b.example.org", "ftp://b", "https://", "https://u:p@b", "https://b/?q=1"]
            .into_iter()
            .chain(["https://b/api/v1/", "https://b/x/api/v1/nodes", "https://b/api/docs"])
        {
            assert!(!ok(bad, true), "{bad}");
        }
        assert_eq!(address("https://b/x/", false).unwrap(), "https://b/x");
    }

    #[test]
    fn a_proposed_word_is_one_word_to_a_shell() {
        assert_eq!(quoted("shop-42"), "shop-42");
        assert_eq!(quoted("it's; rm"), "'it'\\''s; rm'");
        assert_eq!(quoted(""), "''");
    }
}
