//! What is between a connection and a handler: who is let in, how a request is read, named, timed and
//! logged. It knows no order and no page.

pub mod access_log;
pub mod address;
pub mod body;
pub mod connections;
pub mod in_time;
pub mod keyed;
pub mod request_id;
