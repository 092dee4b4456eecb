//! What a server is told before it starts.

pub(crate) mod files;
pub(crate) mod recordings;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::thread;
use std::time::Duration;

use longsync_behavior::{Behavior, ParseBehaviorError};
use longsync_text::duration::text;
use longsync_timer::{SpinError, check_spin};

/// [`Options`] that were checked: they make sense together. Dereferences to them.
#[derive(Debug, Clone, Default)]
pub struct Config(Options);

/// Why options do not make sense together, and what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A call that does not say how to behave would be refused.
    #[error("the behavior does not fit into max_delay, {}: {source}", text(*.max_delay))]
    BehaviorOverMaxDelay {
        /// The longest delay.
        max_delay: Duration,
        /// What is over it.
        source: ParseBehaviorError,
    },
    /// More worker threads than any machine has use for.
    #[error("{workers} workers are too many: ask for 1 to {MOST_WORKERS}")]
    TooManyWorkers {
        /// How many were asked for.
        workers: NonZeroUsize,
    },
    /// No connection could have a call.
    #[error("a limit of 0 streams lets no connection have a call: set max_streams to 1 or more")]
    NoStreams,
    /// It would refuse all that it limits.
    #[error("{limit} is 0, and would refuse all that it limits: set it to 1 or more")]
    Zero {
        /// Which limit it is, as its field is called.
        limit: &'static str,
    },
    /// Cores would be busy for nothing.
    #[error(transparent)]
    Spin(#[from] SpinError),
    /// No message or head could ever come in time.
    #[error("{limit} is zero, and nothing can arrive in no time: set it above zero, such as 10s")]
    NoTime {
        /// Which limit it is, as its field is called.
        limit: &'static str,
    },
}

/// How many workers a server may have: one thread each.
const MOST_WORKERS: usize = 1_024;

impl Config {
    /// Checks the options.
    ///
    /// # Errors
    /// When they contradict one another, or one of them is nonsense.
    pub fn new(mut options: Options) -> Result<Self, ConfigError> {
        let Options { behavior, limits, workers, spin, .. } = &options;
        let max_delay = limits.max_delay;
        let behavior = behavior
            .within(max_delay)
            .map_err(|source| ConfigError::BehaviorOverMaxDelay { max_delay, source })?;
        if workers.get() > MOST_WORKERS {
            return Err(ConfigError::TooManyWorkers { workers: *workers });
        }
        if limits.max_streams == 0 {
            return Err(ConfigError::NoStreams);
        }
        let zero = limits.amounts().into_iter().find(|(_, amount)| *amount == 0);
        if let Some((limit, _)) = zero {
            return Err(ConfigError::Zero { limit });
        }
        check_spin(*spin)?;
        let times =
            [("message_timeout", limits.message_timeout), ("head_timeout", limits.head_timeout)];
        if let Some((limit, _)) = times.into_iter().find(|(_, time)| time.is_zero()) {
            return Err(ConfigError::NoTime { limit });
        }
        options.behavior = behavior;
        Ok(Self(options))
    }
}

impl Deref for Config {
    type Target = Options;

    fn deref(&self) -> &Options {
        &self.0
    }
}

impl TryFrom<Options> for Config {
    type Error = ConfigError;

    fn try_from(options: Options) -> Result<Self, ConfigError> {
        Self::new(options)
    }
}

/// What a server can be told. [`Config::new`] checks it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many worker threads serve connections.
    pub workers: NonZeroUsize,
    /// How a call that does not say how to behave is answered.
    pub behavior: Behavior,
    /// Whether callers may not say how they are answered.
    pub is_fixed: bool,
    /// What all delays are drawn by: the same seed gives the same call the same delay.
    pub seed: u64,
    /// What a client may ask for.
    pub limits: Limits,
    /// How long a shutdown lets everything go on as before while health checks already say no, so that
    /// proxies stop sending calls. It does not shorten the drain, which comes after it. Zero: no lame duck.
    /// [`Worker::drain`](crate::Worker::drain) has none.
    pub lame_duck: Duration,
    /// How long waiting calls may go on after the drain has begun.
    pub drain: Duration,
    /// For how long before a wait ends its worker polls instead of sleeping: more precise, at the cost
    /// of one core per worker. At most [`LONGEST_SPIN`](longsync_timer::LONGEST_SPIN).
    pub spin: Duration,
}

impl Default for Options {
    /// Loopback on port 9000, one worker per core, a delay of 5 s, a random seed, safe limits, no lame duck, a drain
    /// of 10 s, no spin.
    fn default() -> Self {
        Self {
            listen: longsync::DEFAULT_ADDRESS,
            workers: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            behavior: Behavior::constant(Duration::from_secs(5)),
            is_fixed: false,
            seed: random(),
            limits: Limits::default(),
            lame_duck: Duration::ZERO,
            drain: Duration::from_secs(10),
            spin: Duration::ZERO,
        }
    }
}

