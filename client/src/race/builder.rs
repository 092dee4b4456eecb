//! Builds the plan of a race, and checks it.

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_behavior::ParseBehaviorError;
use longsync_connect::Target;

use longsync_text::TypedDuration;
use longsync_text::duration::LONGEST;
use longsync_timer::{SpinError, check_spin};

use crate::race::delays::RaceDelays;
use crate::race::faults::RaceFaults;
use crate::race::plan::{Protocol, RacePlan, ThreadConnections};
use crate::race::way::Way;
use crate::request::check_deadline;
use crate::seed;

/// A plan that is not checked yet.
#[derive(Debug, Clone)]
#[must_use = "call `build` to get a plan"]
pub struct RacePlanBuilder {
    calls: usize,
    ways: Option<Vec<Way>>,
    seed: Option<u64>,
    rest: RacePlan,
}

/// Why a race is impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RacePlanError {
    /// It has no calls, or more than a million.
    #[error("a way makes from 1 to 1000000 calls, not {calls}")]
    Calls {
        /// The number of calls.
        calls: usize,
    },
    /// It has no ways.
    #[error("a race needs at least one way")]
    NoWays,
    /// A way is named twice.
    #[error("{way} is named twice: name each way once")]
    WayTwice {
        /// The way.
        way: Way,
    },
    /// It has a way that its protocol does not support.
    #[error(
        "an exchange is messages inside one stream, which HTTP/1.1 does not have: leave exchange out"
    )]
    ExchangeOverHttp,
    /// Spinning would not make any wait more precise.
    #[error(
        "nothing would spin, because with a target the server does all the waiting: leave spin out"
    )]
    NothingSpins,
    /// The spin is too long: it would keep cores busy for nothing.
    #[error(transparent)]
    Spin(#[from] SpinError),
    /// The deadline has passed before a call begins.
    #[error("{why}")]
    Deadline {
        /// The sentence that says what would be right.
        why: String,
    },
    /// Some calls would never end.
    #[error(
        "{clause} leaves calls without an answer, and {} would wait forever: give a deadline",
        if *is_cancelled { "threads, which are not cancelled," } else { "the race" }
    )]
    NoDeadline {
        /// The fault that leaves them without an answer.
        clause: String,
        /// Whether calls are to be cancelled.
        is_cancelled: bool,
    },
    /// A caller must not ask for this behavior.
    #[error(transparent)]
    Behavior(#[from] ParseBehaviorError),
    /// The delays are drawn by a server that is not in this process.
    #[error(
        "with a target, the server draws the delays by its own seed: start that server with this seed"
    )]
    SeedElsewhere,
    /// No delays are drawn.
    #[error(
        "a seed is for drawing the delays of a behavior, and there is no behavior: leave the seed out"
    )]
    NothingDrawn,
    /// A time is longer than clocks can represent.
    #[error("the {what} is longer than 365 days: make it shorter")]
    TooLong {
        /// The name of the time.
        what: &'static str,
    },
}

impl RacePlanBuilder {
    /// A plan with all ways of the protocol in `rest`.
    pub(super) fn new(calls: usize, rest: RacePlan) -> Self {
        Self { calls, ways: None, seed: None, rest }
    }

    /// The delays that calls ask the server for.
    pub fn delays(mut self, delays: RaceDelays) -> Self {
        self.rest.delays = delays;
        self
    }

    /// The seed by which a server inside this process draws, instead of a random one or that of the delays.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The ways, in the order in which they run. Over HTTP/1.1 there is no exchange.
    pub fn ways(mut self, ways: impl IntoIterator<Item = Way>) -> Self {
        self.ways = Some(ways.into_iter().collect());
        self
    }

    /// The server to call, instead of one inside this process.
    pub fn target(mut self, target: Target) -> Self {
        self.rest.target = Some(target);
        self
    }

