//! The figures that are expected of a queue.

use std::fmt;
use std::time::Duration;

use longsync_text::Rate;
use longsync_text::duration::rounded;

use super::simulation::{Plan, SimulatedQueue};
use super::{BoundedQueue, ExponentialQueue, erlang_b, pollaczek_khinchine};
use crate::behavior::Behavior;
use crate::delay::duration;
use crate::explain::DisplayShare;
use crate::queue::{Queue, QueueOrder};

/// Where a figure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FigureSource {
    /// It was computed.
    Formula,
    /// It was measured in a simulation, which is the same in every run.
    Simulation,
}

/// A figure, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure<T> {
    /// The figure.
    pub value: T,
    /// Where it comes from.
    pub source: FigureSource,
}

/// What is expected of a behavior with a queue if calls arrive as a Poisson process, each drawing the delay of
/// a first attempt.
///
/// Faults, stalls, deadlines and cancellation are not taken into account. All figures but `shed` and
/// `utilization` are of the calls that are not refused.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct QueueForecast {
    /// How many workers would be busy on average if there were enough.
    pub load: f64,
    /// The share of time for which a worker is busy, from 0 to 1.
    pub utilization: Figure<f64>,
    /// The share of calls that are refused, from 0 to 1.
    pub shed: Figure<f64>,
    /// The share of calls that stand, from 0 to 1.
    pub waits: Figure<f64>,
    /// How long calls stand on average, including those that do not.
    pub mean_queued: Figure<Duration>,
    /// The median response: standing and service together.
    pub p50_response: Figure<Duration>,
    /// The 99th percentile of the response.
    pub p99_response: Figure<Duration>,
    /// Whether a simulation was long enough for the queue to settle. Close to full utilization, that takes
    /// arrivals in proportion to 1 / (1 - utilization)² (W. Whitt, *Planning queueing simulations*, 1989), or to
    /// the square of the limit, if that is less; and each busy worker needs a number of calls.
    pub is_settled: bool,
    /// The mean of the delays that a simulation drew, as a share of the mean of all delays; 1 without a
    /// simulation. If it is not close to 1, the mean depends on delays so rare that the simulation drew too few
    /// or too many of them.
    pub drawn: f64,
}

/// How far from 1 the share of the mean that was drawn may be.
const TOLERANCE: f64 = 0.05;

/// How many times the square of a queue's memory a simulation lasts at least if it is long enough.
const SETTLING: f64 = 1_000.0;

/// How many calls each busy worker has at least if a simulation is long enough. Workers that began at the same
/// moment with calls of the same length go on in step, so that with fewer rounds it matters where the last ends.
const ROUNDS: f64 = 20.0;

/// The share of refused calls that is as good as none.
const NEGLIGIBLE: f64 = 1e-9;

/// What is known before anything is simulated. Times are in nanoseconds.
struct Expected<'a> {
    behavior: &'a Behavior,
    queue: &'a Queue,
    rate: f64,
    mean: f64,
    load: f64,
    calls: Option<u64>,
}

/// How many calls a mean within 5 % needs at this utilization; see the tests of [`VirtualQueue`].
///
/// [`VirtualQueue`]: crate::queue::VirtualQueue
fn enough_calls(utilization: f64) -> u64 {
    // Well above 1, the line is always full, which needs no more than when it is mostly empty.
    if (0.8..1.25).contains(&utilization) { 12_000_000 } else { 2_000_000 }
}

impl QueueForecast {
    /// The forecast for calls at this rate. [`None`] if the behavior has no queue, or no calls arrive. Figures
    /// without a formula take a simulation in which two million calls are taken, or twelve million close to
    /// full utilization: a second or two, or several.
    pub fn of(behavior: &Behavior, rate: Rate) -> Option<Self> {
        Self::with_calls(behavior, rate, None)
    }

    /// The same, but if it takes a simulation, then one in which this many calls are taken, however many are
    /// refused. The fewer, the less exact.
    pub fn of_calls(behavior: &Behavior, rate: Rate, calls: u64) -> Option<Self> {
        Self::with_calls(behavior, rate, Some(calls))
    }

