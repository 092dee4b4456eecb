//! Calls that were due and not sent.

use std::ops::{AddAssign, Index, IndexMut};

/// Why a call that was due was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotSentReason {
    /// As many calls as the plan allows were in flight.
    InFlightLimit,
    /// All streams that the peer allows on all connections were in use.
    StreamLimit,
    /// There was no connection.
    NoConnection,
    /// It waited for a connection that took no bytes, until sending was over.
    Blocked,
    /// The client had not got to it when sending was over.
    Late,
}

impl NotSentReason {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 5] =
        [Self::InFlightLimit, Self::StreamLimit, Self::NoConnection, Self::Blocked, Self::Late];

    /// Its name in reports: `in_flight_limit`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InFlightLimit => "in_flight_limit",
            Self::StreamLimit => "stream_limit",
            Self::NoConnection => "no_connection",
            Self::Blocked => "blocked",
            Self::Late => "late",
        }
    }
}

/// How many calls that were due were not sent, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NotSentCounts([u64; NotSentReason::ALL.len()]);

impl NotSentCounts {
    /// How many there are in total.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each reason, and how many there were.
    pub fn by_reason(&self) -> impl Iterator<Item = (NotSentReason, u64)> + use<> {
        NotSentReason::ALL.into_iter().zip(self.0)
    }
}

impl Index<NotSentReason> for NotSentCounts {
    type Output = u64;

    fn index(&self, why: NotSentReason) -> &u64 {
        &self.0[why as usize]
    }
}

impl IndexMut<NotSentReason> for NotSentCounts {
    fn index_mut(&mut self, why: NotSentReason) -> &mut u64 {
        &mut self.0[why as usize]
    }
}

impl AddAssign for NotSentCounts {
    fn add_assign(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}
