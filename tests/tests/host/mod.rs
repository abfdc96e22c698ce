//! Holdfast installed on a whole host with a real systemd, by its own script.

mod boots;
mod installed;
mod kills;
mod samples;
mod unit;
