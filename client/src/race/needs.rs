//! The files and threads that a way needs. Pure.

use crate::race::plan::{Protocol, RacePlan, ThreadConnections};
use crate::race::room::Needs;
use crate::race::way::Way;

/// The most messages of one exchange. By default, a server accepts at most 1,024 unanswered messages per
/// stream, and stops reading at that limit.
pub(super) const MESSAGES_PER_STREAM: usize = 1_000;

/// The most connections that a way has open at once if the peer allows the given number of streams per
/// connection.
pub(super) fn open_at_once(way: Way, plan: &RacePlan, streams: usize) -> usize {
    let calls = plan.calls.get();
    let has_own_connections = plan.protocol == Protocol::Http
        || (way == Way::Threads && plan.thread_connections == ThreadConnections::Own);
    match way {
        Way::Sequential => 1,
        _ if has_own_connections => calls,
        Way::Exchange => calls.div_ceil(MESSAGES_PER_STREAM).div_ceil(streams),
        Way::Threads | Way::Tasks => calls.div_ceil(streams),
    }
}

/// The files and threads that a way needs in this process, which also has the server's ends of the
/// connections if the server is inside it. `streams` is the number that the peer allows per connection.
pub(super) fn needs(way: Way, plan: &RacePlan, streams: usize) -> Needs {
    let ends = if plan.target.is_none() { 2 } else { 1 };
    Needs {
        files: (open_at_once(way, plan, streams) * ends) as u64,
        threads: if way == Way::Threads { plan.calls.get() as u64 } else { 0 },
    }
}
