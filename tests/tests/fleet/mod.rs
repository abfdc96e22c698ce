//! The whole installation: HTTP, Redis, MariaDB, workers, and the executor through sudo.

mod access;
mod admission;
mod api;
mod away;
mod callers;
mod commands;
mod events;
mod evidence;
mod examples;
mod grants;
mod limits;
mod names;
mod outages;
mod queue;
mod request_ids;
mod retention;
mod schema;
mod signed;
mod sites;
mod status;
mod whole_way;
mod worker;
