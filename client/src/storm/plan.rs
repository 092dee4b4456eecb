//! The plan of a storm, and its checks. Pure.

use std::ops::{Deref, Range, RangeInclusive};
use std::time::Duration;

use longsync_behavior::{Behavior, ParseBehaviorError, Queue, Rules};
use longsync_text::duration::text;
use longsync_text::{Rate, counted};

use crate::seed;
use crate::storm::load_share::LoadShare;
use crate::storm::retry::FIRST_PAUSE;
use crate::storm::series::SLOT;
use crate::storm::trigger::Trigger;
use crate::storm::way::StormWay;

/// The calls that may be due per second: fewer are too few to tell 95 % of them from all, and more, each made
/// several times, are more than one thread can make on time.
const RATES: RangeInclusive<f64> = 20.0..=5_000.0;
/// How long a way must go on after the trigger: three seconds tell whether it is whole again.
const SHORTEST: Duration = Duration::from_secs(3);
/// How many times the mean time to answer it takes a server that starts empty to settle: of exponential
/// times, 1 in 150 is longer.
const ANSWERS_TO_SETTLE: u32 = 5;
/// By how much chance may change the share of calls answered before the trigger: 2.5 times as much is 5 %.
const CHANCE: f64 = 0.02;
const LONGEST: Duration = Duration::from_secs(3_600);

/// What a storm is made of. [`StormPlan::new`] checks it.
#[derive(Debug, Clone)]
pub struct StormOptions {
    /// The ways, in the order in which they run.
    pub ways: Vec<StormWay>,
    /// How many calls the server serves at a time.
    pub workers: u32,
    /// How long a service takes on average; it is exponential.
    pub service: Duration,
    /// How much of the server's capacity first attempts take.
    pub load: LoadShare,
    /// What happens once.
    pub trigger: Trigger,
    /// How long clients wait for each attempt.
    pub timeout: Duration,
    /// How many attempts a call has at most.
    pub attempts: u32,
    /// How many calls may stand in the way that has a limit.
    pub limit: u32,
    /// The longest pause before a retry in the way that has back-off.
    pub backoff_max: Duration,
    /// How long a way runs at least before its trigger. The plan makes it longer if services are long.
    pub before: Duration,
    /// How long a way runs after its trigger.
    pub duration: Duration,
    /// The seed of arrivals, services and back-off; [`None`]: a random one.
    pub seed: Option<u64>,
}

impl Default for StormOptions {
    fn default() -> Self {
        Self {
            ways: StormWay::ALL.into(),
            workers: 10,
            service: Duration::from_millis(10),
            load: "80%".parse().expect("80 % is a load"),
            trigger: Trigger::Stall(Duration::from_secs(1)),
            timeout: Duration::from_millis(100),
            attempts: 4,
            limit: 50,
            backoff_max: Duration::from_secs(1),
            before: Duration::from_secs(4),
            duration: Duration::from_secs(15),
            seed: None,
        }
    }
}

/// A consistent plan of a storm. Dereferences to its [`StormOptions`].
#[derive(Debug, Clone)]
pub struct StormPlan {
    options: StormOptions,
    rate: Rate,
    seed: u64,
}

