//! Three privileges, web, worker and root, and that they are apart: what each brings along counts for
//! nothing with the next, and what is the one's is out of the other's reach.

mod helpers;
mod surroundings;
mod web;
mod worker;
