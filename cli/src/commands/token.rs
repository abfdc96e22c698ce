//! `token`: what the token may do; putting one into a profile; making one, for operators.

use std::{
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    ending::Ending,
    failure::Failure,
    profiles::Profiles,
    session::Session,
    settings::Globals,
    token::{Token, parent_is_there},
    units,
    when::{self, Span},
};

/// What is done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Show what the token may do, and until when it counts; never the token itself
    Show,
    /// Read a token from stdin and keep it for the profile, for your own user alone
    Set,
    /// Make a token for somebody, where the server makes tokens (operators)
    New(New),
}

/// A token for somebody.
#[derive(Debug, Args)]
pub struct New {
    /// The user; stands in the record of what is ordered
    #[arg(long, value_name = "USER")]
    subject: String,
    /// A customer that the user may see; may be given again
    #[arg(long = "for", value_name = "CUSTOMER", required_unless_present = "operator")]
    customers: Vec<String>,
    /// The user may see all, and do what operators do
    #[arg(long, conflicts_with = "customers")]
    operator: bool,
    /// The user may look and not order
    #[arg(long)]
    read_only: bool,
    /// For how long it counts, from 1m to 365d
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = lasting)]
    lasts: Span,
    /// Write it into this file, for your own user alone, and not to stdout
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Put it in the place of a file that is there
    #[arg(long, requires = "into")]
    replace: bool,
}

/// For how long a token may count.
fn lasting(given: &str) -> Result<Span, String> {
    let span: Span = given.parse()?;
    match (60..=365 * 24 * 3600).contains(&span.0.as_secs()) {
        true => Ok(span),
        false => Err("give from 1m to 365d".into()),
    }
}

impl TokenCommand {
    /// Does it.
    ///
    /// # Errors
    /// If there is no profile or no token, or the server refuses or does not answer.
    pub fn run(self, globals: &Globals) -> Result<Ending, Failure> {
        match self {
            Self::Show => show(&Session::open(globals)?)?,
            Self::Set => set(globals)?,
            Self::New(new) => new.make(&Session::open(globals)?)?,
        }
        Ok(Ending::Done)
    }
}

fn show(session: &Session) -> Result<(), Failure> {
    let told = session.client.get("/api/v1/token")?;
    if session.voice.is_json() {
        return session.voice.json(&told);
    }
    let word = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    let words = |name: &str| {
        let all = told[name].as_array().map_or(&[][..], Vec::as_slice);
        all.iter().filter_map(|word| word.as_str()).collect::<Vec<_>>().join(", ")
    };
    let customers = match word("role").as_str() {
        "operator" => "all".to_owned(),
        _ => words("customers"),
    };
    let until = word("expires_at");
    let left = when::between(&when::now(), &until).map(units::duration);
    let left = left.map_or("it has expired".to_owned(), |left| format!("for {left}"));
    session.voice.line(&format!(
        "user       {}\nrole       {}\ncustomers  {customers}\nmay        {}\ncounts     until {} UTC, {left}",
        word("subject"),
        word("role"),
        words("scopes"),
        when::shown(&until)
    ))
}

fn set(globals: &Globals) -> Result<(), Failure> {
    let profiles = Profiles::load()?;
    let settings = globals.settings();
    let file = match (&globals.token_file, settings) {
        (Some(file), _) => file.clone(),
        (None, settings) => {
            let name = settings?.profile.ok_or_else(|| {
                Failure::Misuse(
                    "there is no profile for the token: holdfast profile add, or --token-file"
                        .into(),
                )
            })?;
            profiles.token_file(&name, profiles.get(&name)?)
        }
    };
    let unread = |error: io::Error| Failure::Misuse(format!("stdin cannot be read: {error}"));
    let text = if io::stdin().is_terminal() {
        eprint!("The token (it is not shown): ");
        console::Term::stderr().read_secure_line().map_err(unread)?
    } else {
        let mut text = String::new();
        io::stdin().lock().take(64 * 1024).read_to_string(&mut text).map_err(unread)?;
        text
    };
    Token::parse(&text, "stdin")?.write(&file)?;
    globals.voice().note(&format!("The token is kept in {}.", file.display()));
    Ok(())
}

impl New {
    /// Whether there is a place for it, before there is a token.
    fn place(&self) -> Result<(), Failure> {
        let Some(file) = &self.into else { return Ok(()) };
        parent_is_there(file)?;
        match file.symlink_metadata().is_ok() && !self.replace {
            true => {
                let there = format!("{} is there already: add --replace", file.display());
                Err(Failure::Misuse(there))
            }
            false => Ok(()),
        }
    }

    fn make(self, session: &Session) -> Result<(), Failure> {
        self.place()?;
        let scopes: &[&str] =
            if self.read_only { &["backup:read"] } else { &["backup:read", "backup:write"] };
        let body = json!({
            "subject": self.subject,
            "customers": self.customers,
            "role": if self.operator { "operator" } else { "customer" },
            "scopes": scopes,
            "seconds": self.lasts.0.as_secs(),
        });
        let made = session.client.post("/api/v1/tokens", &body)?.body;
        let token = Token::parse(made["token"].as_str().unwrap_or_default(), "the answer")?;
        let until = made["expires_at"].as_str().unwrap_or_default().to_owned();
        match &self.into {
            Some(file) => {
                token.write(file)?;
                if session.voice.is_json() {
                    session.voice.json(&json!({ "token_file": file, "expires_at": until }))?;
                }
                session.voice.note(&format!("The token is in {}.", file.display()));
            }
            None if session.voice.is_json() => session.voice.json(&made)?,
            None => session.voice.line(token.reveal())?,
        }
        session.voice.note(&format!("It counts until {} UTC.", when::shown(&until)));
        Ok(())
    }
}
