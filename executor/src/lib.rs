//! The executor: root, one process a job, no server of any kind.
//!
//! An order comes on stdin, a plan is driven through its stages, the journal says what was meant
//! and the world what is. It must not know the control database, Redis or who is logged in where.

mod answer;
mod aside;
mod base;
mod birth;
mod bounds;
mod carry_out;
mod cgroup;
mod conductor;
pub mod config;
mod confine;
mod doctor;
mod door;
mod driver;
mod earlier;
mod failure;
mod foresight;
mod health;
mod hooks;
mod journal;
mod judge;
mod lifeline;
mod lock;
mod manifest;
mod mariadb;
mod mounts;
mod note;
mod perform;
mod php;
mod plans;
mod process;
mod program;
mod project;
mod quota;
mod recover;
pub mod rehearsal;
mod restic;
mod secret;
mod services;
mod settle;
mod signals;
mod slots;
mod space;
mod stop;
mod subvolume;
mod surroundings;
mod swap;
mod teller;
mod trash;
mod tree;
mod uncopied;
mod unsaved;
mod verb;
mod work;

pub use bounds::longest_switch;
pub use failure::Failure;
pub use program::main;
pub use stop::Stop;
