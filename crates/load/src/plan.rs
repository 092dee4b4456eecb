//! What a run does, and which plans are impossible.

use std::time::Duration;

use longsync_connect::Target;
use longsync_connect::request::{RequestError, check_headers};
use longsync_stats::{GoodStatuses, Loop, Moment, StopRule, StopRuleError};
use longsync_text::duration::LONGEST;
use longsync_text::grouped;
use longsync_timer::{SpinError, check_spin};
use tonic::metadata::MetadataMap;

use crate::long_sync::LongSync;
use crate::schedule::Schedule;
use crate::stop::StopCondition;

/// What a run does: values that are consistent with one another. Made by [`LoadPlan::builder`].
#[derive(Debug, Clone)]
pub struct LoadPlan<M = LongSync> {
    pub(crate) target: Target,
    pub(crate) method: M,
    pub(crate) schedule: Schedule,
    pub(crate) stop: StopCondition,
    pub(crate) metadata: MetadataMap,
    pub(crate) deadline: Option<Duration>,
    pub(crate) workers: usize,
    pub(crate) connections: ConnectionCount,
    pub(crate) max_in_flight: usize,
    pub(crate) good: GoodStatuses,
    pub(crate) stop_rules: Vec<StopRule>,
    pub(crate) sample: usize,
    pub(crate) seed: u64,
    pub(crate) warm_up: Duration,
    pub(crate) grace: Duration,
    pub(crate) spin: Duration,
}

/// How long a worker polls before a due time by default: at 20,000 calls per second, a sleep between two due
/// times uses as much of a core, and ends 20 us late.
pub const DEFAULT_SPIN: Duration = Duration::from_micros(20);

/// How many connections a run opens, over all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionCount {
    /// This many, opened when the run begins.
    Fixed(usize),
    /// One per worker when the run begins, and one more whenever the streams of all are taken, up to this
    /// many.
    Auto {
        /// The maximum number of connections.
        at_most: usize,
    },
}

impl ConnectionCount {
    /// How many are open when a run with this many workers begins.
    pub(crate) fn at_first(self, workers: usize) -> usize {
        match self {
            Self::Fixed(count) => count,
            Self::Auto { at_most } => workers.min(at_most),
        }
    }

    /// How many streams a run with this many workers may have, if the connections with which it begins have
    /// `at_first`.
    pub(crate) fn streams(self, at_first: usize, workers: usize) -> usize {
        match self {
            Self::Fixed(_) => at_first,
            Self::Auto { at_most } => {
                let per_connection = at_first.checked_div(self.at_first(workers));
                per_connection.unwrap_or_default().saturating_mul(at_most)
            }
        }
    }

    /// The maximum number of connections.
    pub(crate) fn at_most(self) -> usize {
        match self {
            Self::Fixed(count) | Self::Auto { at_most: count } => count,
        }
    }
}

/// A plan that has not been checked yet.
#[derive(Debug, Clone)]
#[must_use = "only `build` makes it a plan"]
pub struct LoadPlanBuilder<M = LongSync>(LoadPlan<M>);

/// How many calls per second can be drawn one by one, beside everything else that a core has to do: each
/// takes about 20 ns.
const MOST_DRAWN: u64 = 10_000_000;

/// The same for calls each of which may be part of a sample: after the run, those that were not sent are
/// offered to it.
const MOST_SAMPLED: u64 = 1_000_000;

