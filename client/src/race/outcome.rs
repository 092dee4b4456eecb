//! The measurements of a race, and figures derived from them. Pure.

use std::time::Duration;

use crate::race::plan::RacePlan;
use crate::race::reported_wait::ReportedWait;
use crate::race::way::Way;
use longsync_connect::Target;

/// The measurements of a race.
#[derive(Debug, Clone)]
pub struct Race {
    /// The plan of the race.
    pub plan: RacePlan,
    /// The server that was called; [`None`] if the one inside this process was never started.
    pub target: Option<Target>,
    /// Whether it was ended early.
    pub is_interrupted: bool,
    /// The ways, in the order in which they ran.
    pub runs: Vec<WayRun>,
}

/// The measurements of one way.
#[derive(Debug, Clone)]
pub struct WayRun {
    /// The way.
    pub way: Way,
    /// The time from its start to the end of its last call, including projected calls.
    pub wall: Duration,
    /// The number of threads that made its calls.
    pub threads: usize,
    /// The number of connections that they used.
    pub connections: usize,
    /// The number of streams: one per call, or one per many messages in an exchange.
    pub streams: usize,
    /// Its cost in this process, including the server if that is inside.
    pub cost: ProcessCost,
    /// Its calls, in the planned order. Empty if the way was skipped.
    pub rows: Vec<RaceCall>,
    /// Why the way was skipped, or why it did not make all its calls.
    pub trouble: Option<String>,
    /// The number of calls (in an exchange, streams) which the server refused without processing them, so
    /// that they were sent again on another connection.
    pub retried: usize,
    /// The reason why the first of those was refused, such as `GOAWAY NO_ERROR`.
    pub refusal: Option<String>,
    /// The server's counts while the way ran, if calls were cancelled.
    pub server: Option<ServerView>,
}

/// The cost of a way in its process, as far as the system reports it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessCost {
    /// How much the process's memory grew at its peak, compared with the start.
    pub memory_added_bytes: Option<u64>,
    /// The number of context switches.
    pub switches: Option<u64>,
}

/// The server's counts while a way ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerView {
    /// The calls that ended because the client cancelled them or disconnected.
    pub cancelled: u64,
    /// The mean time that those calls had waited; [`None`] if there were none.
    pub cancelled_after_mean: Option<Duration>,
    /// The 99th percentile of that time; [`None`] if the server is remote.
    pub cancelled_after_p99: Option<Duration>,
}

/// The calls of a way that a planned fault hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultHits<'a> {
    /// The fault, as a clause of the server's behavior.
    pub clause: &'a str,
    /// The number of calls that failed by it.
    pub failed: usize,
    /// The number of calls that were answered nonetheless.
    pub answered: usize,
}

/// One call, in time since its way's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaceCall {
    /// When it was sent, or would have been; [`None`] if it was not sent.
    pub sent: Option<Duration>,
    /// How and when it ended.
    pub end: CallEnd,
}

/// How a call ended. The list of ends is complete, so the enum is exhaustive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallEnd {
    /// With its answer.
    Answered {
        /// When it was done.
        done: Duration,
        /// The delay that the server planned, as it reported.
        planned: Option<Duration>,
        /// How long the server waited, as it reported.
        waited: Option<Duration>,
        /// The planned fault that the server applied to it, as it reported: a clause of its behavior.
        fault: Option<Box<str>>,
    },
    /// With an error.
    Failed {
        /// When it was done.
        done: Duration,
        /// The status: the name of a gRPC code, or the number of an HTTP one.
        status: String,
        /// The message of the status.
        message: String,
        /// What the server reported of it, or what its seed says of it; [`None`] if neither is known. With a
        /// fault, the call failed as planned.
        reported: Option<Box<ReportedWait>>,
    },
    /// The client cancelled it, as planned.
    Cancelled {
        /// When it was done.
        done: Duration,
    },
    /// It was not made, and is projected from the measurements.
    Projected {
        /// When it would have been done.
        done: Duration,
    },
    /// It did not end before the race was ended or the way was given up.
    Unfinished,
}

impl CallEnd {
    /// An answer of which the server reported this.
    pub(super) fn reported(done: Duration, reported: ReportedWait) -> Self {
        let ReportedWait { planned, waited, fault } = reported;
        Self::Answered { done, planned, waited, fault }
    }

    /// An answer that no fault changed.
    pub fn answered(done: Duration, planned: Option<Duration>, waited: Option<Duration>) -> Self {
        Self::Answered { done, planned, waited, fault: None }
    }

