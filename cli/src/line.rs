//! The command line: what may be said, and what the help says about it.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        backup::BackUp,
        delete::Delete,
        doctor::Doctor,
        jobs::Jobs,
        list::List,
        login_link::LoginLink,
        nodes::{Drain, Nodes, Resume},
        pages::{Completions, Man},
        profile::ProfileCommand,
        reset::Reset,
        restore::Restore,
        retry::Retry,
        show::Show,
        stop::Stop,
        token::TokenCommand,
        undo::Undo,
        watch::Watch,
    },
    ending::exit_codes,
    settings::Globals,
};

/// Backs up and restores sites, through Holdfast's API.
///
/// To begin: `holdfast profile add main --url https://…`, `holdfast token set`, `holdfast doctor`. Then
/// `holdfast backup --wait`, `holdfast list`, `holdfast restore latest`.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, about, after_help = exit_codes(), max_term_width = 100)]
pub struct CommandLine {
    /// What may be said with every command.
    #[command(flatten)]
    pub globals: Globals,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a backup
    Backup(BackUp),
    /// Bring a site back to a backup, after you have confirmed it
    Restore(Restore),
    /// Take a restore back, or an undo, after you have confirmed it
    Undo(Undo),
    /// Delete backups for good, after you have confirmed it
    Delete(Delete),
    /// List backups, newest first
    List(List),
    /// Show a backup
    Show(Show),
    /// List jobs, newest first, or show one
    Jobs(Jobs),
    /// Watch a job until it has ended; Ctrl-C ends the watching alone
    Watch(Watch),
    /// Stop a job: all is put back as it was
    Stop(Stop),
    /// Order a job again that failed, was stopped or skipped
    Retry(Retry),
    /// Give up on a stuck job or one whose node is lost (operators)
    Reset(Reset),
    /// Show how the nodes are (operators)
    Nodes(Nodes),
    /// Let a node take no more jobs; what runs there ends (operators)
    Drain(Drain),
    /// Let a node take jobs again (operators)
    Resume(Resume),
    /// Make a link that lets a customer's person into the pages, once (operators)
    LoginLink(LoginLink),
    /// The token: show what it may do, set it, make a new one
    #[command(subcommand)]
    Token(TokenCommand),
    /// The installations that this program knows
    #[command(subcommand)]
    Profile(ProfileCommand),
    /// Look whether all is well: configuration, connection, token, nodes
    Doctor(Doctor),
    /// Write completions for a shell to stdout
    Completions(Completions),
    /// Write the manual pages
    Man(Man),
}
