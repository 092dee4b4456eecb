//! Loads as the engine would have measured them, from given calls.

use std::time::Duration;

use longsync_client::load::{Report, Settings};
use longsync_load::{Fate, Load, RunEnd, SampledCall};
use longsync_stats::{
    CallRecord, Figures, Interval, Moment, NotSentReason, Recorder, ServerWait, StatusCode,
    TransportFailure, WorkerTime,
};

const SECOND: u64 = 1_000_000_000;
const UNAVAILABLE: i32 = 14;

/// A run of the given number of seconds, in each of which `record` records what happened.
pub(crate) fn run(seconds: u64, mut record: impl FnMut(u64, &mut Recorder)) -> Load {
    let mut recorder = Recorder::default();
    let (mut whole, mut intervals) = (Figures::default(), Vec::new());
    for second in 0..seconds {
        record(second, &mut recorder);
        let figures = recorder.exchange(Box::default());
        let start = Duration::from_secs(second);
        let due = figures.counts.due();
        intervals.push(Interval::new(start, Duration::from_secs(1), due, 12, &figures));
        whole.merge(&figures);
    }
    let mut load = Load::of(whole, intervals);
    load.texts = recorder.texts().clone();
    load.succession = recorder.succession().clone();
    load.connections = 4;
    load.workers = Some(vec![WorkerTime {
        wall: Duration::from_secs(seconds),
        cpu: Duration::from_millis(seconds * 300),
        ..WorkerTime::default()
    }]);
    load
}

/// A number from 0 to 1 that looks random.
fn chance(number: u64) -> f64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    f64::from(u32::try_from((mixed ^ (mixed >> 29)) >> 32).unwrap()) / f64::from(u32::MAX)
}

/// How long the server waits for a call: 5 ms, and an exponential tail of 3 ms.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is under a minute")]
fn waited_ns(number: u64) -> u64 {
    (5e6 - 3e6 * (1.0 - chance(number) * 0.999_999).ln()) as u64
}

fn waits(planned_ns: u64) -> ServerWait {
    let nanos = Duration::from_nanos;
    let (planned, queued) = (nanos(planned_ns), nanos(0));
    ServerWait { planned, queued, waited: nanos(planned_ns + 40_000), is_faulty: false }
}

/// A call that was good, and was sent `lag_ns` after it was due.
fn good(recorder: &mut Recorder, due: Option<u64>, sent: u64, number: u64) {
    let planned_ns = waited_ns(number);
    let added_ns = 80_000 + number % 50 * 1_000;
    let [sent, done] = [sent, sent + planned_ns + added_ns].map(Moment::from_nanos);
    let due = due.map(Moment::from_nanos);
    let waits = Some(waits(planned_ns));
    recorder.sent(due, sent);
    recorder.ended(&CallRecord { due, waits, ..CallRecord::new(sent, done, StatusCode::OK) }, None);
}

fn settings(is_closed: bool) -> Settings {
    let mut settings = Settings::default();
    (settings.url, settings.seed) = ("http://127.0.0.1:9000".to_owned(), 42);
    (settings.is_closed, settings.max_in_flight) = (is_closed, 300);
    settings.plan.rate = (!is_closed).then(|| "1000/s".to_owned());
    settings
}

/// 30 s at 1,000 calls per second. In the tenth second nothing is answered for a while; some calls fail, and
/// some are not sent.
pub(crate) fn open() -> Report {
    let load = run(30, |second, recorder| {
        for index in 0..1_000 {
            let number = second * 1_000 + index;
            let due = number * 1_000_000;
            let sent = due + 10_000 + number % 97 * 1_000;
            match (second, index) {
                (10, 600..) => {
                    recorder.not_sent(Moment::from_nanos(due), NotSentReason::InFlightLimit, 1);
                }
                (10, _) => stalled(recorder, due, sent, (700 - index) * 1_000_000),
                (_, 7) if second % 3 == 0 => failed(recorder, due, sent, second),
                _ => good(recorder, Some(due), sent, number),
            }
        }
        let counts = &mut recorder.figures().counts;
        (counts.bytes_in, counts.bytes_out) = (120_000, 98_000);
        counts.connections_opened = if second == 0 { 4 } else { 0 };
    });
    let mut settings = settings(false);
    settings.thresholds =
        ["p99<250ms", "errors<0.1%", "service.p50<10ms"].map(|text| text.parse().unwrap()).to_vec();
    Report::new(settings, load)
}

/// A call that waited in a queue of the server.
fn stalled(recorder: &mut Recorder, due: u64, sent: u64, queued_ns: u64) {
    let [planned, queued, waited] =
        [5_000_000, queued_ns, queued_ns + 5_000_000].map(Duration::from_nanos);
    let waits = Some(ServerWait { planned, queued, waited, is_faulty: false });
    let [due, sent, done] = [due, sent, sent + queued_ns + 5_090_000].map(Moment::from_nanos);
    let due = Some(due);
    recorder.sent(due, sent);
    recorder.ended(&CallRecord { due, waits, ..CallRecord::new(sent, done, StatusCode::OK) }, None);
}

