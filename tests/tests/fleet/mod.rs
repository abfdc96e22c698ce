//! The whole installation: HTTP, Redis, MariaDB, workers, and the executor through sudo.

mod access;
mod admission;
mod api;
mod evidence;
mod outages;
mod queue;
mod retention;
mod schema;
mod signed;
mod status;
mod sites;
mod whole_way;
mod worker;
