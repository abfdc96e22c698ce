//! How web side and worker say what happens: lines for people on a terminal, else JSON, a line each, for
//! the journal or into a file of their own. It knows nothing of what is said.

mod file;

use std::{
    io::{self, IsTerminal},
    path::Path,
    sync::Mutex,
};

use file::LogFile;

/// Starts the log of this process: into `file` if there is one, else to stderr.
///
/// # Errors
/// If the file cannot be written: what to do about it.
pub fn start(file: Option<&Path>) -> io::Result<()> {
    let log = tracing_subscriber::fmt().with_target(false);
    match file {
        Some(path) => {
            let file = LogFile::open(path).map_err(|error| cannot_write(path, &error))?;
            log.with_writer(Mutex::new(file)).json().flatten_event(true).init();
        }
        None if io::stderr().is_terminal() => log.with_writer(io::stderr).init(),
        None => log.with_writer(io::stderr).json().flatten_event(true).init(),
    }
    Ok(())
}

fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    let path = path.display();
    io::Error::new(
        error.kind(),
        format!("`log_file`: {path} cannot be written: {error}; make it, and give it this user"),
    )
}
