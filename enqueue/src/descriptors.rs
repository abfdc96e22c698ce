//! How many descriptors this process may have: a connection takes one each, and a stream is a connection
//! that stays. What is left over lets in those who order.

use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// So many are for everything but streams: the database, Redis, and whoever asks at the same time.
const OTHERS: usize = 512;

/// Takes as many as the system lets this process have; systems give 1,024 to whoever does not ask.
/// Returns for how many streams there is room, if that is less than wanted.
pub fn room_for_streams(wanted: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!("the limit of open files stays as it is: {error}");
    }
    let Some(most) = getrlimit(Resource::Nofile).current else { return wanted };
    let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(OTHERS).max(1);
    if room < wanted {
        warn!(
            "`limits.streams` is {wanted}, and there is room for {room}: this process may have {most} \
             files open, of which {OTHERS} are for everything else"
        );
    }
    wanted.min(room)
}
