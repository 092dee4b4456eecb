//! The ways of a storm: what clients and the server do, each changed one at a time.

use std::fmt;

use crate::storm::retry::RetryPolicy;

/// A combination of a client's retries and a server's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StormWay {
    /// Clients do not try again; the server goes on with abandoned calls.
    NoRetries,
    /// Clients try again at once; the server drops abandoned calls.
    Free,
    /// Clients try again at once; the server goes on with abandoned calls.
    Work,
    /// The same, with a limit on the calls that stand.
    Limit,
    /// As [`Work`](Self::Work), with back-off and full jitter.
    BackOff,
    /// As [`Work`](Self::Work), with a retry budget of 10 %.
    Budget,
}

impl StormWay {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 6] =
        [Self::NoRetries, Self::Free, Self::Work, Self::Limit, Self::BackOff, Self::Budget];

    /// The policy of its clients.
    pub fn policy(self) -> RetryPolicy {
        match self {
            Self::NoRetries => RetryPolicy::Never,
            Self::Free | Self::Work | Self::Limit => RetryPolicy::AtOnce,
            Self::BackOff => RetryPolicy::BackOff,
            Self::Budget => RetryPolicy::Budget,
        }
    }

    /// Whether its server goes on with calls that nobody waits for anymore.
    pub fn works_on_abandoned(self) -> bool {
        self != Self::Free
    }
}

impl fmt::Display for StormWay {
    /// Its name on the command line and in JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRetries => "no-retries",
            Self::Free => "free",
            Self::Work => "work",
            Self::Limit => "limit",
            Self::BackOff => "backoff",
            Self::Budget => "budget",
        })
    }
}