    /// The protocol of the calls.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.rest.protocol = protocol;
        self
    }

    /// How long the sequential way may take; the rest of its time is projected.
    pub fn sequential_max(mut self, sequential_max: impl Into<TypedDuration>) -> Self {
        self.rest.sequential_max = sequential_max.into();
        self
    }

    /// Whether the threads share connections.
    pub fn thread_connections(mut self, thread_connections: ThreadConnections) -> Self {
        self.rest.thread_connections = thread_connections;
        self
    }

    /// How long after it was sent each call is cancelled; the calls of threads are not.
    pub fn cancel_after(mut self, after: impl Into<TypedDuration>) -> Self {
        self.rest.cancel_after = Some(after.into());
        self
    }

    /// How long after it was sent each call fails, if it has not ended by then. The server is told, too; in an
    /// exchange, it is the deadline of each stream.
    pub fn deadline(mut self, deadline: impl Into<TypedDuration>) -> Self {
        self.rest.deadline = Some(deadline.into());
        self
    }

    /// How long before the end of a wait its thread polls instead of sleeping. This makes the waits of the
    /// server inside this process, and those for a cancellation, more precise, at the cost of up to one core per
    /// thread. At most [`LONGEST_SPIN`](longsync_timer::LONGEST_SPIN).
    pub fn spin(mut self, spin: Duration) -> Self {
        self.rest.spin = spin;
        self
    }

    /// The maximum size of an answer in bytes, instead of 4 MiB.
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.rest.max_answer_bytes = Some(bytes);
        self
    }

    /// Checks the plan, and returns it.
    ///
    /// # Errors
    /// When the plan contradicts itself or is impossible.
    pub fn build(self) -> Result<RacePlan, RacePlanError> {
        let Self { calls, ways, seed, mut rest } = self;
        let in_range = NonZeroUsize::new(calls).filter(|calls| calls.get() <= RacePlan::MOST_CALLS);
        let in_range = in_range.ok_or(RacePlanError::Calls { calls })?;
        let ways = ways.unwrap_or_else(|| all_ways(rest.protocol));
        for (index, way) in ways.iter().enumerate() {
            if ways[..index].contains(way) {
                return Err(RacePlanError::WayTwice { way: *way });
            }
        }
        if ways.is_empty() {
            return Err(RacePlanError::NoWays);
        }
        if rest.protocol == Protocol::Http && ways.contains(&Way::Exchange) {
            return Err(RacePlanError::ExchangeOverHttp);
        }
        rest.delays = drawn(rest.delays, seed, rest.target.is_some())?;
        let plan = RacePlan { calls: in_range, ways, ..rest };
        plan.check_times()?;
        plan.check_ends()?;
        Ok(plan)
    }
}

impl RacePlan {
    /// A plan that makes this number of calls with these delays in each way. By default, a race has all ways
    /// that the protocol supports, runs over gRPC against a server inside this process, allows 10 s for the
    /// sequential way, has threads share connections, and neither cancels nor spins.
    pub fn builder(calls: usize, delays: RaceDelays) -> RacePlanBuilder {
        RacePlanBuilder::new(
            calls,
            Self {
                calls: NonZeroUsize::MIN,
                delays,
                ways: Vec::new(),
                target: None,
                protocol: Protocol::Grpc,
                sequential_max: Duration::from_secs(10).into(),
                thread_connections: ThreadConnections::Shared,
                cancel_after: None,
                deadline: None,
                spin: Duration::ZERO,
                max_answer_bytes: None,
            },
        )
    }

    /// How long after it was sent each call is cancelled.
    pub(super) fn cancel_after(&self) -> Option<Duration> {
        self.cancel_after.as_ref().map(TypedDuration::value)
    }

    /// How long after it was sent each call fails.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadline.as_ref().map(TypedDuration::value)
    }

    /// The longest that a call of a way may take. The calls of threads are not cancelled.
    pub(super) fn most_time(&self, way: Way) -> Option<Duration> {
        let cancelled = self.cancel_after().filter(|_| way != Way::Threads);
        [cancelled, self.deadline()].into_iter().flatten().min()
    }

    /// Whether every call ends, though perhaps not with an answer.
    fn check_ends(&self) -> Result<(), RacePlanError> {
        let hang = self.delays.faults().and_then(RaceFaults::hang);
        match hang.filter(|_| self.ways.iter().any(|way| self.most_time(*way).is_none())) {
            None => Ok(()),
            Some(clause) => Err(RacePlanError::NoDeadline {
                clause: clause.to_string(),
                is_cancelled: self.cancel_after.is_some(),
            }),
        }
    }

    fn check_times(&self) -> Result<(), RacePlanError> {
        let times = [
            (self.delays.mean(), "delay"),
            (self.sequential_max.value(), "time of the sequential way"),
            (self.cancel_after().unwrap_or_default(), "time until a call is cancelled"),
            (self.deadline().unwrap_or_default(), "deadline"),
        ];
        if let Some((_, what)) = times.into_iter().find(|(time, _)| *time > LONGEST) {
            return Err(RacePlanError::TooLong { what });
        }
        if let Some(deadline) = self.deadline() {
            check_deadline(deadline).map_err(|why| RacePlanError::Deadline { why })?;
        }
        check_spin(self.spin)?;
        // Only the server and cancellations wait in this process, and the calls of threads are not cancelled.
        let waits_here = self.target.is_none()
            || (self.cancel_after.is_some() && self.ways.iter().any(|way| *way != Way::Threads));
        if self.spin.is_zero() || waits_here { Ok(()) } else { Err(RacePlanError::NothingSpins) }
    }
}

/// The same delays, checked as a server checks those of a caller, or of its operator if it is inside this
/// process, except for its limit, and with the seed.
fn drawn(
    delays: RaceDelays,
    given: Option<u64>,
    is_elsewhere: bool,
) -> Result<RaceDelays, RacePlanError> {
    let RaceDelays::Drawn { behavior, seed } = &delays else {
        return if given.is_some() { Err(RacePlanError::NothingDrawn) } else { Ok(delays) };
    };
    let mut checked = RaceDelays::drawn(behavior.text())?;
    let drawn_by = match given.or(*seed) {
        Some(_) if is_elsewhere => return Err(RacePlanError::SeedElsewhere),
        None if !is_elsewhere => Some(seed::short()),
        seed => seed,
    };
    if is_elsewhere {
        checked.check_for_callers()?;
    }
    if let RaceDelays::Drawn { seed, .. } = &mut checked {
        *seed = drawn_by;
    }
    Ok(checked)
}

