//! `holdfast-enqueue`: the web-facing side. It knows who asks, admits and signs their orders, rings for
//! them and tells how they stand; the planner in it orders what the policies say. It knows no file of a
//! customer's, no restic and no root.

mod api;
mod auth;
mod config;
mod descriptors;
mod http;
mod limits;
mod memory;
mod orders;
mod planner;
mod problem;
mod program;
mod retention;
mod server;
mod signatures;
mod spoken;
mod view;
mod watching;
mod web;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main()
}
