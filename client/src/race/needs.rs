//! What a way needs of its process. Pure.

use crate::race::plan::{Protocol, RacePlan, ThreadConnections};
use crate::race::room::Needs;
use crate::race::way::Way;

/// How many messages one exchange carries. A server holds at most 1,024 unanswered ones in one
/// stream unless told otherwise, and reads no further at that limit.
pub(super) const MESSAGES_PER_STREAM: usize = 1_000;

/// How many connections a way takes if the peer allows the given number of streams on each.
pub(super) fn connections(way: Way, plan: &RacePlan, streams: usize) -> usize {
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

/// What a way needs of this process, which also holds the server's ends of connections when the
/// server is inside. `streams` is how many the peer allows on a connection.
pub(super) fn needs(way: Way, plan: &RacePlan, streams: usize) -> Needs {
    let ends = if plan.target.is_none() { 2 } else { 1 };
    Needs {
        files: (connections(way, plan, streams) * ends) as u64,
        threads: if way == Way::Threads { plan.calls.get() as u64 } else { 0 },
    }
}
