//! `holdfast`: the client of the HTTP API, for people at a terminal and for scripts. What it knows it
//! has asked the web side for; it knows no SQL, no Redis, no restic and no root.

mod answer;
mod bar;
mod client;
mod commands;
mod confirm;
mod ending;
mod events;
mod failure;
mod interrupt;
mod line;
mod order;
mod pace;
mod problem;
mod profiles;
mod program;
mod session;
mod settings;
mod shown;
mod table;
mod token;
mod units;
mod voice;
mod watching;
mod when;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main()
}
