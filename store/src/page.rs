//! Lists are read in pages, newest first; the next page begins behind the last item of this one.

use holdfast_job::{JobId, Moment};
use sqlx::{MySql, QueryBuilder};

use crate::database::push_moment;

/// How many items a page has: 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit(u32);

impl PageLimit {
    /// What a page has if nobody says.
    pub const USUAL: Self = Self(20);

    /// This many items; none if that is not from 1 to 100.
    pub fn new(items: u32) -> Option<Self> {
        (1..=100).contains(&items).then_some(Self(items))
    }

    /// One more than the page has, to see whether there is a next one.
    fn and_one(self) -> u32 {
        self.0 + 1
    }
}

/// Ends the query of a page: rows made from `since` on and before `until`, behind `behind`, newest first.
pub(crate) fn push_window(
    query: &mut QueryBuilder<MySql>,
    (since, until): (Option<Moment>, Option<Moment>),
    behind: Option<JobId>,
    limit: PageLimit,
) {
    if let Some(since) = since {
        query.push(" AND created_at >= ");
        push_moment(query, since);
    }
    if let Some(until) = until {
        query.push(" AND created_at < ");
        push_moment(query, until);
    }
    if let Some(behind) = behind {
        query.push(" AND uuid < ").push_bind(behind.to_string());
    }
    query.push(" ORDER BY uuid DESC LIMIT ").push_bind(limit.and_one());
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Behind which the next page begins, if there is one.
    pub next: Option<JobId>,
}

impl<T> Page<T> {
    /// The page of what was read with [`PageLimit::and_one`].
    pub(crate) fn of(mut items: Vec<T>, limit: PageLimit, name: impl Fn(&T) -> JobId) -> Self {
        let more = items.len() > limit.0 as usize;
        items.truncate(limit.0 as usize);
        let next = if more { items.last().map(name) } else { None };
        Self { items, next }
    }
}
