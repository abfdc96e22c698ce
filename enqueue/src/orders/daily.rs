//! How many orders of a customer's people are taken in 24 hours.

use std::num::NonZeroU32;

use holdfast_job::CustomerId;
use holdfast_store::{Actor, Database};

use super::refusal::Refusal;

/// How many orders of a customer's people are taken in 24 hours.
///
/// It is looked at before the order is written and not with it, so several at once may all find room
/// for one. Of what holds the customer, the unique key lets one of them in; of deletions each claims a
/// backup of its own, so there are never more too many than the customer has backups.
#[derive(Debug)]
pub struct DailyLimit {
    /// Where they are counted.
    pub database: Database,
    /// So many; any number if it is none.
    pub orders: Option<NonZeroU32>,
}

impl DailyLimit {
    /// Refuses an order if it is one too many. Operators and the planner order what is needed; what
    /// operators order for a customer is counted all the same.
    ///
    /// # Errors
    /// [`Refusal::Daily`], until the first of those that are counted is a day old;
    /// [`Refusal::Store`].
    pub async fn check(&self, customer: CustomerId, actor: &Actor) -> Result<(), Refusal> {
        let Some(orders) = self.orders.filter(|_| actor.is_of_customer()) else { return Ok(()) };
        match self.database.wait_for_a_day(customer, orders).await? {
            Some(wait) => Err(Refusal::Daily { orders, wait }),
            None => Ok(()),
        }
    }
}