/// 2 s of a client that cannot keep up.
pub(crate) fn behind() -> Report {
    let load = run(2, |second, recorder| {
        for index in 0..1_000 {
            let number = second * 1_000 + index;
            let due = number * 1_000_000;
            match index {
                900.. if second == 1 => {
                    recorder.not_sent(Moment::from_nanos(due), NotSentReason::Late, 1);
                }
                _ => good(recorder, Some(due), due + number * 40_000, number),
            }
        }
    });
    Report::new(settings(false), load)
}

fn failed(recorder: &mut Recorder, due: u64, sent: u64, second: u64) {
    let [due, sent, done] = [due, sent, sent + 300_000].map(Moment::from_nanos);
    let (due, broken) = (Some(due), (second > 20).then_some(TransportFailure::GoAway));
    let call =
        CallRecord { due, broken, ..CallRecord::new(sent, done, StatusCode::from(UNAVAILABLE)) };
    recorder.sent(due, sent);
    recorder.ended(&call, Some("the server is shutting down"));
}

/// 5 s with 8 calls in flight.
pub(crate) fn closed() -> Report {
    let load = run(5, |second, recorder| {
        for index in 0..1_000 {
            good(recorder, None, second * SECOND + index * 1_000_000, second * 1_000 + index);
        }
    });
    Report::new(settings(true), load)
}

/// 3 s in which nothing went well.
pub(crate) fn troubled() -> Report {
    let mut load = run(3, |second, recorder| {
        for index in 0..200 {
            let due = second * SECOND + index * 5_000_000;
            let moment = Moment::from_nanos(due);
            match index {
                0..20 => failed_with(recorder, due, 4, "deadline of 50ms is over"),
                20..60 => failed_with(
                    recorder,
                    due,
                    UNAVAILABLE,
                    &format!("worker {index}\u{1b}[31m is gone"),
                ),
                60..65 => {
                    recorder.sent(Some(moment), moment);
                    recorder.figures().counts.unfinished += 1;
                }
                65..200 => {
                    let why = NotSentReason::ALL[usize::try_from(index % 5).unwrap()];
                    recorder.not_sent(moment, why, 1 + index % 5);
                }
                _ => {}
            }
        }
        let counts = &mut recorder.figures().counts;
        (counts.connections_opened, counts.connections_lost) = (2, 2);
        counts.connections_refused = second;
    });
    load.end = RunEnd::Unreachable;
    load.lost_workers = 1;
    load.warm_up = 2_000;
    let mut settings = settings(false);
    settings.name = Some("nightly".to_owned());
    Report::new(settings, load)
}

fn failed_with(recorder: &mut Recorder, due: u64, code: i32, text: &str) {
    let [due, done] = [due, due + 50_000_000].map(Moment::from_nanos);
    let call = CallRecord { due: Some(due), ..CallRecord::new(due, done, StatusCode::from(code)) };
    recorder.sent(Some(due), due);
    recorder.ended(&call, Some(text));
}

/// 4 s in which a queue built up, on another machine.
pub(crate) fn queued() -> Report {
    let mut load = run(4, |second, recorder| {
        for index in 0..500 {
            let (due, number) = (second * SECOND + index * 2_000_000, second * 500 + index);
            let queued_ns = second * 2_000_000;
            let planned_ns = if index == 0 { 1_500_000_000 } else { waited_ns(number) };
            let [planned, queued, waited] =
                [planned_ns, queued_ns, planned_ns + queued_ns].map(Duration::from_nanos);
            let waits = Some(ServerWait { planned, queued, waited, is_faulty: false });
            // The server's clock runs faster than the client's here.
            let done = due + planned_ns + queued_ns + 90_000 - if index == 3 { 100_000 } else { 0 };
            let [due, done] = [due, done].map(Moment::from_nanos);
            let call =
                CallRecord { due: Some(due), waits, ..CallRecord::new(due, done, StatusCode::OK) };
            recorder.sent(Some(due), due);
            recorder.ended(&call, None);
        }
    });
    load.servers = vec!["a-server.example".to_owned()];
    Report::new(settings(false), load)
}

/// A run that ended before a call was due.
pub(crate) fn empty() -> Report {
    Report::new(settings(false), Load::of(Figures::default(), Vec::new()))
}

/// One call with each outcome.
pub(crate) fn sampled() -> Vec<SampledCall> {
    let at = |micros: u64| Moment::from_nanos(2 * SECOND + micros * 1_000);
    let due = |micros| Some(at(micros));
    let ended =
        |sent, done, code, waits| Fate::Ended { sent: at(sent), done: at(done), code, waits };
    vec![
        SampledCall {
            number: 0,
            due: due(0),
            fate: ended(12, 5_312, StatusCode::OK, Some(waits(5_000_000))),
        },
        SampledCall {
            number: 7,
            due: due(7_000),
            fate: ended(7_009, 9_000, StatusCode::from(UNAVAILABLE), None),
        },
        SampledCall {
            number: 90,
            due: due(90_000),
            fate: Fate::NotSent(NotSentReason::StreamLimit),
        },
        SampledCall { number: 91, due: due(91_000), fate: Fate::Unfinished(at(91_003)) },
        SampledCall { number: 92, due: None, fate: ended(92_000, 93_500, StatusCode::OK, None) },
    ]
}