    fn with_calls(behavior: &Behavior, rate: Rate, calls: Option<u64>) -> Option<Self> {
        const NANOS: f64 = 1e9;
        let queue = behavior.queue().filter(|_| !rate.is_zero())?;
        let rate = rate.calls_per_second() / NANOS;
        let mean = behavior.delays(1).mean_nanos();
        let load = rate * mean;
        let expected = Expected { behavior, queue, rate, mean, load, calls };
        Some(if queue.limit() == 0 {
            expected.without_places()
        } else if behavior.delay().is_exponential() {
            expected.exponential()
        } else if expected.is_single_worker_that_keeps_up() {
            expected.single_worker()
        } else {
            expected.simulated()
        })
    }
}

impl Expected<'_> {
    fn workers(&self) -> f64 {
        f64::from(self.queue.workers())
    }

    /// The share of time for which a worker is busy if this share of calls is refused.
    fn utilization(&self, shed: f64) -> f64 {
        self.load * (1.0 - shed) / self.workers()
    }

    fn without_places(&self) -> QueueForecast {
        let shed = erlang_b(self.queue.workers(), self.load);
        let response = |p| formula(self.behavior.delays(1).quantile(p));
        QueueForecast {
            load: self.load,
            utilization: formula(self.utilization(shed)),
            shed: formula(shed),
            waits: formula(0.0),
            mean_queued: formula(Duration::ZERO),
            p50_response: response(0.5),
            p99_response: response(0.99),
            is_settled: true,
            drawn: 1.0,
        }
    }

    /// The order in which calls are served makes no difference to the means.
    fn exponential(&self) -> QueueForecast {
        let bounded = BoundedQueue::new(self.queue.workers(), self.queue.limit(), self.load);
        let unbounded = ExponentialQueue::new(self.queue.workers(), self.load);
        let is_simple = self.queue.order() == QueueOrder::Fifo && bounded.shed() < NEGLIGIBLE;
        let (responses, drawn) = if let Some(queue) = unbounded.filter(|_| is_simple) {
            let response = |p| formula(duration(queue.response_quantile(p) * self.mean));
            ([0.5, 0.99].map(response), 1.0)
        } else {
            let run = self.simulate();
            (responses(&run), self.drawn(&run))
        };
        QueueForecast {
            load: self.load,
            utilization: formula(self.utilization(bounded.shed())),
            shed: formula(bounded.shed()),
            waits: formula(bounded.waits()),
            mean_queued: formula(duration(bounded.mean_queued() * self.mean)),
            p50_response: responses[0],
            p99_response: responses[1],
            is_settled: self.is_settled(),
            drawn,
        }
    }

    /// Whether a single worker hardly ever has to refuse a call, by an estimate of the number of calls that
    /// stand: in heavy traffic that number is exponentially distributed (J. F. C. Kingman, 1962), unless a
    /// single long service lets the line grow.
    fn is_single_worker_that_keeps_up(&self) -> bool {
        let delays = self.behavior.delays(1);
        let limit = f64::from(self.queue.limit());
        let variation =
            if self.mean > 0.0 { delays.second_moment() / (self.mean * self.mean) } else { 1.0 };
        let decay = 2.0 * (1.0 - self.load) / (self.load * variation);
        let longest = crate::shape::nanos(delays.quantile(1.0 - NEGLIGIBLE));
        self.queue.workers() == 1
            && self.load < 1.0
            && decay * limit >= -libm::log(NEGLIGIBLE)
            && self.rate * longest <= limit / 2.0
    }

    fn single_worker(&self) -> QueueForecast {
        let second_moment = self.behavior.delays(1).second_moment();
        let run = self.simulate();
        let [p50_response, p99_response] = responses(&run);
        QueueForecast {
            load: self.load,
            utilization: formula(self.load),
            shed: formula(0.0),
            waits: formula(self.load),
            mean_queued: formula(duration(pollaczek_khinchine(
                self.rate,
                self.mean,
                second_moment,
            ))),
            p50_response,
            p99_response,
            is_settled: self.is_settled(),
            drawn: self.drawn(&run),
        }
    }

    fn simulated(&self) -> QueueForecast {
        let run = self.simulate();
        let [p50_response, p99_response] = responses(&run);
        let shed = run.shed();
        // If all calls are taken, so is all their work. Of those that are not refused, only the simulation
        // knows how long they take.
        let is_all_taken = shed <= 0.0 && self.wanted_utilization() < 1.0;
        let utilization = if is_all_taken {
            formula(self.wanted_utilization())
        } else {
            simulated(run.utilization())
        };
        QueueForecast {
            load: self.load,
            utilization,
            shed: simulated(shed),
            waits: simulated(run.waits()),
            mean_queued: simulated(duration(run.mean_queued())),
            p50_response,
            p99_response,
            is_settled: self.is_settled(),
            drawn: self.drawn(&run),
        }
    }

    /// Without refusals.
    fn wanted_utilization(&self) -> f64 {
        self.load / self.workers()
    }

    fn calls(&self) -> u64 {
        self.calls.unwrap_or_else(|| enough_calls(self.wanted_utilization()))
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn is_settled(&self) -> bool {
        let distance = (1.0 - self.wanted_utilization()).abs();
        let memory = (1.0 / distance).min(f64::from(self.queue.limit()));
        let busy = self.load.min(self.workers());
        self.calls() as f64 >= (SETTLING * memory * memory).max(ROUNDS * busy)
    }

    /// The share of the mean delay that a simulation drew.
    fn drawn(&self, run: &SimulatedQueue) -> f64 {
        if self.mean > 0.0 { run.mean_drawn() / self.mean } else { 1.0 }
    }

    fn simulate(&self) -> SimulatedQueue {
        let (queue, delay, mean) = (self.queue, self.behavior.delay(), self.mean);
        Plan { queue, delay, interval: 1.0 / self.rate, mean, calls: self.calls() }.run()
    }
}

