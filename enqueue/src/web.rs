//! What every handler has in hand, and the customer of an address. It knows no route and no page.

use std::sync::Arc;

use holdfast_job::CustomerId;
use holdfast_store::{Customer, Database};

use crate::{
    auth::{Caller, Right, Tokens},
    config::Config,
    http::address::Addresses,
    orders::admission::Admission,
    problem::Problem,
    watching::Watching,
};

/// What every handler has in hand.
#[derive(Debug)]
pub struct Web {
    /// The configuration.
    pub config: Config,
    /// The store.
    pub database: Database,
    /// The way in for orders.
    pub admission: Arc<Admission>,
    /// Whose tokens are believed.
    pub tokens: Tokens,
    /// How often each address may ask.
    pub addresses: Arc<Addresses>,
    /// What is watched.
    pub watching: Arc<Watching>,
}

impl Web {
    /// The customer of an address, if the caller may do this with it.
    ///
    /// # Errors
    /// 404 if there is no such customer, or it is not the caller's.
    pub async fn customer(
        &self,
        caller: &Caller,
        right: Right,
        name: &str,
    ) -> Result<Customer, Problem> {
        caller.needs(right)?;
        let found = match self.database.customer(name).await? {
            // Nobody is entered by the mere question of somebody who may not see them.
            None if self.config.enter_by_number && caller.sees_name(name) => {
                self.enter(name).await?
            }
            found => found,
        };
        found.filter(|customer| caller.sees(customer)).ok_or_else(|| Problem::not_found("customer"))
    }

    async fn enter(&self, name: &str) -> Result<Option<Customer>, Problem> {
        let Ok(number) = name.parse::<CustomerId>() else { return Ok(None) };
        match self.database.enter_customer(number, name).await? {
            true => Ok(self.database.customer_of(number).await?),
            false => Ok(None),
        }
    }
}
