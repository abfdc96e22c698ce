//! The tests over real restic and real file systems: one program, so that they run side by side.

mod bad_orders;
mod busy_and_undo;
mod cli;
mod configuration;
mod containers;
mod databases;
mod dependencies;
mod doctor;
mod documents;
mod dumps;
mod fleet;
mod harness_mariadb;
mod health;
mod hooks;
mod hostile_database;
mod hostile_tree;
mod lifeline;
mod neighbours;
mod power_loss;
mod restic_facts;
mod round_trip;
mod scripts;
mod services;
mod settle;
mod sweeps;
mod tickets;
