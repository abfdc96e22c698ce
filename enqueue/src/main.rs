//! `holdfast-enqueue`: the web-facing side. It knows who asks, admits and signs their orders, rings for
//! them and tells how they stand; the planner in it orders what the policies say. It knows no file of a
//! customer's, no restic and no root.

mod address;
mod admission;
mod api;
mod auth;
mod config;
mod connections;
mod daily;
mod descriptors;
mod keys;
mod limits;
mod memory;
mod planner;
mod problem;
mod program;
mod request_id;
mod retention;
mod ringing;
mod server;
mod signatures;
mod spoken;
mod watching;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main()
}
