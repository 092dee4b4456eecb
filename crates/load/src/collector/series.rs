//! The intervals of a run.

use std::time::Duration;

use longsync_stats::{Figures, Interval};

/// How many intervals are kept: longer runs have longer ones.
const MOST: usize = 600;

/// The intervals of a run, all with the same length in seconds.
#[derive(Debug)]
pub(super) struct IntervalSeries {
    length: u64,
    /// Whether the intervals are long enough for the entire run, not counting calls that end after the last
    /// due time.
    is_planned: bool,
    closed: Vec<Interval>,
    /// How many seconds the open interval has.
    seconds: u64,
    open: Box<Figures>,
    due: u64,
    in_flight: u64,
}

impl IntervalSeries {
    /// The intervals of a run that records for this long, if that is known.
    pub(super) fn new(time: Option<Duration>) -> Self {
        let seconds = time.map_or(1, |time| time.as_nanos().div_ceil(1_000_000_000));
        let length = u64::try_from(seconds).unwrap_or(u64::MAX).div_ceil(MOST as u64).max(1);
        Self {
            length,
            is_planned: time.is_some(),
            closed: Vec::new(),
            seconds: 0,
            open: Box::default(),
            due: 0,
            in_flight: 0,
        }
    }

    /// Adds the next second.
    pub(super) fn push(&mut self, figures: &Figures, due: u64, in_flight: u64) {
        if self.seconds == self.length {
            self.make_room();
        }
        if self.seconds == self.length {
            self.end_interval(Duration::from_secs(self.length));
        }
        self.open.merge(figures);
        self.seconds += 1;
        self.due += due;
        self.in_flight = in_flight;
    }

    /// All intervals; the last one ends when the run does.
    pub(super) fn finish(mut self, recorded: Duration) -> Vec<Interval> {
        let rest = recorded.saturating_sub(self.start());
        if self.seconds > 0 {
            self.make_room();
            self.end_interval(rest);
        }
        self.closed
    }

    /// Doubles the length of all intervals if their number has reached the limit. The open interval is then
    /// incomplete.
    fn make_room(&mut self) {
        if self.closed.len() < MOST || self.is_planned {
            return;
        }
        let mut closed = std::mem::take(&mut self.closed).into_iter();
        while let Some(mut interval) = closed.next() {
            if let Some(next) = closed.next() {
                interval.absorb(&next);
            }
            self.closed.push(interval);
        }
        self.length *= 2;
    }

    fn start(&self) -> Duration {
        self.closed.last().map_or(Duration::ZERO, |last| last.start + last.length)
    }