/// Why a plan cannot be carried out with any server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadPlanError {
    /// It makes no calls.
    #[error(
        "this run makes no calls: stop it after at least one call, or after a time above zero in which its schedule is above 0"
    )]
    NoCalls,
    /// The number of something is 0.
    #[error("0 {what} are too few: give at least 1")]
    None {
        /// The things of which there are none.
        what: &'static str,
    },
    /// Some worker would have no connection.
    #[error(
        "{connections} connections are too few for {workers} workers: each needs one of its own"
    )]
    TooFewConnections {
        /// The planned number of connections.
        connections: usize,
        /// The planned number of workers.
        workers: usize,
    },
    /// Nothing ends the run.
    #[error("nothing ends this run: give a number of calls or, unless all are due at once, a time")]
    Endless,
    /// A stop rule is about a figure that such a run does not measure.
    #[error(transparent)]
    StopRule(#[from] StopRuleError),
    /// The schedule has no rate for a warm-up.
    #[error("no rate to warm up with: {what} has none; leave the warm-up out")]
    NoRateToWarmUp {
        /// The schedule.
        what: &'static str,
    },
    /// Every server would refuse the requests.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The spin would keep cores busy for nothing.
    #[error(transparent)]
    Spin(#[from] SpinError),
    /// Calls that have to be drawn one by one are due faster than they can be drawn.
    #[error(
        "{what} are drawn one by one, at most {} per second: lower the rate, or {instead}",
        grouped(*most)
    )]
    TooManyDrawn {
        /// The calls that are drawn one by one.
        what: &'static str,
        /// How many of them can be drawn per second.
        most: u64,
        /// What would be possible at any rate.
        instead: &'static str,
    },
    /// A time is too long for clocks and headers.
    #[error("the {what} is longer than 365 days: make it shorter")]
    TooLong {
        /// The name of the time.
        what: &'static str,
    },
}

impl<M> LoadPlan<M> {
    /// A plan for calls of this method, for instance unary calls of the contract: when they are due, and when
    /// no further call is made. By default, one worker makes them on one connection, with a grace of 10 s, no
    /// warm-up, no deadline, no metadata, [20 us](DEFAULT_SPIN) of polling before each due time, and at most
    /// a million calls in flight.
    pub fn builder(
        target: Target,
        method: M,
        schedule: Schedule,
        stop: StopCondition,
    ) -> LoadPlanBuilder<M> {
        LoadPlanBuilder(Self {
            target,
            method,
            schedule,
            stop,
            metadata: MetadataMap::new(),
            deadline: None,
            workers: 1,
            connections: ConnectionCount::Fixed(1),
            max_in_flight: 1_000_000,
            good: GoodStatuses::default(),
            stop_rules: Vec::new(),
            sample: 0,
            seed: 0,
            warm_up: Duration::ZERO,
            grace: Duration::from_secs(10),
            spin: DEFAULT_SPIN,
        })
    }
}

impl<M> LoadPlan<M> {
    /// What makes the run send its next call.
    pub fn kind(&self) -> Loop {
        match self.schedule {
            Schedule::Closed { .. } => Loop::Closed,
            _ => Loop::Open,
        }
    }

    /// Whether calls that are drawn one by one are due faster than that can be done.
    fn drawn_too_fast(&self) -> Option<LoadPlanError> {
        let calls = self.schedule.most_per_second()?.min(self.stop.most_calls());
        let drawn = [
            (
                self.sample > 0,
                LoadPlanError::TooManyDrawn {
                    what: "the calls of a sample",
                    most: MOST_SAMPLED,
                    instead: "leave the sample out",
                },
            ),
            (
                self.schedule.is_summed(),
                LoadPlanError::TooManyDrawn {
                    what: "Poisson arrivals",
                    most: MOST_DRAWN,
                    instead: "make them constant or uniform",
                },
            ),
        ];
        drawn.into_iter().filter(|(is_drawn, _)| *is_drawn).map(|(_, error)| error).find(
            |error| matches!(error, LoadPlanError::TooManyDrawn { most, .. } if calls > *most),
        )
    }

    /// When its last call is due, if calls have due times.
    pub(crate) fn last_due(&self) -> Option<Moment> {
        let last = self.schedule.last_due(self.stop.calls(), self.stop.time())?;
        Some(Moment::START + self.warm_up + last)
    }

    /// How long it records, if a time ends it: its own time, or that of the schedule.
    pub(crate) fn time(&self) -> Option<Duration> {
        [self.stop.time(), self.schedule.end()].into_iter().flatten().min()
    }

