//! The customer's tree is hostile: whatever a tenant plants in it, swaps in it or leaves in it, no
//! other tenant's file comes into a backup, and nothing but the backup comes into the site.

mod armed;
mod foreign;
mod large;
mod moved;
mod planted;
mod race;
mod room;
mod sources;
