//! The whole installation: HTTP, Redis, MariaDB, workers, and the executor through sudo.

mod whole_way;