/// Why a storm is impossible.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StormPlanError {
    /// It has no ways.
    #[error("a storm needs at least one way")]
    NoWays,
    /// A way is named twice.
    #[error("{way} is named twice: name each way once")]
    WayTwice {
        /// The way.
        way: StormWay,
    },
    /// The workers, or how many may stand, are out of range.
    #[error("{what} must be from 1 to {most}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// The most of it.
        most: u32,
    },
    /// A time is out of range.
    #[error("{what} must be from {} to {}", text(*.least), text(*.most))]
    Time {
        /// The name of the time.
        what: &'static str,
        /// The shortest.
        least: Duration,
        /// The longest.
        most: Duration,
    },
    /// The time after the trigger cannot be split into seconds.
    #[error("the duration must be whole seconds, because what happens is counted per second")]
    NotWholeSeconds,
    /// An attempt would still be waited for when the way has ended.
    #[error("the timeout must be shorter than the duration: otherwise nobody sees it pass")]
    TimeoutOverDuration,
    /// Too few or too many calls would be due.
    #[error(
        "{load} of what {} with {} per call can serve is {rate:.1} calls per second, and a storm needs {} to \
         {}: change the load, the workers or the service",
        counted(*.workers as usize, "worker"),
        text(*.service),
        RATES.start(),
        RATES.end(),
    )]
    Rate {
        /// The load that was asked for.
        load: LoadShare,
        /// How many calls the server serves at a time.
        workers: u32,
        /// How long each takes.
        service: Duration,
        /// How many calls would be due per second.
        rate: f64,
    },
    /// The behavior of the server cannot be written.
    #[error(transparent)]
    Behavior(#[from] ParseBehaviorError),
}

impl StormPlan {
    /// Checks the options.
    ///
    /// # Errors
    /// If they contradict one another or are impossible.
    pub fn new(options: StormOptions) -> Result<Self, StormPlanError> {
        check_ways(&options.ways)?;
        check_counts(&options)?;
        check_times(&options)?;
        let seed = options.seed.unwrap_or_else(seed::short);
        let plan = Self { rate: rate(&options)?, options, seed };
        plan.ways.iter().try_for_each(|way| plan.behavior(*way).map(drop))?;
        Ok(plan)
    }

    /// How many calls are due per second.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// The seed of all draws.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// When the trigger begins and ends, from the start of a way. Its end is also that of a slot of the
    /// series, so that seconds are counted from there.
    pub fn trigger_at(&self) -> Range<Duration> {
        let lasts = self.trigger.lasts();
        let before = self.before.max(self.settled() + self.judged());
        let slots = (before + lasts).as_nanos().div_ceil(SLOT.as_nanos());
        let end = SLOT * u32::try_from(slots).unwrap_or(u32::MAX);
        end.saturating_sub(lasts)..end
    }

    /// When a server that started empty answers about as many calls as arrive, from the start of a way. Whether
    /// it was whole before its trigger is judged from there on.
    pub fn settled(&self) -> Duration {
        self.time_to_answer() * ANSWERS_TO_SETTLE
    }

    /// How long it takes to judge that: calls that are in the server at the start and the end of that time make
    /// its answers differ from its arrivals.
    fn judged(&self) -> Duration {
        let rate = self.rate.calls_per_second();
        let inside = rate * self.time_to_answer().as_secs_f64();
        Duration::from_secs_f64((2.0 * inside).sqrt() / (CHANCE * rate))
    }

    /// About how long a call takes, on average, that stands first. Nobody is answered in time who stands for
    /// longer than the timeout, and a server without spare capacity does not settle.
    fn time_to_answer(&self) -> Duration {
        let spare = 1.0 - self.load.fraction();
        if spare <= 0.0 {
            return self.service;
        }
        let stands = 1.0 / (self.capacity() * spare);
        self.service + Duration::from_secs_f64(stands.min(self.timeout.as_secs_f64()))
    }

    /// How long each way runs.
    pub fn whole(&self) -> Duration {
        self.trigger_at().end + self.duration
    }

    /// How many calls per second the server can serve.
    pub(super) fn capacity(&self) -> f64 {
        f64::from(self.workers) / self.service.as_secs_f64()
    }

    /// How many calls may stand.
    pub fn limit_of(&self, way: StormWay) -> u32 {
        if way == StormWay::Limit { self.limit } else { Queue::MOST }
    }

    /// The behavior of a way's server.
    pub(super) fn behavior(&self, way: StormWay) -> Result<Behavior, ParseBehaviorError> {
        let abandoned = if way.works_on_abandoned() { ", abandoned=work" } else { "" };
        let start = self.trigger_at().start;
        let behavior = format!(
            "exponential({}); queue(workers={}, limit={}{abandoned}); stall(at={}, for={}, from=first_call)",
            text(self.service),
            self.workers,
            self.limit_of(way),
            text(start),
            text(self.trigger.lasts()),
        );
        Behavior::read(&behavior, &Rules::default())
    }
}