    /// Whether this is the same end as another, apart from its time.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Failed { status, message, .. },
                Self::Failed { status: other_status, message: other_message, .. },
            ) => (status, message) == (other_status, other_message),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

impl RaceCall {
    /// A call that was never sent.
    pub const UNSENT: Self = Self { sent: None, end: CallEnd::Unfinished };

    /// When the call was done, or is projected to be; [`None`] if it is unfinished.
    pub fn done(&self) -> Option<Duration> {
        match self.end {
            CallEnd::Answered { done, .. }
            | CallEnd::Failed { done, .. }
            | CallEnd::Cancelled { done }
            | CallEnd::Projected { done } => Some(done),
            CallEnd::Unfinished => None,
        }
    }

    /// The planned delay that the server reported, of an answer or of a failure. A delay longer than the call
    /// itself is discarded.
    pub fn planned(&self) -> Option<Duration> {
        let planned = match &self.end {
            CallEnd::Answered { planned, .. } => *planned,
            CallEnd::Failed { reported, .. } => reported.as_ref()?.planned,
            CallEnd::Cancelled { .. } | CallEnd::Projected { .. } | CallEnd::Unfinished => None,
        };
        let took = self.done()?.saturating_sub(self.sent?);
        // The rates of two machines' clocks differ by far less than this.
        let most = took.saturating_add(took / 1_000).saturating_add(Duration::from_millis(1));
        planned.filter(|planned| *planned <= most)
    }

    /// How long the server waited, as it reported.
    pub fn waited(&self) -> Option<Duration> {
        match &self.end {
            CallEnd::Answered { waited, .. } => *waited,
            CallEnd::Failed { reported, .. } => reported.as_ref()?.waited,
            CallEnd::Cancelled { .. } | CallEnd::Projected { .. } | CallEnd::Unfinished => None,
        }
    }

    /// The planned fault that was applied to it, as a clause of the server's behavior.
    pub fn fault(&self) -> Option<&str> {
        match &self.end {
            CallEnd::Answered { fault, .. } => fault.as_deref(),
            CallEnd::Failed { reported, .. } => reported.as_ref()?.fault.as_deref(),
            CallEnd::Cancelled { .. } | CallEnd::Projected { .. } | CallEnd::Unfinished => None,
        }
    }

    /// Whether it failed by a planned fault.
    pub fn has_failed_as_planned(&self) -> bool {
        matches!(self.end, CallEnd::Failed { .. }) && self.fault().is_some()
    }

    /// The delay that it had to wait, as far as the server reported it: none, if a fault came before the wait.
    pub(super) fn delayed(&self) -> Option<Duration> {
        let is_before = self.has_failed_as_planned() && self.waited() == Some(Duration::ZERO);
        self.planned().or_else(|| is_before.then_some(Duration::ZERO))
    }

    /// Whether it was not made but projected.
    pub fn is_projected(&self) -> bool {
        matches!(self.end, CallEnd::Projected { .. })
    }
}

impl WayRun {
    /// A way that was not run, with the reason.
    pub fn skipped(way: Way, why: String) -> Self {
        Self {
            way,
            wall: Duration::ZERO,
            threads: 0,
            connections: 0,
            streams: 0,
            cost: ProcessCost::default(),
            rows: Vec::new(),
            trouble: Some(why),
            retried: 0,
            refusal: None,
            server: None,
        }
    }

    /// Whether the way was not run.
    pub fn is_skipped(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of calls that were answered.
    pub fn answered(&self) -> usize {
        self.count(|end| matches!(end, CallEnd::Answered { .. }))
    }

    /// The number of calls that failed.
    pub fn failed(&self) -> usize {
        self.count(|end| matches!(end, CallEnd::Failed { .. }))
    }

    /// The number of calls that failed by a planned fault.
    pub fn failed_as_planned(&self) -> usize {
        self.rows.iter().filter(|row| row.has_failed_as_planned()).count()
    }

    /// The number of calls that failed, but by no fault that is known to be planned.
    pub fn failed_otherwise(&self) -> usize {
        self.failed() - self.failed_as_planned()
    }

    /// The clauses of the faults that hit its calls, each with the number of its calls, in the order of the first
    /// of those.
    pub fn faults(&self) -> Vec<FaultHits<'_>> {
        let mut all = Vec::<FaultHits<'_>>::new();
        for row in &self.rows {
            let Some(clause) = row.fault() else { continue };
            let index = all.iter().position(|hits| hits.clause == clause).unwrap_or_else(|| {
                all.push(FaultHits { clause, failed: 0, answered: 0 });
                all.len() - 1
            });
            if row.has_failed_as_planned() {
                all[index].failed += 1;
            } else {
                all[index].answered += 1;
            }
        }
        all
    }

