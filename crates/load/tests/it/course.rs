//! The course of a run: when it sends, stops and ends, and what is kept of each second.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use longsync::v1::LongSyncRequest;
use longsync_connect::Code;
use longsync_connect::answer::AnswerLimits;
use longsync_load::{
    CallNumber, Control, Fate, Live, Load, LoadPlan, LoadPlanBuilder, LongSync, Method, Observer,
    Profile, RunEnd, Schedule, StopCondition, run, run_here,
};
use longsync_stats::{
    Evidence, Figure, Figures, NotSentReason, Percentile, Quantile, ServerWait, Threshold, Verdict,
};
use longsync_timer::Clock;
use tokio::time::Instant;

use crate::in_memory::{InMemory, answer, plan};

/// A server that answers each call 1 ms after its arrival, but answers none between these two times after its
/// first call.
fn stalling(from: Duration, until: Duration) -> InMemory {
    let first = Arc::<Mutex<Option<Instant>>>::default();
    InMemory::http2(10_000, move |mut connection, _| {
        let first = Arc::clone(&first);
        async move {
            while let Some(Ok((_, respond))) = connection.accept().await {
                let now = Instant::now();
                let received = now - *first.lock().unwrap().get_or_insert(now);
                let is_stalled = received >= from && received < until;
                let left = until.saturating_sub(received);
                let after = if is_stalled { left } else { Duration::from_millis(1) };
                tokio::spawn(answer(respond, after, "here"));
            }
        }
    })
}

/// A server that answers each call this long after its arrival.
fn answering(after: Duration) -> InMemory {
    InMemory::http2(10_000, move |mut connection, _| async move {
        while let Some(Ok((_, respond))) = connection.accept().await {
            tokio::spawn(answer(respond, after, "here"));
        }
    })
}

fn prompt() -> InMemory {
    stalling(Duration::MAX, Duration::MAX)
}

async fn paused(builder: LoadPlanBuilder, server: InMemory, control: &Control) -> Load {
    run_here(&builder.build().unwrap(), Clock::Tokio, server, control, ()).await.unwrap()
}

fn at(reading: Option<Quantile>) -> Duration {
    match reading {
        Some(Quantile::At(value)) => value,
        other => panic!("a value, not {other:?}"),
    }
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

#[tokio::test(start_paused = true)]
async fn a_stall_shows_as_empty_seconds_followed_by_a_full_one() {
    let server = stalling(seconds(3), seconds(6));
    let load = paused(plan(1_000, 10_000), server, &Control::default()).await;
    let ended: Vec<_> = load.intervals.iter().map(|it| it.counts.ended()).collect();
    assert_eq!(ended[3..7], [1, 0, 0, 3_999], "{ended:?}");
    let due: Vec<_> = load.intervals.iter().map(|interval| interval.due).collect();
    assert_eq!(due[..10], [1_000; 10]);
    let in_flight: Vec<_> = load.intervals.iter().map(|interval| interval.in_flight).collect();
    assert_eq!(in_flight[3..7], [1_000, 2_000, 3_000, 1], "{in_flight:?}");
    // 3,000 of 10,000 calls waited, evenly distributed up to 3 s: the slowest 1 % for 2.9 s and more.
    let p99 = at(load.figures.response_time().percentile(Percentile::P99));
    assert!(p99.abs_diff(Duration::from_millis(2_900)) <= Duration::from_millis(10), "{p99:?}");
}

#[tokio::test(start_paused = true)]
async fn the_intervals_add_up_to_the_run() {
    let load =
        paused(plan(700, 2_500), stalling(seconds(1), seconds(2)), &Control::default()).await;
    let mut sum = longsync_stats::Counts::default();
    load.intervals.iter().for_each(|interval| sum += interval.counts);
    assert_eq!(sum, load.figures.counts);
    for figure in Figure::ALL {
        let mut all = longsync_stats::Distribution::default();
        load.intervals.iter().for_each(|interval| all.merge(&interval.distribution(figure)));
        assert_eq!(&all, load.figures.get(figure), "{}", figure.name());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_is_as_healthy_as_it_was() {
    let control = Control::default();
    let stop = control.stop.clone();
    tokio::spawn(async move {
        // The run starts 50 ms after it has its connection.
        tokio::time::sleep(Duration::from_millis(2_550)).await;
        stop.cancel();
    });
    let load = paused(plan(1_000, 60_000), prompt(), &control).await;
    assert_eq!(load.end, RunEnd::Stopped);
    let counts = load.figures.counts;
    assert_eq!((counts.due(), counts.good), (2_501, 2_501), "{counts:?}");
    let due: Vec<_> = load.intervals.iter().map(|interval| interval.due).collect();
    assert_eq!(due, [1_000, 1_000, 501]);
}

#[tokio::test(start_paused = true)]
async fn an_ended_run_waits_for_nothing() {
    let control = Control::default();
    let end = control.end.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1_550)).await;
        end.cancel();
    });
    let begun = Instant::now();
    let load = paused(plan(10, 600), stalling(seconds(1), seconds(100)), &control).await;
    assert_eq!(load.end, RunEnd::Ended);
    assert_eq!(begun.elapsed(), Duration::from_millis(1_550));
    let counts = load.figures.counts;
    assert_eq!((counts.good, counts.unfinished, counts.not_sent.total()), (10, 6, 0));
}

