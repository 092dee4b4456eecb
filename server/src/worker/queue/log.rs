//! The lines from which everything that the queue decides can be recomputed.

use longsync_behavior::queue::{Entry, QueuedCall, Ticket};

/// The target of the lines, at level debug, from which the start of every service can be computed: one per
/// arrival, and one per call or message that leaves before its service has ended and before its deadline.
///
/// Times are in nanoseconds of the queue's clock. `received_ns` is when the call could be served, and `arrived_ns`
/// when it counts as having arrived: later if the queue was already past that moment. `service_ns` is missing if
/// it hangs. `ticket` numbers those that were not refused, in the order of arrival; `connection` and `request` are
/// those of the call's own line ([`CALL_LOG_TARGET`](crate::CALL_LOG_TARGET)), and `index` is that of the message in an
/// exchange, from 0.
pub const QUEUE_LOG_TARGET: &str = "longsync_server::queue";

/// Who arrives in the queue, for its log lines: the call with this number on the connection with this number, or
/// a message of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallNumbers {
    pub(crate) connection: u64,
    pub(crate) request: u64,
    pub(crate) message: Option<u64>,
}

/// Written outside the lock, so that the lines of several threads may be in another order than the tickets.
pub(super) fn arrived(
    from: CallNumbers,
    call: QueuedCall,
    entry: Entry,
    [received, arrived]: [u64; 2],
) {
    let (became, ticket) = match entry {
        Entry::Serving { ticket, .. } => ("serving", Some(ticket)),
        Entry::Standing(ticket) => ("standing", Some(ticket)),
        Entry::Shed => ("shed", None),
    };
    tracing::debug!(
        target: QUEUE_LOG_TARGET,
        ticket = ticket.map(Ticket::number),
        became,
        received_ns = received,
        arrived_ns = arrived,
        service_ns = call.service,
        deadline_ns = call.deadline,
        connection = from.connection,
        request = from.request,
        index = from.message,
        "arrived"
    );
}

/// A call or message leaves at this moment, before its service has ended and before its deadline.
pub(super) fn left_early(ticket: Ticket, at: u64) {
    tracing::debug!(target: QUEUE_LOG_TARGET, ticket = ticket.number(), left_ns = at, "left early");
}
