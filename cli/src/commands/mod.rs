//! The commands, one a file: its arguments, and what is done.

pub mod backup;
pub mod delete;
pub mod doctor;
pub mod jobs;
pub mod list;
pub mod login_link;
pub mod nodes;
pub mod pages;
pub mod profile;
pub mod reset;
pub mod restore;
pub mod retry;
pub mod show;
pub mod stop;
pub mod token;
pub mod undo;
pub mod watch;