#[tokio::test(start_paused = true)]
async fn no_healthy_run_of_one_call_has_a_late_call_or_a_verdict() {
    are_healthy(1, 334).await;
}

#[tokio::test(start_paused = true)]
async fn no_healthy_run_of_ten_calls_has_a_late_call_or_a_verdict() {
    are_healthy(10, 333).await;
}

#[tokio::test(start_paused = true)]
async fn no_healthy_run_of_a_hundred_calls_has_a_late_call_or_a_verdict() {
    are_healthy(100, 333).await;
}

/// Makes the given number of runs of the given number of calls, each at a different rate.
async fn are_healthy(calls: u64, runs: u64) {
    for rate in (1..=runs).map(|nth| nth * 30) {
        let load = paused(plan(rate, calls), prompt(), &Control::default()).await;
        let counts = load.figures.counts;
        assert_eq!((counts.good, counts.not_sent.total()), (calls, 0), "at {rate}/s");
        let due = load.intervals.iter().map(|interval| interval.due).sum();
        let kind = longsync_stats::Loop::Open;
        let evidence = Evidence { kind, figures: &load.figures, due, processors: None };
        assert!(!Verdict::of(&evidence).is_client_bound(), "{calls} at {rate}/s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_rule_ends_a_run() {
    let rules = vec!["p99>250ms".parse().unwrap()];
    let builder = plan(1_000, 60_000).stop_rules(rules);
    let load = paused(builder, stalling(seconds(5), seconds(7)), &Control::default()).await;
    let RunEnd::StopRule(stopped) = load.end else { panic!("{:?}", load.end) };
    // The stalled calls end after 7 s, so the eighth second is the first that shows the stall.
    assert_eq!(stopped.at.as_nanos(), 8_000_000_000);
    assert!(load.figures.counts.due() < 9_000, "{}", load.figures.counts.due());
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_warm_up_have_ids_and_are_not_recorded() {
    let request = LongSyncRequest { call_id: "a-".to_owned(), ..LongSyncRequest::default() };
    let names = Named::new(LongSync::numbered(&request).unwrap());
    let seen = Arc::clone(&names.seen);
    let schedule = Schedule::constant("10/s".parse().unwrap());
    let target = "http://in.memory".parse().unwrap();
    let builder = LoadPlan::builder(target, names, schedule, StopCondition::after_calls(3));
    let plan = builder.warm_up(Duration::from_millis(500)).build().unwrap();
    let load = run_here(&plan, Clock::Tokio, prompt(), &Control::default(), ()).await.unwrap();
    let warm_up = (0..5).map(CallNumber::warm_up);
    let all: Vec<_> = warm_up.chain((0..3).map(CallNumber::recorded)).collect();
    assert_eq!(*seen.lock().unwrap(), all);
    assert_eq!((load.warm_up, load.figures.counts.due()), (5, 3));
    assert_eq!(load.intervals[0].start, Duration::ZERO, "it begins when the warm-up is over");
}

#[tokio::test(start_paused = true)]
async fn callers_of_a_closed_loop_think() {
    let concurrency = "constant(4)".parse().unwrap();
    let schedule = Schedule::Closed { concurrency, think: Duration::from_millis(99) };
    let builder = LoadPlan::builder(target(), calls(), schedule, StopCondition::after(seconds(1)));
    let load = paused(builder, prompt(), &Control::default()).await;
    // Each of four calls takes 1 ms, and the next one begins 99 ms later.
    assert_eq!(load.figures.counts.good, 40);
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_follows_its_schedule() {
    let concurrency = "constant(2, for=1s); constant(0, for=1s); constant(3, for=1s)".parse();
    let schedule = Schedule::Closed { concurrency: concurrency.unwrap(), think: Duration::ZERO };
    let stop = StopCondition::with_the_schedule();
    let builder = LoadPlan::builder(target(), calls(), schedule, stop);
    let load = paused(builder, prompt(), &Control::default()).await;
    let sent: Vec<_> = load.intervals.iter().map(|interval| interval.counts.sent).collect();
    assert_eq!(sent, [2_000, 0, 3_000]);
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_whose_last_call_hangs_ends_after_the_grace() {
    let server = stalling(Duration::from_micros(500), seconds(1_000));
    let (schedule, stop) = (Schedule::closed(NonZeroUsize::MIN), StopCondition::after_calls(2));
    let builder = LoadPlan::builder(target(), calls(), schedule, stop).grace(seconds(3));
    let begun = Instant::now();
    let load = paused(builder, server, &Control::default()).await;
    assert_eq!((load.figures.counts.good, load.figures.counts.unfinished), (1, 1));
    assert!(begun.elapsed() < seconds(4), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_records_until_its_last_call_ended() {
    let schedule = Schedule::closed(NonZeroUsize::MIN);
    let stop = StopCondition::after_calls_or(10, seconds(60));
    let builder = LoadPlan::builder(target(), calls(), schedule, stop);
    let load = paused(builder, prompt(), &Control::default()).await;
    assert_eq!((load.figures.counts.good, load.recorded), (10, Duration::from_millis(10)));
}

/// One of the workers has nothing to keep in flight.
#[tokio::test]
async fn a_closed_loop_with_fewer_callers_than_workers_makes_all_its_calls() {
    let server =
        longsync_server::start(longsync_server::Behavior::constant(Duration::ZERO)).unwrap();
    let schedule = Schedule::closed(NonZeroUsize::MIN);
    let target = server.url().parse().unwrap();
    let plan = LoadPlan::builder(target, calls(), schedule, StopCondition::after_calls(10));
    let plan = plan.workers(2).connections(2).sample(10).build().unwrap();
    let load = run(&plan, &Control::default(), ()).await.unwrap();
    let numbers: Vec<_> = load.sample.iter().map(|call| call.number).collect();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_goaway_costs_nothing_however_short_the_grace_is() {
    let server = InMemory::http2(1_000, |connection, _| {
        crate::in_memory::serve(connection, 50, Duration::from_millis(1))
    });
    let load = paused(plan(1_000, 400).grace(Duration::ZERO), server, &Control::default()).await;
    assert_eq!((load.end, load.figures.counts.not_sent.total()), (RunEnd::Complete, 0));
}

#[tokio::test(start_paused = true)]
async fn the_intervals_cover_the_run_although_no_call_ends_at_its_end() {
    let builder = plan(100, 1_000).grace(seconds(3));
    let load = paused(builder, stalling(seconds(4), seconds(1_000)), &Control::default()).await;
    let due: Vec<_> = load.intervals.iter().map(|interval| interval.due).collect();
    assert_eq!(due[..10], [100; 10], "{due:?}");
    assert!(load.intervals.iter().map(|interval| interval.length).sum::<Duration>() >= seconds(10));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_without_a_stop_runs_to_its_end() {
    let profile: Profile = "line(from=0/s, to=100/s, in=2s)".parse().unwrap();
    let schedule = Schedule::Open { profile, arrivals: longsync_load::Arrivals::Constant, seed: 0 };
    let builder =
        LoadPlan::builder(target(), calls(), schedule, StopCondition::with_the_schedule());
    let load = paused(builder, prompt(), &Control::default()).await;
    assert_eq!((load.figures.counts.good, load.recorded), (100, seconds(2)));
}

/// Rates refer to the time in which calls were due: neither the time of the last answer nor a longer limit is
/// included.
#[tokio::test(start_paused = true)]
async fn a_number_of_calls_is_recorded_until_the_next_would_be_due() {
    let slow = || answering(Duration::from_millis(500));
    let load = paused(plan(1_000, 1_000), slow(), &Control::default()).await;
    assert_eq!((load.figures.counts.good, load.recorded), (1_000, seconds(1)));

    let stop = StopCondition::after_calls_or(1_000, seconds(5));
    let builder = LoadPlan::builder(
        target(),
        calls(),
        Schedule::constant(longsync_text::Rate::per_second(500).unwrap()),
        stop,
    );
    let load = paused(builder, slow(), &Control::default()).await;
    assert_eq!((load.figures.counts.good, load.recorded), (1_000, seconds(2)));

    let stop = StopCondition::after_calls_or(1_000, seconds(1));
    let builder = LoadPlan::builder(
        target(),
        calls(),
        Schedule::constant(longsync_text::Rate::per_second(500).unwrap()),
        stop,
    );
    let load = paused(builder, slow(), &Control::default()).await;
    assert_eq!((load.figures.counts.good, load.recorded), (500, seconds(1)));

    let builder =
        LoadPlan::builder(target(), calls(), Schedule::AtOnce, StopCondition::after_calls(10));
    let load = paused(builder, slow(), &Control::default()).await;
    assert_eq!(load.figures.counts.good, 10);
    assert!(load.recorded >= Duration::from_millis(500), "{:?}", load.recorded);
}

#[tokio::test(start_paused = true)]
async fn a_sample_has_calls_of_every_fate() {
    let server = stalling(Duration::from_millis(500), seconds(100));
    let builder = plan(1_000, 1_000).max_in_flight(200).grace(seconds(1)).sample(1_000);
    let load = paused(builder, server, &Control::default()).await;
    let numbers: Vec<_> = load.sample.iter().map(|call| call.number).collect();
    assert_eq!(numbers, (0..1_000).collect::<Vec<_>>());
    let fates = |is: fn(&Fate) -> bool| load.sample.iter().filter(|call| is(&call.fate)).count();
    assert_eq!(fates(|fate| matches!(fate, Fate::Ended { .. })), 500);
    assert_eq!(fates(|fate| matches!(fate, Fate::Unfinished(_))), 200);
    assert_eq!(fates(|fate| *fate == Fate::NotSent(NotSentReason::InFlightLimit)), 300);
}

/// Keeps what an observer sees of each second.
struct Seconds(Arc<Mutex<Vec<(u64, u64, u64)>>>);

impl Observer for Seconds {
    fn second(&mut self, live: &Live<'_>) {
        let Figures { counts, .. } = live.so_far;
        self.0.lock().unwrap().push((live.due, live.in_flight, counts.good));
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_sees_each_second() {
    let seen = Arc::default();
    let observer = Seconds(Arc::clone(&seen));
    let plan = plan(100, 250).build().unwrap();
    let server = stalling(seconds(1), seconds(2));
    run_here(&plan, Clock::Tokio, server, &Control::default(), observer).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(100, 0, 100), (100, 100, 100), (50, 0, 250)]);
}

/// A method whose calls are counted, and which may take long to encode, or panic.
#[derive(Clone)]
struct Named {
    calls: LongSync,
    seen: Arc<Mutex<Vec<CallNumber>>>,
    takes: Duration,
    panics_at: Option<u64>,
}

impl Named {
    fn new(calls: LongSync) -> Self {
        Self { calls, seen: Arc::default(), takes: Duration::ZERO, panics_at: None }
    }
}

impl Method for Named {
    type Answer = Bytes;

    fn apart(&self) -> Self {
        self.clone()
    }

    fn path(&self) -> PathAndQuery {
        self.calls.path()
    }

    fn messages(&self, call: CallNumber) -> Bytes {
        self.seen.lock().unwrap().push(call);
        assert_ne!(Some(call.number), self.panics_at, "the test makes this worker panic");
        // The thread itself is busy, not only the call.
        std::thread::sleep(self.takes);
        self.calls.messages(call)
    }

    fn limits(&self) -> AnswerLimits {
        self.calls.limits()
    }

    fn received(&self, answer: &mut Bytes, message: Bytes) {
        self.calls.received(answer, message);
    }

    fn answered(&self, answer: &Bytes) -> Result<Option<ServerWait>, Code> {
        self.calls.answered(answer)
    }
}

fn calls() -> LongSync {
    LongSync::new(&LongSyncRequest::default()).unwrap()
}

fn target() -> longsync_connect::Target {
    "http://in.memory".parse().unwrap()
}

/// Each call takes 1 ms of its worker's time, and ten per millisecond are due.
#[tokio::test]
async fn an_overloaded_generator_ends_and_reports_it() {
    let server =
        longsync_server::start(longsync_server::Behavior::constant(Duration::ZERO)).unwrap();
    let method = Named { takes: Duration::from_millis(1), ..Named::new(calls()) };
    let schedule = Schedule::constant("10000/s".parse().unwrap());
    let stop = StopCondition::after(Duration::from_millis(300));
    let plan = LoadPlan::builder(server.url().parse().unwrap(), method, schedule, stop);
    let load = run(&plan.build().unwrap(), &Control::default(), ()).await.unwrap();
    let counts = load.figures.counts;
    assert_eq!(counts.due(), 3_000);
    // In 400 ms at most one call per millisecond is sent.
    assert!(counts.sent <= 400 && counts.not_sent[NotSentReason::Late] >= 2_600, "{counts:?}");
    assert_eq!(counts.unfinished, 0);
    let kind = longsync_stats::Loop::Open;
    let evidence = Evidence { kind, figures: &load.figures, due: 3_000, processors: None };
    assert!(Verdict::of(&evidence).is_client_bound());
}

#[tokio::test]
async fn the_limit_in_flight_applies_to_all_workers_together() {
    let server =
        longsync_server::start(longsync_server::Behavior::constant(Duration::ZERO)).unwrap();
    let schedule = Schedule::constant("20/s".parse().unwrap());
    let plan = LoadPlan::builder(
        server.url().parse().unwrap(),
        calls(),
        schedule,
        StopCondition::after_calls(20),
    );
    let plan = plan.workers(2).connections(2).max_in_flight(1).build().unwrap();
    let load = run(&plan, &Control::default(), ()).await.unwrap();
    let counts = load.figures.counts;
    // On a busy machine a call may outlast the interval to the next. If one worker kept the only slot, no
    // call of the other would be sent.
    assert!(counts.good > 10 && counts.good + counts.not_sent.total() == 20, "{counts:?}");
}

#[tokio::test]
async fn a_panicked_worker_loses_no_other_workers_records() {
    let server =
        longsync_server::start(longsync_server::Behavior::constant(Duration::ZERO)).unwrap();
    for schedule in [
        Schedule::constant("1000/s".parse().unwrap()),
        Schedule::closed(NonZeroUsize::MIN.saturating_add(3)),
    ] {
        let method = Named { panics_at: Some(101), ..Named::new(calls()) };
        let plan = LoadPlan::builder(
            server.url().parse().unwrap(),
            method,
            schedule,
            StopCondition::after_calls(400),
        );
        let plan = plan.workers(2).connections(2).build().unwrap();
        let load = run(&plan, &Control::default(), ()).await.unwrap();
        assert_eq!(load.lost_workers, 1);
        let counts = load.figures.counts;
        // In an open loop one worker has made all of its 200 calls, and the other those before number 101; in
        // a closed loop the first worker makes all remaining calls. A few calls of the other may not have
        // ended.
        let is_open = load.figures.lag.count() > 0;
        let sent = if is_open { 250 } else { 399 };
        assert_eq!(
            (counts.sent, counts.due()),
            (sent, if is_open { 400 } else { 399 }),
            "{counts:?}"
        );
        assert!(counts.good >= 200 && counts.good + counts.unfinished == sent, "{counts:?}");
    }
}

/// A server that accepts two connections and no more, and closes the second after five calls.
async fn half_dying() -> longsync_connect::Target {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        for most in [usize::MAX, 5] {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(socket).await.unwrap();
                for _ in 0..most {
                    let Some(Ok((_, respond))) = connection.accept().await else { return };
                    tokio::spawn(answer(respond, Duration::ZERO, "here"));
                }
            });
        }
    });
    target
}

/// The worker whose connection was closed has taken a number that no other worker can have.
#[tokio::test]
async fn a_closed_loop_ends_although_half_of_its_connections_are_closed() {
    let (schedule, stop) =
        (Schedule::closed(NonZeroUsize::MIN.saturating_add(1)), StopCondition::after_calls(2_000));
    let plan = LoadPlan::builder(half_dying().await, calls(), schedule, stop);
    let plan = plan.workers(2).connections(2).grace(seconds(1)).build().unwrap();
    let load = run(&plan, &Control::default(), ()).await.unwrap();
    let counts = load.figures.counts;
    assert_eq!(counts.due(), counts.sent, "{counts:?}");
    assert!(counts.sent >= 1_999 && counts.good >= 1_990, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_comes_back_ends_the_run() {
    let is_there = Arc::new(AtomicBool::new(true));
    let calls = Arc::new(AtomicU64::new(0));
    let server = {
        let (is_there, calls) = (Arc::clone(&is_there), Arc::clone(&calls));
        InMemory::raw(move |io, _| {
            let (is_there, calls) = (Arc::clone(&is_there), Arc::clone(&calls));
            if !is_there.load(Ordering::Relaxed) {
                return false;
            }
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(io).await.unwrap();
                while let Some(Ok((_, respond))) = connection.accept().await {
                    if calls.fetch_add(1, Ordering::Relaxed) == 100 {
                        is_there.store(false, Ordering::Relaxed);
                        return;
                    }
                    tokio::spawn(answer(respond, Duration::from_millis(1), "here"));
                }
            });
            true
        })
    };
    let begun = Instant::now();
    let builder = plan(100, 60_000).grace(seconds(3));
    let load = paused(builder, server, &Control::default()).await;
    assert_eq!(load.end, RunEnd::Unreachable);
    let took = begun.elapsed();
    // A second of calls, and 3 s without a connection.
    assert!(took >= seconds(4) && took <= Duration::from_millis(4_200), "{took:?}");
    let counts = load.figures.counts;
    assert_eq!(counts.good, 100);
    assert!(counts.not_sent[NotSentReason::NoConnection] >= 290, "{counts:?}");
    let threshold: Threshold = "p50<1s".parse().unwrap();
    let checked = threshold.check(longsync_stats::Loop::Open, &load.figures, load.recorded);
    assert!(!checked.has_passed, "calls that were not sent count as slower than any value");
}