    fn end_interval(&mut self, length: Duration) {
        let start = self.start();
        let is_full = self.closed.len() >= MOST;
        let interval = Interval::new(start, length, self.due, self.in_flight, &self.open);
        match self.closed.last_mut() {
            // What became known at the very end, or after all planned intervals, belongs to the last one.
            Some(last) if is_full || length.is_zero() => last.absorb(&interval),
            _ => self.closed.push(interval),
        }
        self.open.clear();
        (self.seconds, self.due) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use longsync_stats::{CallRecord, Figure, Moment, Recorder, ServerWait, StatusCode};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

    use super::*;

    /// The figures of a second in which one call ended that took the given number of milliseconds.
    fn second(millis: u64) -> Box<Figures> {
        let mut recorder = Recorder::default();
        recorder.sent(None, Moment::START);
        let done = Moment::from_nanos(millis * 1_000_000);
        recorder.ended(&CallRecord::new(Moment::START, done, StatusCode::OK), None);
        recorder.exchange(Box::default())
    }

    fn of_seconds(time: Option<Duration>, seconds: u64, recorded: Duration) -> Vec<Interval> {
        let mut series = IntervalSeries::new(time);
        for number in 0..seconds {
            series.push(&second(number + 1), 1, number);
        }
        series.finish(recorded)
    }

    fn checked(intervals: &[Interval], seconds: u64, recorded: Duration) {
        let mut end = Duration::ZERO;
        for interval in intervals {
            assert_eq!(interval.start, end);
            end += interval.length;
        }
        assert_eq!(end, recorded);
        let values = intervals.iter().map(|it| it.distribution(Figure::ServiceTime).count());
        assert_eq!(values.sum::<u64>(), seconds);
        assert_eq!(intervals.iter().map(|interval| interval.due).sum::<u64>(), seconds);
    }

    #[test]
    fn a_short_run_has_one_interval_per_second_and_the_last_ends_with_the_run() {
        let recorded = Duration::from_millis(2_500);
        let intervals = of_seconds(Some(Duration::from_secs(3)), 3, recorded);
        assert_eq!(intervals.len(), 3);
        checked(&intervals, 3, recorded);
        assert_eq!(intervals[1].in_flight, 1);
    }

    #[test]
    fn a_call_that_ends_with_the_run_belongs_to_the_second_before() {
        let recorded = Duration::from_secs(2);
        let intervals = of_seconds(None, 3, recorded);
        assert_eq!(intervals.len(), 2);
        checked(&intervals, 3, recorded);
    }

    #[test]
    fn a_run_of_exactly_600_s_has_600_intervals_of_one_second() {
        let recorded = Duration::from_millis(603_010);
        let intervals = of_seconds(Some(Duration::from_secs(600)), 604, recorded);
        assert_eq!(intervals.len(), 600);
        assert_eq!(intervals[598].length, Duration::from_secs(1));
        checked(&intervals, 604, recorded);
    }

    #[test]
    fn a_long_run_has_at_most_600_intervals_whether_its_length_is_known_or_not() {
        for seconds in [600, 601, 1_199, 1_200, 1_201, 5_000] {
            let recorded = Duration::from_millis(seconds * 1_000 - 1);
            for time in [None, Some(Duration::from_secs(seconds))] {
                let intervals = of_seconds(time, seconds, recorded);
                assert!(intervals.len() <= 600 && intervals.len() >= 300, "{}", intervals.len());
                checked(&intervals, seconds, recorded);
            }
        }
    }

    /// The figures of 20,000 calls of an open loop whose delays have a median of 10 ms and a long tail.
    fn busy_second(random: &mut ChaCha8Rng) -> Box<Figures> {
        let mut exponential = |mean_ns: f64| {
            let uniform = (f64::from(random.next_u32()) + 1.0) / libm::exp2(32.0);
            Duration::from_secs_f64(-libm::log(uniform) * mean_ns / 1e9)
        };
        let mut recorder = Recorder::default();
        for number in 0..20_000 {
            let due = Moment::from_nanos(number * 50_000);
            let spread = exponential(1.0).as_secs_f64() * 1e9;
            let planned = Duration::from_secs_f64(0.005 * libm::exp2(spread));
            let waited = planned + exponential(1e4);
            let sent = due + exponential(3e3);
            let done = sent + waited + exponential(1e5);
            let waits = ServerWait { planned, waited, queued: Duration::ZERO, is_faulty: false };
            recorder.sent(Some(due), sent);
            let call = CallRecord::new(sent, done, StatusCode::OK);
            recorder.ended(&CallRecord { due: Some(due), waits: Some(waits), ..call }, None);
        }
        recorder.exchange(Box::default())
    }

    #[test]
    fn the_intervals_of_a_run_take_at_most_24_mib() {
        // The seed was written down before the first run.
        let mut random = ChaCha8Rng::seed_from_u64(15);
        let seconds = 10;
        let mut series = IntervalSeries::new(None);
        let figures: Vec<_> = (0..=seconds).map(|_| busy_second(&mut random)).collect();
        series.push(&figures[0], 20_000, 0);
        let kept = allocation_counter::measure(|| {
            // Each second closes the one before.
            figures[1..].iter().for_each(|figures| series.push(figures, 20_000, 0));
        });
        let bytes = kept.bytes_current * 600 / seconds;
        assert!(bytes > 1 << 20, "the bytes are not counted: {bytes}");
        assert!(bytes <= 24 << 20, "{bytes}");
    }
}