    /// How long it records unless it is stopped: until its [`time`](Self::time) is over or, if a number of
    /// calls ends it before, until the call after the last would be due. So n calls at a rate are recorded
    /// for n times its interval, however long the last of them takes. [`None`] if only the end of its last
    /// call decides this.
    pub(crate) fn records_for(&self) -> Option<Duration> {
        let calls = self.stop.calls().map(|calls| calls.saturating_add(1));
        let next_due = self.schedule.last_due(calls, self.stop.time());
        // A burst has no rate.
        next_due.or_else(|| self.time()).filter(|time| !time.is_zero())
    }
}

impl<M> LoadPlanBuilder<M> {
    /// The headers of each request.
    pub fn metadata(self, metadata: MetadataMap) -> Self {
        Self(LoadPlan { metadata, ..self.0 })
    }

    /// The deadline of each call.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self(LoadPlan { deadline: Some(deadline), ..self.0 })
    }

    /// The number of threads that send, each with its share of calls and connections.
    pub fn workers(self, workers: usize) -> Self {
        Self(LoadPlan { workers, ..self.0 })
    }

    /// The number of open connections, over all workers.
    pub fn connections(self, connections: usize) -> Self {
        Self(LoadPlan { connections: ConnectionCount::Fixed(connections), ..self.0 })
    }

    /// Opens further connections, up to this many, when the streams of all are taken.
    pub fn connections_at_most(self, at_most: usize) -> Self {
        Self(LoadPlan { connections: ConnectionCount::Auto { at_most }, ..self.0 })
    }

    /// The statuses with which a call is good; by default only `OK`.
    pub fn good_statuses(self, good: GoodStatuses) -> Self {
        Self(LoadPlan { good, ..self.0 })
    }

    /// The rules that end the run early.
    pub fn stop_rules(self, stop_rules: Vec<StopRule>) -> Self {
        Self(LoadPlan { stop_rules, ..self.0 })
    }

    /// The number of calls that are kept one by one, drawn evenly from all recorded calls, of which an open loop
    /// may then have at most 1,000,000 per second.
    pub fn sample(self, calls: usize) -> Self {
        Self(LoadPlan { sample: calls, ..self.0 })
    }

    /// The seed of random draws: which calls are kept one by one, and how long to wait before a lost
    /// connection is opened again.
    pub fn seed(self, seed: u64) -> Self {
        Self(LoadPlan { seed, ..self.0 })
    }

    /// How many calls may be in flight at once, over all workers; calls that are due beyond that are counted
    /// and not sent. A closed loop has its own number.
    pub fn max_in_flight(self, max_in_flight: usize) -> Self {
        Self(LoadPlan { max_in_flight, ..self.0 })
    }

    /// Warms the run up for this long, at the rate at which the schedule begins; these calls are not
    /// recorded. The schedule counts from the end of the warm-up.
    pub fn warm_up(self, warm_up: Duration) -> Self {
        Self(LoadPlan { warm_up, ..self.0 })
    }

    /// How long calls that are still open when the last one is sent may take to end.
    pub fn grace(self, grace: Duration) -> Self {
        Self(LoadPlan { grace, ..self.0 })
    }

    /// How long before each due time the workers poll instead of sleeping; by default [20 us](DEFAULT_SPIN),
    /// about the time that a core takes to wake. A much longer time makes sending accurate to the
    /// microsecond, at the cost of up to one core per worker. At most
    /// [`LONGEST_SPIN`](longsync_timer::LONGEST_SPIN).
    pub fn spin(self, spin: Duration) -> Self {
        Self(LoadPlan { spin, ..self.0 })
    }

    /// Checks the plan and returns it.
    ///
    /// # Errors
    /// If it cannot be carried out with any server.
    pub fn build(self) -> Result<LoadPlan<M>, LoadPlanError> {
        let plan = self.0;
        for (count, what) in [
            (plan.workers, "workers"),
            (plan.connections.at_most(), "connections"),
            (plan.max_in_flight, "calls in flight"),
        ] {
            if count == 0 {
                return Err(LoadPlanError::None { what });
            }
        }
        let (workers, connections) = (plan.workers, plan.connections.at_most());
        if connections < workers {
            return Err(LoadPlanError::TooFewConnections { connections, workers });
        }
        let times = [
            (plan.deadline, "deadline"),
            (Some(plan.warm_up), "warm-up"),
            (Some(plan.grace), "grace"),
            (plan.stop.time(), "time of the run"),
            (plan.schedule.think(), "think time"),
        ];
        if let Some((_, what)) = times.into_iter().find(|(time, _)| *time > Some(LONGEST)) {
            return Err(LoadPlanError::TooLong { what });
        }
        check_spin(plan.spin)?;
        let is_endless = match plan.schedule {
            Schedule::AtOnce => !plan.stop.is_counted(),
            ref schedule => !plan.stop.is_bounded() && schedule.end().is_none(),
        };
        if is_endless {
            return Err(LoadPlanError::Endless);
        }
        check_headers(&plan.metadata)?;
        plan.stop_rules.iter().try_for_each(|rule| rule.measured_in(plan.kind()))?;
        if plan.stop.is_at_once() || !plan.schedule.has_calls(plan.stop.time()) {
            return Err(LoadPlanError::NoCalls);
        }
        if let Some(error) = plan.drawn_too_fast() {
            return Err(error);
        }
        match plan.schedule.lacks_warm_up().filter(|_| !plan.warm_up.is_zero()) {
            Some(what) => Err(LoadPlanError::NoRateToWarmUp { what }),
            None => Ok(plan),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use longsync::v1::LongSyncRequest;
    use longsync_text::Rate;

    use super::*;
    use crate::schedule::Arrivals;

    fn plan(schedule: Schedule, stop: StopCondition) -> LoadPlanBuilder {
        let target = "http://127.0.0.1:1".parse().unwrap();
        let calls = LongSync::new(&LongSyncRequest::default()).unwrap();
        LoadPlan::builder(target, calls, schedule, stop)
    }

    #[test]
    fn a_schedule_that_ends_ends_the_run() {
        let profile = "constant(5/s, for=1s)".parse().unwrap();
        let schedule = Schedule::Open { profile, arrivals: Arrivals::Constant, seed: 0 };
        assert!(plan(schedule, StopCondition::with_the_schedule()).build().is_ok());
        let constant = Schedule::constant(Rate::per_second(5).unwrap());
        assert_eq!(
            refused(plan(constant, StopCondition::with_the_schedule())),
            LoadPlanError::Endless
        );
    }

    #[test]
    fn a_rate_of_zero_makes_no_calls_and_warms_nothing_up() {
        let second = Duration::from_secs(1);
        let of = |profile: &str| Schedule::Open {
            profile: profile.parse().unwrap(),
            arrivals: Arrivals::Poisson,
            seed: 1,
        };
        assert_eq!(
            refused(plan(of("constant(0/s)"), StopCondition::after(second))),
            LoadPlanError::NoCalls
        );
        let late = "constant(0/s, for=2s); constant(1/s)";
        assert_eq!(refused(plan(of(late), StopCondition::after(second))), LoadPlanError::NoCalls);
        assert!(plan(of(late), StopCondition::after(second * 3)).build().is_ok());
        let why =
            refused(plan(of(late), StopCondition::after(second * 3)).warm_up(second)).to_string();
        assert_eq!(
            why,
            "no rate to warm up with: a schedule that begins with 0 has none; leave the warm-up out"
        );
    }

    fn refused(builder: LoadPlanBuilder) -> LoadPlanError {
        builder.build().unwrap_err()
    }

    fn one() -> LoadPlanBuilder {
        plan(Schedule::AtOnce, StopCondition::after_calls(1))
    }

    #[test]
    fn a_run_ends() {
        let constant = Schedule::constant(Rate::per_second(1).unwrap());
        let closed = Schedule::closed(NonZeroUsize::MIN);
        let endless = StopCondition::after_calls(u64::MAX);
        for schedule in [constant.clone(), closed.clone(), Schedule::AtOnce] {
            assert_eq!(refused(plan(schedule, endless.clone())), LoadPlanError::Endless);
        }
        let second = StopCondition::after(Duration::from_secs(1));
        assert_eq!(refused(plan(Schedule::AtOnce, second.clone())), LoadPlanError::Endless);
        for schedule in [constant, closed] {
            assert!(plan(schedule, second.clone()).build().is_ok());
        }
    }

    #[test]
    fn a_run_makes_calls() {
        for stop in
            [StopCondition::after_calls(0), StopCondition::after_calls_or(9, Duration::ZERO)]
        {
            assert_eq!(refused(plan(Schedule::AtOnce, stop)), LoadPlanError::NoCalls);
        }
    }

    #[test]
    fn calls_that_are_drawn_one_by_one_are_not_faster_than_that() {
        let second = StopCondition::after(Duration::from_secs(1));
        let of = |profile: &str, arrivals| {
            let profile = profile.parse().unwrap();
            plan(Schedule::Open { profile, arrivals, seed: 0 }, second.clone())
        };
        assert_eq!(
            refused(of("constant(10000001/s)", Arrivals::Poisson)).to_string(),
            "Poisson arrivals are drawn one by one, at most 10,000,000 per second: lower the rate, or make them constant or uniform"
        );
        let peak = "line(from=1/s, to=1000M/s, in=1s)";
        assert_eq!(
            refused(of(peak, Arrivals::Constant).sample(1)).to_string(),
            "the calls of a sample are drawn one by one, at most 1,000,000 per second: lower the rate, or leave the sample out"
        );
        assert!(of(peak, Arrivals::Uniform).build().is_ok());
        assert!(of("constant(10M/s)", Arrivals::Poisson).build().is_ok());
        assert!(of("constant(1M/s)", Arrivals::Poisson).sample(1).build().is_ok());
        let burst = |calls| plan(Schedule::AtOnce, StopCondition::after_calls(calls)).sample(1);
        assert!(burst(MOST_SAMPLED).build().is_ok());
        assert!(matches!(refused(burst(MOST_SAMPLED + 1)), LoadPlanError::TooManyDrawn { .. }));
    }

    #[test]
    fn no_number_is_zero_and_each_worker_has_a_connection() {
        let none = |builder| refused(builder).to_string();
        assert_eq!(none(one().workers(0)), "0 workers are too few: give at least 1");
        assert_eq!(none(one().connections(0)), "0 connections are too few: give at least 1");
        assert_eq!(none(one().max_in_flight(0)), "0 calls in flight are too few: give at least 1");
        assert_eq!(
            none(one().workers(3).connections(2)),
            "2 connections are too few for 3 workers: each needs one of its own"
        );
    }

    #[test]
    fn headers_that_http2_cannot_carry_are_refused() {
        let mut metadata = MetadataMap::new();
        metadata.insert("connection", "close".parse().unwrap());
        let refused = refused(one().metadata(metadata));
        assert_eq!(refused, RequestError::OfConnection { name: "connection" }.into());
    }

    #[test]
    fn times_that_are_too_long_for_clocks_are_refused() {
        let long = LONGEST + Duration::from_nanos(1);
        for (builder, what) in [
            (one().deadline(long), "deadline"),
            (one().warm_up(long), "warm-up"),
            (one().grace(Duration::MAX), "grace"),
            (plan(Schedule::AtOnce, StopCondition::after_calls_or(1, long)), "time of the run"),
        ] {
            assert_eq!(refused(builder), LoadPlanError::TooLong { what });
        }
        let spinning = refused(one().spin(Duration::from_secs(10)));
        assert!(matches!(spinning, LoadPlanError::Spin(_)), "{spinning}");
        assert!(one().deadline(LONGEST).grace(LONGEST).build().is_ok());
    }
}
