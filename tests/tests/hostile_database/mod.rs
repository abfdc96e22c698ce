//! Backups whose databases were made to do harm when they are restored: nothing outside the staging
//! schema changes, and they come back right or fail with a sentence.

mod dumps;
mod forge;
mod manifests;
mod programs;
mod trees;
mod watch;
