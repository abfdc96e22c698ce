//! `completions` and `man`: what a package installs beside the program.

use std::{fs, io::Write, path::PathBuf};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{
    ending::Ending, failure::Failure, line::CommandLine, token::parent_is_there, voice::Voice,
};

/// Completions for a shell.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The manual pages.
#[derive(Debug, Args)]
pub struct Man {
    /// Write a page for each command into this folder, which is made, but none above it; without it, the first page goes to
    /// stdout
    #[arg(long)]
    folder: Option<PathBuf>,
}

impl Completions {
    /// Writes them.
    ///
    /// # Errors
    /// If nobody reads them.
    pub fn run(self) -> Result<Ending, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut CommandLine::command(), "holdfast", &mut text);
        std::io::stdout().lock().write_all(&text).map_err(Failure::Output)?;
        Ok(Ending::Done)
    }
}

impl Man {
    /// Writes them.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn run(self, voice: Voice) -> Result<Ending, Failure> {
        let Some(folder) = &self.folder else {
            let mut text = Vec::new();
            clap_mangen::Man::new(CommandLine::command())
                .render(&mut text)
                .map_err(Failure::Output)?;
            std::io::stdout().lock().write_all(&text).map_err(Failure::Output)?;
            return Ok(Ending::Done);
        };
        parent_is_there(folder)?;
        let made = match folder.is_dir() {
            true => Ok(()),
            false => fs::create_dir(folder),
        };
        let written = made.and_then(|()| clap_mangen::generate_to(CommandLine::command(), folder));
        written.map_err(|error| {
            Failure::Misuse(format!("{} cannot be written to: {error}", folder.display()))
        })?;
        voice.note(&format!("The pages are in {}.", folder.display()));
        Ok(Ending::Done)
    }
}