/// A number that nobody knows before.
fn random() -> u64 {
    // The standard library keys each hash map by the system's randomness, and has no other door to it.
    RandomState::new().build_hasher().finish()
}

/// What a client may ask for, and what all clients together may hold. What is beyond a limit is
/// refused with a sentence that names it; nothing is cut down to fit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest delay.
    pub max_delay: Duration,
    /// The largest request message, in bytes. More than zero.
    pub max_message_bytes: u32,
    /// The most answers of one `LongSyncStream`. More than zero.
    pub max_count: u32,
    /// The largest `response_bytes`.
    pub max_response_bytes: u32,
    /// The most messages of one `LongSyncExchange` that wait for their answer; at the limit the
    /// server stops reading the stream.
    pub max_unanswered: NonZeroUsize,
    /// The most streams of one HTTP/2 connection, as advertised to the client.
    pub max_streams: u32,
    /// The most calls in flight over all connections. A waiting message of a `LongSyncExchange` takes a
    /// place as a call does; the first in each takes that of its call. More than zero.
    pub max_in_flight: u64,
    /// The most bytes of requests and answers held in memory over all connections. One connection holds
    /// at most half of them, and the last sixteenth is kept for connections that hold at most 64 KiB.
    /// More than zero.
    pub max_buffered_bytes: u64,
    /// How long a message may take once it has begun, plus a second for each 64 KiB of it that came,
    /// counted only while the server wants its bytes. The request of a call that has only one message may
    /// take as long, from the call's beginning to the end of the request. Then the call ends with
    /// `DEADLINE_EXCEEDED`, and counts as refused. A frame of data that stops in the middle for
    /// this long closes its connection. More than zero.
    pub message_timeout: Duration,
    /// How long a client may take for its first bytes, for the head of a request, and for a frame of
    /// HTTP/2 that carries no data. Then its connection is closed. An idle connection is not. More than
    /// zero.
    pub head_timeout: Duration,
    /// The most open connections. [`None`]: as many as the process's file limit leaves room for.
    pub max_connections: Option<NonZeroUsize>,
}

impl Limits {
    /// The limits of which none may be zero, with their names.
    fn amounts(&self) -> [(&'static str, u64); 4] {
        [
            ("max_message_bytes", self.max_message_bytes.into()),
            ("max_count", self.max_count.into()),
            ("max_in_flight", self.max_in_flight),
            ("max_buffered_bytes", self.max_buffered_bytes),
        ]
    }
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u32 = 1024 * 1024;
        Self {
            max_delay: Duration::from_secs(3600),
            max_message_bytes: 4 * MIB,
            max_count: 100_000,
            max_response_bytes: 4 * MIB,
            max_unanswered: NonZeroUsize::MIN.saturating_add(1_023),
            max_streams: 16_384,
            max_in_flight: 1_000_000,
            max_buffered_bytes: 256 * u64::from(MIB),
            message_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(10),
            max_connections: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_with_what_would_be_right() {
        let limits = || Limits { max_delay: Duration::from_secs(1), ..Limits::default() };
        let said = |options| Config::new(options).unwrap_err().to_string();
        let long = said(Options { limits: limits(), ..Options::default() });
        assert!(long.contains("5s, is over the limit: ask for at most 1s"), "{long}");
        let workers = NonZeroUsize::MIN.saturating_add(MOST_WORKERS);
        let many = said(Options { workers, ..Options::default() });
        assert!(many.contains("1 to 1024"), "{many}");
        let limits = Limits { max_streams: 0, ..Limits::default() };
        let none = said(Options { limits, ..Options::default() });
        assert!(none.contains("max_streams"), "{none}");
        let limits = Limits { head_timeout: Duration::ZERO, ..Limits::default() };
        let none = said(Options { limits, ..Options::default() });
        assert!(none.contains("head_timeout is zero"), "{none}");
        let spinning = said(Options { spin: Duration::from_secs(10), ..Options::default() });
        assert!(spinning.contains("at most 20ms"), "{spinning}");
        assert!(Config::new(Options::default()).is_ok());
    }

    #[test]
    fn a_limit_of_zero_with_which_no_call_can_succeed_is_refused() {
        let limits = Limits::default;
        for (limits, limit) in [
            (Limits { max_message_bytes: 0, ..limits() }, "max_message_bytes"),
            (Limits { max_count: 0, ..limits() }, "max_count"),
            (Limits { max_in_flight: 0, ..limits() }, "max_in_flight"),
            (Limits { max_buffered_bytes: 0, ..limits() }, "max_buffered_bytes"),
        ] {
            let refused = Config::new(Options { limits, ..Options::default() }).unwrap_err();
            assert_eq!(refused, ConfigError::Zero { limit });
        }
        let behavior = Behavior::constant(Duration::ZERO);
        let limits = Limits { max_delay: Duration::ZERO, max_response_bytes: 0, ..limits() };
        assert!(Config::new(Options { behavior, limits, ..Options::default() }).is_ok());
    }
}
