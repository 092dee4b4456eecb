//! How many calls there were, and how they ended.

use std::ops::AddAssign;

use crate::call::TransportFailure;
use crate::not_sent::NotSentCounts;
use crate::status_code::{CODES, StatusCode};

/// How many calls there were, and how they ended: each event is counted when it happens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that were sent.
    pub sent: u64,
    /// Calls that ended with an expected status.
    pub good: u64,
    /// Calls that were due and not sent.
    pub not_sent: NotSentCounts,
    /// Calls that had not ended when the run stopped.
    pub unfinished: u64,
    /// Calls that the client ended at their deadline.
    pub cut: u64,
    /// Failed calls that ended with `DEADLINE_EXCEEDED`, from either side: their service times are lower
    /// bounds.
    pub lower_bounds: u64,
    /// Answered calls whose `planned` is over a second: if the server runs on another machine, whose clock
    /// has its own rate, their `added` is uncertain.
    pub long_waits: u64,
    /// Bytes that were read from connections: everything in HTTP/2's frames, without the headers of TCP and
    /// IP.
    pub bytes_in: u64,
    /// Bytes that were written to connections, likewise.
    pub bytes_out: u64,
    /// Connections that were opened.
    pub connections_opened: u64,
    /// Connections that ended before the run did.
    pub connections_lost: u64,
    /// Attempts to open a connection that failed.
    pub connections_refused: u64,
    pub(crate) statuses: [u64; CODES],
    pub(crate) broken: [u64; TransportFailure::ALL.len()],
}

impl Counts {
    /// How many calls ended, good or failed.
    pub fn ended(&self) -> u64 {
        self.statuses.iter().sum()
    }

    /// How many ended with an unexpected status.
    pub fn failed(&self) -> u64 {
        self.ended() - self.good
    }

    /// How many calls were due: those that ended, those that did not, and those that were not sent. In a
    /// closed loop, how many were made.
    pub fn due(&self) -> u64 {
        self.ended() + self.unfinished + self.not_sent.total()
    }

    /// How many of the calls that were due had no good answer: in response time, they are slower than any
    /// value.
    pub fn without_answer(&self) -> u64 {
        self.failed() + self.unfinished + self.not_sent.total()
    }

    /// How many ended with this status, such as 0 or tonic's `Code::Ok`.
    pub fn ended_with(&self, code: impl Into<i32>) -> u64 {
        self.statuses[StatusCode::from(code.into()).index()]
    }

    /// The statuses with which calls ended, and how many with each.
    pub fn statuses(&self) -> impl Iterator<Item = (StatusCode, u64)> + use<> {
        StatusCode::all().zip(self.statuses).filter(|(_, count)| *count > 0)
    }

    /// How many calls the transport ended in this way.
    pub fn broken(&self, how: TransportFailure) -> u64 {
        self.broken[how as usize]
    }

    /// Calls that the server reports it never looked at: they are among those that ended with `UNAVAILABLE`,
    /// and could have been retried.
    pub fn refused(&self) -> u64 {
        TransportFailure::ALL
            .into_iter()
            .filter(|how| how.is_refusal())
            .map(|how| self.broken(how))
            .sum()
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in [
            (&mut self.sent, other.sent),
            (&mut self.good, other.good),
            (&mut self.unfinished, other.unfinished),
            (&mut self.cut, other.cut),
            (&mut self.lower_bounds, other.lower_bounds),
            (&mut self.long_waits, other.long_waits),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.bytes_out, other.bytes_out),
            (&mut self.connections_opened, other.connections_opened),
            (&mut self.connections_lost, other.connections_lost),
            (&mut self.connections_refused, other.connections_refused),
        ] {
            *count += more;
        }
        self.not_sent += other.not_sent;
        for (count, more) in self.statuses.iter_mut().zip(other.statuses) {
            *count += more;
        }
        for (count, more) in self.broken.iter_mut().zip(other.broken) {
            *count += more;
        }
    }
}
