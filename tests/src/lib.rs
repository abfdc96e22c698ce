//! The harness: a private node in a directory of its own, orders given to the real executor on it,
//! and a look at the world before and after.
//!
//! Nothing here starts a server outside its directory, and nothing it made outlives it: dropping a
//! [`Node`] asserts a clean world.

mod answer_proxy;
mod browser;
mod call;
mod catalogue;
mod database_site;
mod docker;
mod document;
mod double;
mod fleet;
mod footprint;
mod host;
mod mariadb;
mod mount;
mod nginx;
mod node;
mod output;
mod points;
mod redis;
mod repository;
mod sample;
mod schema;
mod script;
mod seed;
mod shop;
mod signal;
mod signer;
mod sshd;
mod statement_proxy;
mod states;
mod stream;
mod sudo;
pub mod sweep;
mod token;
mod tree;
mod wait;
mod web;
mod worker;
mod world;

pub use answer_proxy::AnswerProxy;
pub use browser::{Browser, fields};
pub use call::{Call, Ended, Running};
pub use database_site::DatabaseSite;
pub use docker::{Docker, Hang, IMAGE};
pub use document::{DOCUMENT, Document};
pub use double::place_program;
pub use fleet::Fleet;
pub use footprint::Footprint;
pub use host::{Edition, Harm, Host, Power, Process, Restore, Seen, Shop, Visitor, Visits};
pub use mariadb::MariaDb;
pub use mount::Mount;
pub use nginx::Nginx;
pub use node::{Node, built, executor, program, rehearsal, restic};
pub use output::output_of;
pub use points::{Point, SECTION_CALLS, Traced, traced_points, traced_points_of};
pub use redis::Redis;
pub use repository::place_repository;
pub use sample::{damage, fill_site};
pub use schema::Schema;
pub use seed::Seed;
pub use shop::{damage_shop, damage_small_shop, fill_shop, fill_small_shop};
pub use signal::signal;
pub use signer::{Signer, line_of};
pub use sshd::{Sshd, free_port};
pub use statement_proxy::{Action, Moment, StatementProxy};
pub use stream::EventStream;
pub use sudo::Sudoers;
pub use token::TokenKey;
pub use tree::Tree;
pub use wait::{be_patient, eventually, remains};
pub use web::{Answer, Web};
pub use worker::Worker;
pub use world::World;
