//! What restic does, says and leaves behind, and what is made of it: its exit code is no evidence,
//! its lock may be nobody's, its repository may be gone.
//!
//! Where the real restic cannot be brought to fail in a certain way, a double does it in its name.

mod evidence;
mod gate;
mod locks;
mod noise;
mod person;
mod secrets;
mod shared;
mod storage;
mod verdicts;