impl Deref for StormPlan {
    type Target = StormOptions;

    fn deref(&self) -> &StormOptions {
        &self.options
    }
}

fn check_ways(ways: &[StormWay]) -> Result<(), StormPlanError> {
    let twice = ways.iter().enumerate().find(|(index, way)| ways[..*index].contains(way));
    match twice {
        Some((_, way)) => Err(StormPlanError::WayTwice { way: *way }),
        None if ways.is_empty() => Err(StormPlanError::NoWays),
        None => Ok(()),
    }
}

fn check_counts(options: &StormOptions) -> Result<(), StormPlanError> {
    let counts = [
        ("the number of workers", options.workers, 10_000),
        ("the number of attempts", options.attempts, 100),
        ("the limit", options.limit, Queue::MOST),
    ];
    match counts.into_iter().find(|(_, count, most)| *count == 0 || count > most) {
        Some((what, _, most)) => Err(StormPlanError::Count { what, most }),
        None => Ok(()),
    }
}

fn check_times(options: &StormOptions) -> Result<(), StormPlanError> {
    let millisecond = Duration::from_millis(1);
    let minute = Duration::from_secs(60);
    let times = [
        ("the service", options.service, Duration::from_micros(100), minute),
        ("the timeout", options.timeout, millisecond, minute),
        ("the duration", options.duration, SHORTEST, LONGEST),
        ("the time before the trigger", options.before, SLOT, LONGEST),
        ("the stall", options.trigger.lasts(), millisecond, minute),
        ("the longest back-off", options.backoff_max, FIRST_PAUSE, minute),
    ];
    let is_out = |(_, time, least, most): &(_, Duration, _, _)| time < least || time > most;
    if let Some((what, _, least, most)) = times.into_iter().find(is_out) {
        return Err(StormPlanError::Time { what, least, most });
    }
    if options.duration.subsec_nanos() != 0 {
        return Err(StormPlanError::NotWholeSeconds);
    }
    if options.timeout >= options.duration {
        return Err(StormPlanError::TimeoutOverDuration);
    }
    Ok(())
}

