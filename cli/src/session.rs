//! One call of the program against one installation: the way there, the customer, the voice.

use std::cell::OnceCell;

use holdfast_job::{JobId, Scope};
use serde_json::Value;

use crate::{
    client::{Client, escaped},
    failure::Failure,
    settings::{Globals, Settings},
    shown::{self, Backup, Job},
    voice::Voice,
};

/// A call against one installation.
#[derive(Debug)]
pub struct Session {
    /// The way there.
    pub client: Client,
    /// How to speak.
    pub voice: Voice,
    settings: Settings,
    customer: OnceCell<String>,
}

impl Session {
    /// One for what is meant.
    ///
    /// # Errors
    /// If no installation is known, or no token for it.
    pub fn open(globals: &Globals) -> Result<Self, Failure> {
        let settings = globals.settings()?;
        let token = settings.token.as_ref().ok_or_else(|| {
            Failure::Misuse(
                "no token is known for this installation: holdfast token set puts one into a profile; \
                 or --token-file, or HOLDFAST_TOKEN"
                    .into(),
            )
        })?;
        let client = Client::new(&settings, Some(token.read()?));
        Ok(Self { client, voice: settings.voice, settings, customer: OnceCell::new() })
    }

    /// How to call this program for the same installation and customer.
    pub fn holdfast(&self) -> String {
        holdfast(&self.settings.words)
    }

    /// An address below the customer's.
    ///
    /// # Errors
    /// If it is not clear which customer is meant.
    pub fn site(&self, rest: &str) -> Result<String, Failure> {
        Ok(format!("/api/v1/customers/{}{rest}", escaped(self.customer()?)))
    }

    /// The customer that is meant.
    ///
    /// # Errors
    /// If that is not clear.
    pub fn customer(&self) -> Result<&str, Failure> {
        if let Some(known) = self.customer.get() {
            return Ok(known);
        }
        let found = match &self.settings.customer {
            Some(named) => named.clone(),
            None => self.only_customer()?,
        };
        Ok(self.customer.get_or_init(|| found))
    }

    /// Whether somebody has said which customer is meant.
    pub fn names_customer(&self) -> bool {
        self.settings.customer.is_some()
    }

    fn only_customer(&self) -> Result<String, Failure> {
        let unclear = |why: &str| {
            Failure::Misuse(format!("{why}: name a customer with --customer, or HOLDFAST_CUSTOMER"))
        };
        let token = match self.client.get("/api/v1/token") {
            Err(Failure::Refused(problem)) if problem.status == 404 => {
                return Err(unclear("it is not known whose backups are meant"));
            }
            token => token?,
        };
        let customers = token["customers"].as_array().map_or(&[][..], Vec::as_slice);
        match customers {
            [Value::String(only)] => Ok(only.clone()),
            [] => Err(unclear("the token is for no customer in particular")),
            _ => Err(unclear("the token is for several customers")),
        }
    }

    /// A job, as the server shows it.
    ///
    /// # Errors
    /// If there is none, or the server does not answer.
    pub fn job(&self, job: JobId) -> Result<Value, Failure> {
        self.client.get(&self.site(&format!("/jobs/{job}"))?)
    }

    /// The same, asked for once: for whoever asks again and again.
    ///
    /// # Errors
    /// If there is none, or the server does not answer.
    pub fn look(&self, job: JobId) -> Result<Value, Failure> {
        Ok(self.client.get_once(&self.site(&format!("/jobs/{job}"))?)?.body)
    }

    /// A backup, by its UUID or snapshot id.
    ///
    /// # Errors
    /// If there is none, or the server does not answer.
    pub fn backup(&self, name: &str) -> Result<(Value, Backup), Failure> {
        let found = self.client.get(&self.site(&format!("/backups/{}", escaped(name)))?);
        let value = found.map_err(|failure| failure.about(name))?;
        let backup = shown::read(&value)?;
        Ok((value, backup))
    }

    /// The newest backup that has all of this scope, or of what it was made of.
    ///
    /// # Errors
    /// If there is none, or the server does not answer.
    pub fn latest_backup(&self, scope: Option<&Scope>) -> Result<(Value, Backup), Failure> {
        for value in self.items("backups", "state=active&limit=100")? {
            let backup: Backup = shown::read(&value)?;
            if backup.holds(scope) {
                return Ok((value, backup));
            }
        }
        let customer = self.customer()?;
        Err(Failure::Nothing(match scope {
            Some(scope) => format!("{customer} has no backup that holds {scope}"),
            None => format!("{customer} has no backup"),
        }))
    }

    /// How the customer's jobs stand: the one under way.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn active(&self) -> Result<Option<Job>, Failure> {
        let status = self.client.get(&self.site("/status")?)?;
        match &status["active"] {
            Value::Null => Ok(None),
            active => Ok(Some(shown::read(active)?)),
        }
    }

    /// The first items of a list, newest first; `query` narrows it down.
    ///
    /// # Errors
    /// If the server does not answer.
    pub fn items(&self, list: &str, query: &str) -> Result<Vec<Value>, Failure> {
        let page = self.client.get(&self.site(&format!("/{list}?{query}"))?)?;
        Ok(page["items"].as_array().cloned().unwrap_or_default())
    }
}

/// How to call this program with these global words.
pub fn holdfast(words: &[String]) -> String {
    let mut call = "holdfast".to_owned();
    for word in words {
        call.push(' ');
        call.push_str(word);
    }
    call
}
