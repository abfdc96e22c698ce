//! Orders: what can be ordered, what is confirmed, and the one way in. They know no HTTP; whoever asks,
//! people by either face and the planner, gets a [`refusal::Refusal`] or a job.

pub mod admission;
pub mod confirm;
pub mod daily;
pub mod keys;
pub mod possible;
pub mod refusal;
pub mod ringing;
