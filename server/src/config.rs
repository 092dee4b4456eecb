//! The configuration of a server.

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

/// [`Options`] that have been checked for consistency. Dereferences to them.
#[derive(Debug, Clone, Default)]
pub struct Config(Options);

/// Why options are inconsistent, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Every call that does not specify its behavior would be refused.
    #[error("the behavior does not fit into max_delay, {}: {source}", text(*.max_delay))]
    BehaviorOverMaxDelay {
        /// The longest delay.
        max_delay: Duration,
        /// What exceeds it.
        source: ParseBehaviorError,
    },
    /// More worker threads than any machine can use.
    #[error("{workers} workers are too many: ask for 1 to {MOST_WORKERS}")]
    TooManyWorkers {
        /// How many were asked for.
        workers: NonZeroUsize,
    },
    /// No connection could carry a call.
    #[error("with max_streams at 0, no connection can carry a call: set it to 1 or more")]
    NoStreams,
    /// A limit of zero would refuse every call or message that it applies to.
    #[error("with {limit} at 0, everything that it limits would be refused: set it to 1 or more")]
    Zero {
        /// The limit, by the name of its field.
        limit: &'static str,
    },
    /// Polling this long would only waste cores.
    #[error(transparent)]
    Spin(#[from] SpinError),
    /// No message or head could ever arrive in time.
    #[error(
        "{limit} is zero, so nothing could arrive in time: set it above zero, for example to 10s"
    )]
    NoTime {
        /// The limit, by the name of its field.
        limit: &'static str,
    },
}

/// The most workers that a server may have. Each is a thread; a greater number is taken for a typo.
pub const MOST_WORKERS: usize = 1_024;

impl Config {
    /// Checks the options.
    ///
    /// # Errors
    /// If they contradict one another, or one of them makes no sense.
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

/// The options of a server. [`Config::new`] checks them.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address to listen on. Port 0 picks a free port.
    pub listen: SocketAddr,
    /// How many worker threads serve connections.
    pub workers: NonZeroUsize,
    /// How a call that does not specify its behavior is answered.
    pub behavior: Behavior,
    /// Whether callers are forbidden to specify how they are answered.
    pub is_fixed: bool,
    /// Whether the headers of other software count: Envoy's fault headers and its count of attempts, and
    /// gRPC's `rpc-behavior`. Behind a proxy that acts on them itself, they would count twice.
    pub foreign_headers: bool,
    /// Whether `grpc.testing.TestService` is served as well, with which gRPC's own clients test servers.
    pub has_interop: bool,
    /// The seed of all draws: the same seed gives the same call the same delay.
    pub seed: u64,
    /// What a client may ask for.
    pub limits: Limits,
    /// How long everything goes on as before after a shutdown has begun, while health checks already report
    /// that the server is not serving, so that proxies stop sending calls. It does not shorten the drain,
    /// which follows it. Zero: no lame duck. [`Worker::drain`](crate::Worker::drain) has none.
    pub lame_duck: Duration,
    /// How long waiting calls may continue after the drain has begun.
    pub drain: Duration,
    /// How long before the end of a wait its worker starts to poll instead of sleeping: this is more precise,
    /// at the cost of up to one core per worker. At most [`LONGEST_SPIN`](longsync_timer::LONGEST_SPIN).
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
            foreign_headers: true,
            has_interop: false,
            seed: random(),
            limits: Limits::default(),
            lame_duck: Duration::ZERO,
            drain: Duration::from_secs(10),
            spin: Duration::ZERO,
        }
    }
}

/// An unpredictable number.
pub(crate) fn random() -> u64 {
    // The standard library seeds each hash map from the system's randomness, and offers no other access to
    // it.
    RandomState::new().build_hasher().finish()
}

/// What a client may ask for, and what all clients together may hold. Whatever exceeds a limit is refused
/// with a sentence that names the limit; nothing is clamped.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest delay.
    pub max_delay: Duration,
    /// The longest request message, in bytes. More than zero.
    pub max_message_bytes: u32,
    /// The most answers of one `LongSyncStream`. More than zero.
    pub max_count: u32,
    /// The largest `response_bytes`.
    pub max_response_bytes: u32,
    /// The most messages of one `LongSyncExchange` that may be waiting for their answers; at the limit, the
    /// server stops reading the stream.
    pub max_unanswered: NonZeroUsize,
    /// The most streams of one HTTP/2 connection, as advertised to the client.
    pub max_streams: u32,
    /// The most calls in flight over all connections. A waiting message of a `LongSyncExchange` takes a slot
    /// just as a call does; the first one in each exchange takes the slot of its call. More than zero.
    pub max_in_flight: u64,
    /// The most bytes of requests and answers held in memory over all connections. One connection holds
    /// at most half of them, and the last sixteenth is reserved for connections that hold at most 64
    /// KiB. More than zero.
    pub max_buffered_bytes: u64,
    /// How long a message may take once it has begun, plus one second for each 64 KiB of it that has
    /// arrived, counting only the time in which the server wants its bytes. The request of a call with
    /// only one message may take this long from the start of the call to the end of the request. After
    /// that, the call ends with `DEADLINE_EXCEEDED`, and counts as refused. A data frame that stalls in
    /// the middle for this long closes its connection. Must be more than zero.
    pub message_timeout: Duration,
    /// How long a client may take for its first bytes, for the head of a request, and for an HTTP/2
    /// frame that carries no data. After that, its connection is closed; an idle connection is not.
    /// Must be more than zero.
    pub head_timeout: Duration,
    /// The most open connections. [`None`] for as many as the process's limit on open files leaves room for.
    pub max_connections: Option<NonZeroUsize>,
}

impl Limits {
    /// The limits that must not be zero, with their names.
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
    fn invalid_options_are_refused_with_what_would_be_right() {
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
    fn a_limit_of_zero_that_lets_no_call_succeed_is_refused() {
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