/// The median response and the 99th percentile.
fn responses(run: &SimulatedQueue) -> [Figure<Duration>; 2] {
    [0.5, 0.99].map(|p| simulated(duration(run.response_quantile(p))))
}

fn formula<T>(value: T) -> Figure<T> {
    Figure { value, source: FigureSource::Formula }
}

fn simulated<T>(value: T) -> Figure<T> {
    Figure { value, source: FigureSource::Simulation }
}

impl fmt::Display for FigureSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Formula => "formula",
            Self::Simulation => "simulation",
        })
    }
}

/// Prints one figure per line, with its source.
impl fmt::Display for QueueForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |of: &Figure<f64>| (DisplayShare(of.value).to_string(), of.source);
        let time = |of: &Figure<Duration>| (rounded(of.value), of.source);
        let rows = [
            ("utilization", share(&self.utilization)),
            ("refused", share(&self.shed)),
            ("stand", share(&self.waits)),
            ("mean queued", time(&self.mean_queued)),
            ("p50 response", time(&self.p50_response)),
            ("p99 response", time(&self.p99_response)),
        ];
        let width =
            rows.iter().map(|(_, (value, _))| value.len()).max().unwrap_or_default().max(10);
        for (name, (value, source)) in &rows {
            writeln!(f, "  {name:<14}{value:<width$}  {source}")?;
        }
        let is_simulated = rows.iter().any(|(_, (_, source))| *source == FigureSource::Simulation);
        if is_simulated && !self.is_settled {
            writeln!(
                f,
                "so close to capacity, or with so many workers, a queue takes longer to settle than the \
                 simulation lasted: its figures are those of a queue that is still changing"
            )?;
        }
        if (self.drawn - 1.0).abs() > TOLERANCE {
            let drawn = DisplayShare(self.drawn);
            let side = if self.drawn < 1.0 { "low" } else { "high" };
            writeln!(
                f,
                "rare long delays dominate the mean: those that the simulation drew have {drawn} of it, so \
                 that its figures are too {side}"
            )?;
        }
        Ok(())
    }
}
