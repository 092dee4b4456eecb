//! The cost for a worker of moving on to the next second.

use std::time::Instant;

use longsync::v1::LongSyncRequest;
use longsync_stats::{ServerWait, StatusCode};

use super::*;
use crate::long_sync::LongSync;
use crate::schedule::Schedule;
use crate::stop::StopCondition;

/// As many calls as end in one second of the load for which the engine was made.
const CALLS: u64 = 20_000;
const SECOND_NS: u64 = 1_000_000_000;

struct Worker {
    board: Board,
    records: Records,
}

impl Worker {
    fn new() -> Self {
        let target = "http://127.0.0.1:9000".parse().unwrap();
        let calls = LongSync::new(&LongSyncRequest::default()).unwrap();
        let plan =
            LoadPlan::builder(target, calls, Schedule::AtOnce, StopCondition::after_calls(1));
        let plan = plan.build().unwrap();
        Self { board: Board::new(&plan), records: Records::new(&plan, 0) }
    }

    /// Records the calls of one second; their times span three orders of magnitude.
    fn record(&mut self, second: u64) {
        for call in 0..CALLS {
            let due = Moment::from_nanos(second * SECOND_NS + call * (SECOND_NS / 2 / CALLS));
            let nanos = 100_000 * (1 + call * 7_919 % 1_000);
            let [planned, waited] = [nanos, nanos + 10_000].map(Duration::from_nanos);
            let waits = ServerWait { planned, waited, queued: Duration::ZERO, is_faulty: false };
            let sent = due + Duration::from_nanos(2_000 + call % 1_000);
            let done = sent + waited + Duration::from_nanos(100_000 + call);
            self.records.sent(Some(due), sent);
            let ended = CallRecord::new(sent, done, StatusCode::OK);
            self.records.ended(
                &CallRecord { number: call, due: Some(due), waits: Some(waits), ..ended },
                None,
            );
        }
    }

    fn advance_to(&mut self, second: u64) {
        let now = Moment::from_nanos(second * SECOND_NS);
        self.records.advance(now, &self.board);
    }

    /// How many calls were in the seconds that were closed.
    fn closed(&self) -> Vec<(u64, u64)> {
        let mut closed = Vec::new();
        self.board.take_closed(|second| closed.push((second.number, second.figures.counts.sent)));
        closed
    }
}

#[test]
fn another_second_allocates_nothing_even_if_the_collector_is_late() {
    let mut worker = Worker::new();
    for round in 0..3 {
        // The last three of these six seconds have no empty figures left, because the collector takes none in
        // between.
        let seconds = round * 6..round * 6 + 6;
        for second in seconds.clone() {
            worker.record(second);
            let swapped = allocation_counter::measure(|| worker.advance_to(second + 1));
            assert_eq!(swapped.count_total, 0, "second {second}");
        }
        let closed = worker.closed();
        assert_eq!(closed.len(), 3, "{closed:?}");
        assert_eq!(closed.last(), Some(&(seconds.start + 2, CALLS)));
    }
}

/// p99 of 1,000 swaps, each after a second of calls. Run it alone, in release mode, on a core of its own:
/// `taskset -c 1 cargo test --release -p longsync-load --lib -- --ignored --nocapture another_second_takes`.
#[test]
#[ignore = "a measurement: it needs a release build and a core to itself"]
fn another_second_takes_at_most_5_microseconds() {
    let mut worker = Worker::new();
    let mut took: Vec<Duration> = (0..1_000)
        .map(|second| {
            worker.record(second);
            let began = Instant::now();
            worker.advance_to(second + 1);
            let took = began.elapsed();
            assert_eq!(worker.closed(), [(second, CALLS)]);
            took
        })
        .collect();
    took.sort_unstable();
    let [p50, p99, longest] = [499, 989, 999].map(|rank| took[rank]);
    println!("a swap takes {p50:?} at p50, {p99:?} at p99, {longest:?} at most");
    assert!(p99 <= Duration::from_micros(5), "{p99:?}");
}
