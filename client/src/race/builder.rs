//! A plan of a race in the making, and why it may be none.

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_behavior::{Behavior, DEFAULT_MOST, ParseBehaviorError, Rules};
use longsync_connect::Target;

use longsync_text::TypedDuration;
use longsync_text::duration::LONGEST;
use longsync_timer::{SpinError, check_spin};

use crate::race::delays::RaceDelays;
use crate::race::plan::{Protocol, RacePlan, ThreadConnections};
use crate::race::way::Way;
use crate::seed;

/// A plan that is not checked yet.
#[derive(Debug, Clone)]
#[must_use = "it is `build` that makes a plan"]
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
    #[error("a way makes from 1 to 1000000 calls, and {calls} are asked for")]
    Calls {
        /// How many.
        calls: usize,
    },
    /// There is nothing to compare.
    #[error("a race needs at least one way")]
    NoWays,
    /// A way is named twice.
    #[error("{way} is among the ways twice: name each way once")]
    WayTwice {
        /// Which.
        way: Way,
    },
    /// It has a way that its protocol lacks.
    #[error("exchange has no HTTP/1.1 form, it is messages inside a stream: race the others")]
    ExchangeOverHttp,
    /// No wait of this process would be more precise.
    #[error("nothing would spin: with a target the server does all the waiting")]
    NothingSpins,
    /// Cores would be busy for nothing.
    #[error(transparent)]
    Spin(#[from] SpinError),
    /// A caller may not ask for this behavior.
    #[error(transparent)]
    Behavior(#[from] ParseBehaviorError),
    /// The server that draws is elsewhere.
    #[error("with a target its server draws, by a seed of its own: give that server the seed")]
    SeedElsewhere,
    /// No delay is drawn.
    #[error("a seed is what the delays of a behavior are drawn by, and there is no behavior")]
    NothingDrawn,
    /// A time is too long for clocks.
    #[error("the {what} is longer than 365 days: make it shorter")]
    TooLong {
        /// Which.
        what: &'static str,
    },
}

impl RacePlanBuilder {
    /// With all ways of the protocol in `rest`.
    pub(super) fn new(calls: usize, rest: RacePlan) -> Self {
        Self { calls, ways: None, seed: None, rest }
    }

    /// How long the server is asked to wait for each call.
    pub fn delays(mut self, delays: RaceDelays) -> Self {
        self.rest.delays = delays;
        self
    }

    /// What a server inside this process draws by, instead of a random seed or that of the delays.
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

    /// How long the sequential way may take; what is left then is projected.
    pub fn sequential_max(mut self, sequential_max: impl Into<TypedDuration>) -> Self {
        self.rest.sequential_max = sequential_max.into();
        self
    }

    /// Whose connections the threads use.
    pub fn thread_connections(mut self, thread_connections: ThreadConnections) -> Self {
        self.rest.thread_connections = thread_connections;
        self
    }

    /// How long after it was sent each call is cancelled, unless a thread waits for it.
    pub fn cancel_after(mut self, after: impl Into<TypedDuration>) -> Self {
        self.rest.cancel_after = Some(after.into());
        self
    }

    /// For how long before a wait ends its thread polls instead of sleeping: the waits of the server
    /// inside this process, and those for a cancellation. More precise, at the cost of one core per thread.
    /// At most [`LONGEST_SPIN`](longsync_timer::LONGEST_SPIN).
    pub fn spin(mut self, spin: Duration) -> Self {
        self.rest.spin = spin;
        self
    }

    /// How many bytes an answer may have, instead of 4 MiB.
    pub fn max_answer_bytes(mut self, bytes: usize) -> Self {
        self.rest.max_answer_bytes = Some(bytes);
        self
    }

    /// The plan.
    ///
    /// # Errors
    /// When it contradicts itself, or cannot be carried out.
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
        Ok(plan)
    }
}

impl RacePlan {
    /// In each way this number of calls, with these delays. Unless told otherwise, in all ways that the
    /// protocol has, over gRPC, against a server inside this process, with 10 s for the sequential way, a
    /// connection that threads share, no cancellation and no spinning.
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
                spin: Duration::ZERO,
                max_answer_bytes: None,
            },
        )
    }

    /// How long after it was sent each call is cancelled.
    pub(super) fn cancel_after(&self) -> Option<Duration> {
        self.cancel_after.as_ref().map(TypedDuration::value)
    }

    fn check_times(&self) -> Result<(), RacePlanError> {
        let times = [
            (self.delays.mean(), "delay"),
            (self.sequential_max.value(), "time of the sequential way"),
            (self.cancel_after().unwrap_or_default(), "time until a call is cancelled"),
        ];
        if let Some((_, what)) = times.into_iter().find(|(time, _)| *time > LONGEST) {
            return Err(RacePlanError::TooLong { what });
        }
        check_spin(self.spin)?;
        // The waits of this process are those of the server in it, and of cancels; threads have none.
        let waits_here = self.target.is_none()
            || (self.cancel_after.is_some() && self.ways.iter().any(|way| *way != Way::Threads));
        if self.spin.is_zero() || waits_here { Ok(()) } else { Err(RacePlanError::NothingSpins) }
    }
}

/// The same delays, drawn as a server draws them for a caller.
fn drawn(
    delays: RaceDelays,
    given: Option<u64>,
    is_elsewhere: bool,
) -> Result<RaceDelays, RacePlanError> {
    let RaceDelays::Drawn { behavior, seed } = delays else {
        return if given.is_some() { Err(RacePlanError::NothingDrawn) } else { Ok(delays) };
    };
    let behavior = Behavior::read(behavior.text(), &Rules::caller(DEFAULT_MOST))?;
    let seed = match given.or(seed) {
        Some(_) if is_elsewhere => return Err(RacePlanError::SeedElsewhere),
        None if !is_elsewhere => Some(seed::short()),
        seed => seed,
    };
    Ok(RaceDelays::Drawn { behavior, seed })
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
    fn unless_told_otherwise_a_race_has_all_ways_of_its_protocol() {
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
    fn each_way_is_named_once_and_is_one_of_the_protocol() {
        assert_eq!(refused(plan().ways([])), RacePlanError::NoWays);
        let twice = [Way::Tasks, Way::Threads, Way::Tasks];
        assert_eq!(refused(plan().ways(twice)), RacePlanError::WayTwice { way: Way::Tasks });
        let http = plan().protocol(Protocol::Http).ways([Way::Exchange]);
        assert_eq!(refused(http), RacePlanError::ExchangeOverHttp);
    }

    #[test]
    fn spinning_is_for_waits_of_this_process() {
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
    fn a_seed_is_for_what_a_server_inside_this_process_draws() {
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
    fn what_no_server_takes_from_a_caller_is_refused() {
        let why = refused(with_behavior("5ms; stall(for=1s)")).to_string();
        assert!(why.contains("column 6: only the server's own --behavior may"), "{why}");
    }

    #[test]
    fn times_that_clocks_do_not_hold_are_refused() {
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
