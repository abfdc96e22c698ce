//! How many orders of a customer's people are taken in 24 hours.

use std::num::NonZeroU32;

use holdfast_job::CustomerId;
use holdfast_store::{Actor, Database};

use crate::{problem::Problem, spoken::to_come};

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
    /// 429, until the first of those that are counted is a day old; 503 if the store is away.
    pub async fn check(&self, customer: CustomerId, actor: &Actor) -> Result<(), Problem> {
        let Some(orders) = self.orders.filter(|_| actor.is_of_customer()) else { return Ok(()) };
        let Some(wait) = self.database.wait_for_a_day(customer, orders).await? else {
            return Ok(());
        };
        let detail = format!(
            "{orders} orders for this site were given in the last 24 hours, and that is as many as \
             are taken. The next one is taken in {}.",
            to_come(wait)
        );
        Err(Problem::too_many("daily-limit", detail, wait))
    }
}