fn rate(options: &StormOptions) -> Result<Rate, StormPlanError> {
    // Of a share in millionths of a percent and a service in nanoseconds: millionths of a call per hour.
    const PER_HOUR: u128 = 3_600 * 1_000_000 * 1_000_000_000 / 100_000_000;
    let StormOptions { load, workers, service, .. } = *options;
    let share = u128::from(load.millionths_of_percent());
    let millionths = share * u128::from(workers) * PER_HOUR / service.as_nanos();
    let rate = u64::try_from(millionths).ok().and_then(Rate::from_millionths_per_hour);
    let rate = rate.unwrap_or(Rate::HIGHEST);
    let calls = rate.calls_per_second();
    if RATES.contains(&calls) {
        Ok(rate)
    } else {
        Err(StormPlanError::Rate { load, workers, service, rate: calls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut StormOptions)) -> String {
        let mut options = StormOptions::default();
        change(&mut options);
        StormPlan::new(options).unwrap_err().to_string()
    }

    #[test]
    fn by_default_800_calls_are_due_per_second_at_a_server_for_1000() {
        let plan = StormPlan::new(StormOptions::default()).unwrap();
        assert_eq!(plan.rate(), Rate::per_second(800).unwrap());
        assert_eq!(plan.trigger_at(), Duration::from_secs(4)..Duration::from_secs(5));
        assert_eq!(plan.whole(), Duration::from_secs(20));
        assert_eq!(
            plan.behavior(StormWay::Limit).unwrap().text(),
            "exponential(10ms); queue(workers=10, limit=50, abandoned=work); \
             stall(at=4s, for=1s, from=first_call)"
        );
        let free = plan.behavior(StormWay::Free).unwrap();
        assert!(free.text().contains("queue(workers=10, limit=1000000);"), "{}", free.text());
    }

    #[test]
    fn a_trigger_ends_with_a_slot() {
        let trigger = Trigger::Stall(Duration::from_millis(1_100));
        let plan = StormPlan::new(StormOptions { trigger, ..StormOptions::default() }).unwrap();
        let millis = Duration::from_millis;
        assert_eq!(plan.trigger_at(), millis(4_150)..millis(5_250));
    }

    #[test]
    fn the_longer_a_service_the_longer_a_way_runs_before_its_trigger() {
        let plan = |workers, service, load: &str| {
            let service = Duration::from_millis(service);
            let load = load.parse().unwrap();
            let timeout = Duration::from_secs(5);
            let options =
                StormOptions { workers, service, load, timeout, ..StormOptions::default() };
            StormPlan::new(options).unwrap()
        };
        let ordinary = plan(10, 10, "80%");
        assert_eq!(ordinary.settled(), Duration::from_millis(75));
        // Of a server that is overloaded, nothing can be awaited.
        assert_eq!(plan(10, 10, "100%").settled(), Duration::from_millis(50));
        for overloaded in ["100%", "300%"] {
            assert_eq!(plan(10, 10, overloaded).trigger_at().start, Duration::from_secs(4));
        }
        let long = plan(50, 500, "40%");
        let (settled, start) = (long.settled().as_secs_f64(), long.trigger_at().start);
        assert!((2.5..2.7).contains(&settled), "{settled}");
        assert!((10..12).contains(&start.as_secs()), "{start:?}");
        // Calls that stand for longer than the timeout are not waited for.
        assert!(plan(10, 10, "99.9999%").settled() <= Duration::from_millis(25_050));
    }

    #[test]
    fn what_is_impossible_is_refused_with_what_would_be_right() {
        let seconds = Duration::from_secs;
        assert_eq!(refused(|it| it.ways.clear()), "a storm needs at least one way");
        let twice = refused(|it| it.ways = vec![StormWay::Work, StormWay::Work]);
        assert_eq!(twice, "work is named twice: name each way once");
        assert_eq!(refused(|it| it.attempts = 0), "the number of attempts must be from 1 to 100");
        assert_eq!(refused(|it| it.timeout = seconds(0)), "the timeout must be from 1ms to 1m");
        assert_eq!(refused(|it| it.duration = seconds(2)), "the duration must be from 3s to 1h");
        let uneven = refused(|it| it.duration = Duration::from_millis(3_500));
        assert!(uneven.contains("whole seconds"), "{uneven}");
        let long = refused(|it| it.timeout = seconds(15));
        assert!(long.contains("shorter than the duration"), "{long}");
        let many = refused(|it| it.load = "1000%".parse().unwrap());
        assert!(many.contains("10000.0 calls per second, and a storm needs 20 to 5000"), "{many}");
        assert!(refused(|it| it.load = "500.01%".parse().unwrap()).contains("is 5000.1 calls"));
        let most = StormOptions { load: "500%".parse().unwrap(), ..StormOptions::default() };
        assert_eq!(StormPlan::new(most).unwrap().rate(), Rate::per_second(5_000).unwrap());
        assert!(refused(|it| it.load = "1.99%".parse().unwrap()).contains("is 19.9 calls"));
        let one = refused(|it| (it.workers, it.service) = (1, seconds(1)));
        assert!(one.contains("of what 1 worker with 1s per call"), "{one}");
        let stall = |lasts| refused(|it| it.trigger = Trigger::Stall(lasts));
        let lengths = "the stall must be from 1ms to 1m";
        assert_eq!([stall(Duration::from_micros(999)), stall(seconds(61))], [lengths; 2]);
        let pauses = "the longest back-off must be from 50ms to 1m";
        let pause = |longest| refused(|it| it.backoff_max = longest);
        assert_eq!([pause(Duration::from_millis(49)), pause(seconds(61))], [pauses; 2]);
        let few = refused(|it| it.service = seconds(1));
        assert!(few.contains("is 8.0 calls per second"), "{few}");
    }
}