    /// The number of calls that were sent or failed to be sent.
    pub fn made(&self) -> usize {
        self.rows.iter().filter(|row| !row.is_projected() && **row != RaceCall::UNSENT).count()
    }

    /// The number of calls that were cancelled as planned.
    pub fn cancelled(&self) -> usize {
        self.count(|end| matches!(end, CallEnd::Cancelled { .. }))
    }

    /// The number of calls that were not made but projected.
    pub fn projected(&self) -> usize {
        self.count(|end| matches!(end, CallEnd::Projected { .. }))
    }

    /// The number of calls that were unanswered when the race or the way was ended.
    pub fn unfinished(&self) -> usize {
        self.count(|end| *end == CallEnd::Unfinished)
    }

    fn count(&self, is_such: impl Fn(&CallEnd) -> bool) -> usize {
        self.rows.iter().filter(|row| is_such(&row.end)).count()
    }

    /// Whether all its calls were answered, failed as planned or, from at least one of those, projected.
    pub fn is_whole(&self) -> bool {
        let ended = self.answered() + self.failed_as_planned();
        ended > 0 && ended + self.projected() == self.rows.len()
    }

    /// The time from its start to the end of the last call that was made.
    pub fn measured(&self) -> Duration {
        if self.projected() == 0 {
            return self.wall;
        }
        let made = self.rows.iter().filter(|row| !row.is_projected());
        made.filter_map(RaceCall::done).max().unwrap_or_default()
    }

    /// Whether calls were made, and each had ended when it was to be cancelled, this long after it was sent.
    /// The calls of threads are never cancelled, so their durations decide.
    pub fn left_nothing_to_cancel(&self, after: Duration) -> bool {
        let took = |row: &RaceCall| Some(row.done()?.saturating_sub(row.sent?));
        let is_longer = |row: &RaceCall| took(row).is_some_and(|took| took > after);
        self.made() > 0
            && self.cancelled() == 0
            && self.unfinished() == 0
            && (self.way != Way::Threads || !self.rows.iter().any(is_longer))
    }

    /// The most calls that were in flight at once, without those that were only projected.
    pub fn most_in_flight(&self) -> usize {
        let mut events: Vec<(Duration, i32)> = Vec::with_capacity(self.rows.len() * 2);
        for row in self.rows.iter().filter(|row| !row.is_projected()) {
            let Some(sent) = row.sent else { continue };
            events.push((sent, 1));
            events.extend(row.done().map(|done| (done, -1)));
        }
        // At the same instant, an end counts before a start.
        events.sort_unstable();
        let (mut in_flight, mut most) = (0, 0);
        for (_, change) in events {
            in_flight += change;
            most = most.max(in_flight);
        }
        usize::try_from(most).unwrap_or(0)
    }

    /// The place of each call in the order of answers, from 1; [`None`] for a call without an answer.
    pub fn order_of_answers(&self) -> Vec<Option<usize>> {
        let mut answered: Vec<(Duration, usize)> = Vec::with_capacity(self.rows.len());
        for (index, row) in self.rows.iter().enumerate() {
            if let CallEnd::Answered { done, .. } | CallEnd::Projected { done } = row.end {
                answered.push((done, index));
            }
        }
        answered.sort_unstable();
        let mut order = vec![None; self.rows.len()];
        for (place, (_, index)) in answered.into_iter().enumerate() {
            order[index] = Some(place + 1);
        }
        order
    }
}

impl Race {
    /// A race in which no way was run, with the reason.
    pub fn unrun(plan: &RacePlan, why: &str, is_interrupted: bool) -> Self {
        let skipped = |way: &Way| WayRun::skipped(*way, why.to_owned());
        let runs = plan.ways.iter().map(skipped).collect();
        let target = plan.target.clone();
        Self { plan: plan.clone(), target, is_interrupted, runs }
    }

    /// Whether the race failed: no call was answered, and none was cancelled or failed as planned. A race that
    /// was ended before its first way began has not failed.
    pub fn has_failed(&self) -> bool {
        let has_none = |run: &WayRun| {
            run.answered() == 0 && run.cancelled() == 0 && run.failed_as_planned() == 0
        };
        !self.runs.is_empty() && self.runs.iter().all(has_none)
    }

    /// The run of a way, if it is [whole](WayRun::is_whole).
    pub fn whole(&self, way: Way) -> Option<&WayRun> {
        self.runs.iter().find(|run| run.way == way && run.is_whole())
    }

