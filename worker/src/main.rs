//! `holdfast-worker`: one per node, unprivileged. It takes jobs whose bell rings, claims their rows,
//! has the executor carry them out and records how they end; the janitor in it repairs what bells and
//! workers forgot. It knows no signing key, no restic password and no path of a customer's.

mod attempt;
mod config;
mod executor;
mod janitor;
mod memory;
mod preflight;
mod program;
mod pulse;
mod recovery;
mod stop;
mod taker;
mod verdict;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main()
}
