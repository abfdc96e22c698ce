//! The command line: one verb, few arguments, nothing that sudoers could not spell out.

use std::path::PathBuf;

use holdfast_job::{CustomerId, RepositoryName, Verb};

use crate::{config::DEFAULT_FOLDER, journal::Settlement};

/// What the command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Where the configuration is.
    pub config: PathBuf,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Carry out the order on stdin.
    CarryOut(Verb),
    /// Finish or take back what journals left open.
    Recover,
    /// Look whether the node is as it must be.
    Doctor {
        /// As JSON lines.
        json: bool,
        /// Of this customer's site alone.
        site: Option<CustomerId>,
    },
    /// Settle a stuck customer.
    Settle(CustomerId, Settlement),
    /// Say a repository's password.
    RepositoryPassword(CustomerId, RepositoryName),
    /// Become a confined program: the executor's own.
    Confine(String),
    /// Say how this is used.
    Help,
    /// Say which version this is.
    Version,
}

/// How this is used.
pub const USAGE: &str = "\
holdfast-executor [--config <folder>] <verb>

Carries out one order for one customer's site. Runs as root.

  backup | restore | undo | delete
      read one request, or the ticket of one, a line of JSON, from stdin; stdin stays open for as
      long as the order is wanted. JSON lines on stdout, the last one the result.
  recover
      finish or take back what was interrupted; take out the trash
  doctor [--site <customer>] [--json]
      look whether this node, and each site on it or this one, is as it must be
  settle <customer> --as old|new
      say how a stuck site stands, after bringing it there
  repository-password <customer> <repository>
      print the password, for plain restic

Exit codes: 0 completed, 1 failed, 2 refused, 3 incomplete, 4 failed for now, 5 busy, 6 stuck,
7 stopped. At a shell, `customer-backup.sh` and its sisters write the request for you.";

/// Reads the command line.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse(args: &[String]) -> Result<CommandLine, String> {
    let (config, rest) = match args {
        [flag, folder, rest @ ..] if flag == "--config" => (PathBuf::from(folder), rest),
        rest => (PathBuf::from(DEFAULT_FOLDER), rest),
    };
    if !config.is_absolute() {
        return Err("--config needs an absolute path".into());
    }
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    let action = match words.as_slice() {
        ["backup"] => Action::CarryOut(Verb::Backup),
        ["restore"] => Action::CarryOut(Verb::Restore),
        ["undo"] => Action::CarryOut(Verb::Undo),
        ["delete"] => Action::CarryOut(Verb::Delete),
        ["recover"] => Action::Recover,
        ["doctor"] => Action::Doctor { json: false, site: None },
        ["doctor", "--json"] => Action::Doctor { json: true, site: None },
        ["doctor", "--site", customer, rest @ ..] if matches!(rest, [] | ["--json"]) => {
            let site = Some(customer.parse().map_err(text)?);
            Action::Doctor { json: !rest.is_empty(), site }
        }
        ["settle", customer, "--as", side] => {
            let settlement = match *side {
                "old" => Settlement::Old,
                "new" => Settlement::New,
                other => return Err(format!("{other:?} is neither `old` nor `new`")),
            };
            Action::Settle(customer.parse().map_err(text)?, settlement)
        }
        ["repository-password", customer, repository] => Action::RepositoryPassword(
            customer.parse().map_err(text)?,
            repository.parse().map_err(text)?,
        ),
        ["confine", cell] => Action::Confine((*cell).to_owned()),
        ["--help" | "-h" | "help"] => Action::Help,
        ["--version" | "-V"] => Action::Version,
        [] => return Err("a verb is missing".into()),
        ["backup" | "restore" | "undo" | "delete" | "recover", ..] => {
            return Err(format!("`{}` takes no arguments: the order comes on stdin", words[0]));
        }
        other => return Err(format!("`{}` is not understood", other.join(" "))),
    };
    Ok(CommandLine { config, action })
}

fn text(error: holdfast_job::IdError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Action, String> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&args).map(|read| read.action)
    }

    #[test]
    fn a_verb_takes_its_arguments_and_no_others() {
        assert_eq!(read("backup"), Ok(Action::CarryOut(Verb::Backup)));
        assert!(read("--config /tmp/x settle 42 --as old").is_ok());
        assert!(read("doctor --site 42 --json").is_ok());
        for bad in [
            "",
            "backup 42",
            "settle 42",
            "doctor --site",
            "doctor --site 42 all",
            "settle 42 --as both",
            "settle --help --as old",
            "--config relative backup",
            "repository-password 0 manual",
            "prune",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
