//! An order on its way in: whose it is, who gives it, and under which name. One that was admitted before
//! by its name is answered as it was then, whatever has become of what it asks for since.

use axum::{
    extract::rejection::JsonRejection,
    response::{IntoResponse, Response},
};
use holdfast_job::{JobId, Order};
use holdfast_store::{Actor, Customer, OrderKey};

use super::{accepted, note};
use crate::{
    auth::{Caller, Right},
    http::keyed::{Keyed, replayed},
    orders::{
        admission::{Given, NewOrder},
        refusal::Refusal,
    },
    problem::Problem,
    web::Web,
};

/// An order that has not been given yet.
#[derive(Debug)]
pub struct Incoming<'w> {
    web: &'w Web,
    /// Whose site it is about.
    pub customer: Customer,
    actor: Actor,
    key: Option<OrderKey>,
    retry_of: Option<JobId>,
}

/// What is answered in the place of giving it.
#[derive(Debug)]
pub enum Instead {
    /// It cannot be given.
    Problem(Problem),
    /// It was given before, and answered so.
    Before(Response),
}

impl<'w> Incoming<'w> {
    /// An order of this caller's for the customer of this name.
    ///
    /// # Errors
    /// [`Instead::Before`] if the same request was admitted before; 403, 404 as for any customer; 422 if
    /// the key was used for another request; 503 if the store is away.
    pub async fn of(
        web: &'w Web,
        caller: &Caller,
        name: &str,
        keyed: Keyed,
    ) -> Result<Self, Instead> {
        let customer = web.customer(caller, Right::Write, name).await?;
        let actor = caller.actor();
        let key = keyed.of(&actor);
        if let Some(key) = &key
            && let Some(job) =
                web.database.admitted_before(customer.id, key).await.map_err(Refusal::from)?
        {
            return Err(Instead::Before(replayed(accepted(&customer, job))));
        }
        Ok(Self { web, customer, actor, key, retry_of: None })
    }

    /// The same order as this job's, which did not do it.
    pub fn again(self, retry_of: JobId) -> Self {
        Self { retry_of: Some(retry_of), ..self }
    }

    /// Gives it, and answers with its job.
    ///
    /// # Errors
    /// As admission.
    pub async fn give(self, order: Order, written: Option<String>) -> Result<Response, Instead> {
        let Self { web, customer, actor, key, retry_of } = self;
        let order = NewOrder { order, actor, note: note(written)?, retry_of, key };
        Ok(match web.admission.admit(&customer, order).await? {
            Given::Now(job) => accepted(&customer, job),
            Given::Before(job) => replayed(accepted(&customer, job)),
        })
    }
}

impl From<Problem> for Instead {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Refusal> for Instead {
    fn from(refusal: Refusal) -> Self {
        Self::Problem(refusal.into())
    }
}

impl From<JsonRejection> for Instead {
    fn from(rejection: JsonRejection) -> Self {
        Self::Problem(rejection.into())
    }
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Before(answer) => answer,
        }
    }
}