    /// The speed-up of a way over sequential calls; [`None`] unless it is [whole](WayRun::is_whole).
    pub fn speed_up(&self, run: &WayRun) -> Option<f64> {
        let is_whole = run.is_whole() && !run.wall.is_zero();
        is_whole.then(|| self.one_by_one(run).as_secs_f64() / run.wall.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(spans: &[(u64, u64)]) -> WayRun {
        let row = |&(sent, took): &(u64, u64)| RaceCall {
            sent: Some(Duration::from_millis(sent)),
            end: CallEnd::answered(Duration::from_millis(sent + took), None, None),
        };
        WayRun {
            wall: Duration::from_millis(
                spans.iter().map(|(sent, took)| sent + took).max().unwrap_or(0),
            ),
            threads: 1,
            connections: 1,
            streams: spans.len(),
            rows: spans.iter().map(row).collect(),
            trouble: None,
            ..WayRun::skipped(Way::Tasks, String::new())
        }
    }

    #[test]
    fn a_reported_delay_longer_than_its_call_is_discarded() {
        let ms = Duration::from_millis;
        for (planned, is_believed) in
            [(ms(90), true), (ms(100), true), (ms(102), false), (ms(1 << 35), false)]
        {
            let end = CallEnd::answered(ms(150), Some(planned), None);
            let row = RaceCall { sent: Some(ms(50)), end };
            assert_eq!(row.planned(), Some(planned).filter(|_| is_believed), "{planned:?}");
        }
        assert_eq!(RaceCall::UNSENT.planned(), None);
    }

    proptest! {
        /// The most in flight is the highest count at the start of any call.
        #[test]
        fn most_in_flight_is_the_highest_count_at_a_start(spans in proptest::collection::vec((0_u64..50, 1_u64..50), 0..30)) {
            let at = |time: u64| spans.iter().filter(|(sent, took)| *sent <= time && time < sent + took).count();
            let expected = spans.iter().map(|(sent, _)| at(*sent)).max().unwrap_or(0);
            prop_assert_eq!(run(&spans).most_in_flight(), expected);
        }

        /// The order of answers is a permutation of the calls, sorted by their ends.
        #[test]
        fn the_order_of_answers_is_the_order_of_their_ends(spans in proptest::collection::vec((0_u64..50, 1_u64..50), 0..30)) {
            let run = run(&spans);
            let order = run.order_of_answers();
            let mut by_place: Vec<_> = order.iter().zip(&run.rows).map(|(place, row)| (*place, row.done())).collect();
            by_place.sort_unstable();
            prop_assert!(by_place.iter().map(|(place, _)| *place).eq((1..=spans.len()).map(Some)));
            prop_assert!(by_place.is_sorted_by_key(|(_, done)| *done));
        }
    }

    #[test]
    fn of_sequential_calls_one_is_in_flight() {
        assert_eq!(run(&[(0, 10), (10, 10), (20, 10)]).most_in_flight(), 1);
    }

    #[test]
    fn an_unfinished_call_stays_in_flight() {
        let mut unfinished = run(&[(0, 10), (20, 10)]);
        unfinished.rows[0].end = CallEnd::Unfinished;
        assert_eq!((unfinished.most_in_flight(), unfinished.unfinished()), (2, 1));
        assert!(!unfinished.is_whole());
    }

    #[test]
    fn the_measured_time_leaves_out_projected_calls() {
        let mut partly = run(&[(0, 10), (10, 10)]);
        partly.rows[1].end = CallEnd::Projected { done: Duration::from_millis(20) };
        assert_eq!(partly.measured(), Duration::from_millis(10));
        assert_eq!((partly.wall, partly.is_whole()), (Duration::from_millis(20), true));
    }

    #[test]
    fn a_way_that_made_no_call_is_not_whole_and_had_nothing_in_flight() {
        let mut unmade = run(&[(0, 10), (10, 10)]);
        for row in &mut unmade.rows {
            row.end = CallEnd::Projected { done: Duration::from_millis(20) };
        }
        assert_eq!((unmade.made(), unmade.most_in_flight()), (0, 0));
        assert!(!unmade.is_whole() && !unmade.left_nothing_to_cancel(Duration::from_millis(50)));
    }

    #[test]
    fn a_way_that_was_skipped_is_not_whole() {
        let skipped = WayRun::skipped(Way::Threads, "too many".to_owned());
        assert!(skipped.is_skipped() && !skipped.is_whole());
    }
}
