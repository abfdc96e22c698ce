//! The whole installation: HTTP, Redis, MariaDB, workers, and the executor through sudo.

mod admission;
mod outages;
mod queue;
mod signed;
mod whole_way;
mod worker;