fn all_ways(protocol: Protocol) -> Vec<Way> {
    let mut ways = vec![Way::Sequential, Way::Threads, Way::Tasks];
    if protocol == Protocol::Grpc {
        ways.push(Way::Exchange);
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> RacePlanBuilder {
        RacePlan::builder(8, RaceDelays::Constant(Duration::from_millis(500)))
    }

    fn refused(builder: RacePlanBuilder) -> RacePlanError {
        builder.build().unwrap_err()
    }

    fn with_target() -> RacePlanBuilder {
        plan().target("http://127.0.0.1:9000".parse().unwrap())
    }

    #[test]
    fn by_default_a_race_has_all_ways_of_its_protocol() {
        let ways = |protocol| plan().protocol(protocol).build().unwrap().ways;
        let of_http = [Way::Sequential, Way::Threads, Way::Tasks];
        assert_eq!(ways(Protocol::Http), of_http);
        assert_eq!(ways(Protocol::Grpc), [&of_http[..], &[Way::Exchange]].concat());
    }

    #[test]
    fn calls_are_from_one_to_a_million() {
        let delays = || RaceDelays::Constant(Duration::ZERO);
        for calls in [0, RacePlan::MOST_CALLS + 1] {
            let refused = refused(RacePlan::builder(calls, delays()));
            assert_eq!(refused, RacePlanError::Calls { calls });
        }
        assert!(RacePlan::builder(RacePlan::MOST_CALLS, delays()).build().is_ok());
    }

    #[test]
    fn each_way_is_named_once_and_supported_by_the_protocol() {
        assert_eq!(refused(plan().ways([])), RacePlanError::NoWays);
        let twice = [Way::Tasks, Way::Threads, Way::Tasks];
        assert_eq!(refused(plan().ways(twice)), RacePlanError::WayTwice { way: Way::Tasks });
        let http = plan().protocol(Protocol::Http).ways([Way::Exchange]);
        assert_eq!(refused(http), RacePlanError::ExchangeOverHttp);
    }

    #[test]
    fn spin_is_refused_if_nothing_in_this_process_waits() {
        let spin = Duration::from_micros(200);
        assert!(plan().spin(spin).build().is_ok());
        assert_eq!(refused(with_target().spin(spin)), RacePlanError::NothingSpins);
        let cancelling = with_target().spin(spin).cancel_after(spin);
        assert!(cancelling.clone().build().is_ok());
        assert_eq!(refused(cancelling.ways([Way::Threads])), RacePlanError::NothingSpins);
    }

    fn with_behavior(text: &str) -> RacePlanBuilder {
        plan().delays(RaceDelays::Drawn { behavior: text.parse().unwrap(), seed: None })
    }

    #[test]
    fn a_seed_is_only_for_delays_drawn_inside_this_process() {
        assert_eq!(refused(plan().seed(1)), RacePlanError::NothingDrawn);
        let target = || "http://127.0.0.1:9000".parse().unwrap();
        let elsewhere = with_behavior("exponential(1s)").target(target());
        assert_eq!(elsewhere.clone().build().unwrap().delays.seed(), None);
        assert_eq!(refused(elsewhere.seed(1)), RacePlanError::SeedElsewhere);
        let here = with_behavior("exponential(1s)");
        assert_eq!(here.clone().seed(1).build().unwrap().delays.seed(), Some(1));
        let random = || here.clone().build().unwrap().delays.seed().unwrap();
        assert_ne!((random(), random()), (random(), random()));
        assert!(u32::try_from(random()).is_ok());
    }

    #[test]
    fn a_behavior_that_callers_may_not_ask_for_is_refused() {
        let why = refused(with_behavior("5ms; stall(for=1s)")).to_string();
        assert!(why.contains("column 6: only the server's own --behavior may"), "{why}");
    }

    #[test]
    fn times_that_clocks_cannot_represent_are_refused() {
        let long = LONGEST + Duration::from_nanos(1);
        for (builder, what) in [
            (plan().delays(RaceDelays::Jittered(long)), "delay"),
            (plan().sequential_max(Duration::MAX), "time of the sequential way"),
            (plan().cancel_after(long), "time until a call is cancelled"),
        ] {
            assert_eq!(refused(builder), RacePlanError::TooLong { what });
        }
    }

    #[test]
    fn a_spin_that_would_only_keep_cores_busy_is_refused() {
        let why = refused(plan().spin(Duration::from_secs(10)));
        assert!(matches!(why, RacePlanError::Spin(_)), "{why}");
    }
}
