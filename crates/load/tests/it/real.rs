//! The load engine against real servers.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longsync::duration::to_proto;
use longsync::v1::LongSyncRequest;
use longsync_connect::{Code, ConnectErrorKind, Target};
use longsync_load::{
    self as load, Control, Load, LoadError, LoadPlan, LoadPlanBuilder, LoadPlanError, LongSync,
    Rate, RunEnd, Schedule, StopCondition, WorkerShare,
};
use longsync_server::{
    Behavior, CallKind, Config, Limits, Options, Outcome, RunningServer, Stats, start_with,
};
use longsync_stats::{Moment, NotSentReason, StatusCode};
use tokio::io::AsyncWriteExt as _;

/// A server of our own on a free port of the loopback interface, until it is dropped.
struct TestServer {
    target: Target,
    stats: Stats,
    _running: RunningServer,
}

/// Starts a server with these limits; a call takes 20 ms unless it asks for another delay.
fn start(limits: Limits) -> TestServer {
    let options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        behavior: Behavior::constant(Duration::from_millis(20)),
        drain: Duration::ZERO,
        limits,
        ..Options::default()
    };
    let running = start_with(Config::new(options).unwrap()).unwrap();
    let target = running.url().parse().unwrap();
    TestServer { target, stats: running.stats(), _running: running }
}

/// Waits until `holds` returns true; gives up after 10 s.
async fn eventually(mut holds: impl FnMut() -> bool) {
    let holding = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), holding)
        .await
        .expect("the condition became true within 10 s");
}

/// A rate far beyond what can be sent, for this time, with little grace.
fn far_too_fast(server: &TestServer, time: Duration) -> LoadPlan {
    let request = LongSyncRequest::default();
    let calls = LongSync::new(&request).unwrap();
    let schedule = Schedule::constant(Rate::per_second(1_000_000_000).unwrap());
    let target = server.target.clone();
    LoadPlan::builder(target, calls, schedule, StopCondition::after(time))
        .grace(Duration::from_millis(200))
        .build()
        .unwrap()
}

/// Counting a billion calls one by one takes minutes in a debug build.
const AT_MOST: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_rate_far_beyond_what_can_be_sent_ends_in_its_time_with_every_call_counted() {
    let server = start(Limits::default());
    let begun = std::time::Instant::now();
    let plan = far_too_fast(&server, Duration::from_secs(1));
    let load = load::run(&plan, &Control::default(), ()).await.unwrap();
    assert!(begun.elapsed() < AT_MOST, "{:?}", begun.elapsed());
    let counts = &load.figures.counts;
    assert_eq!((counts.due(), load.end), (1_000_000_000, RunEnd::Complete), "{counts:?}");
    assert!(counts.not_sent[NotSentReason::Late] > 500_000_000, "{counts:?}");
    let due: u64 = load.intervals.iter().map(|interval| interval.due).sum();
    assert_eq!((due, load.recorded), (1_000_000_000, Duration::from_secs(1)));
}

/// Their number is known only after each is drawn, which a worker does not do at the end.
#[tokio::test]
async fn poisson_arrivals_that_were_not_sent_are_counted_too() {
    let server = start(Limits::default());
    let (second, rate) = (Duration::from_secs(1), Rate::per_second(2_000_000).unwrap());
    let schedule = Schedule::poisson(rate, 16);
    let whole = WorkerShare::of(0, count(1));
    let end = Moment::START + second * 2;
    let all = schedule.due_times(second, whole).unwrap().take_while(|it| it.due < end);
    let (mut warm_up, mut due) = (0, 0);
    all.for_each(|it| if it.is_warm_up { warm_up += 1 } else { due += 1 });
    let calls = LongSync::new(&LongSyncRequest::default()).unwrap();
    let plan =
        LoadPlan::builder(server.target.clone(), calls, schedule, StopCondition::after(second))
            .warm_up(second)
            .workers(2)
            .connections(2)
            .grace(Duration::from_millis(200));
    let load = load::run(&plan.build().unwrap(), &Control::default(), ()).await.unwrap();
    assert_eq!((load.warm_up, load.figures.counts.due()), (warm_up, due));
    let by_second: u64 = load.intervals.iter().map(|it| it.counts.not_sent.total()).sum();
    assert_eq!(by_second, load.figures.counts.not_sent.total());
    let due_by_second: u64 = load.intervals.iter().map(|it| it.due).sum();
    assert_eq!((load.recorded, due_by_second), (second, due));
}

#[tokio::test]
async fn a_rate_far_beyond_what_can_be_sent_is_stopped_and_ended_at_once() {
    for is_ended in [false, true] {
        let server = start(Limits::default());
        let plan = far_too_fast(&server, Duration::from_secs(3_600));
        let control = Control::default();
        let stopping = async {
            // On a busy machine, it takes a while until the run begins.
            eventually(|| server.stats.snapshot().calls_started(CallKind::LongSync) > 0).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            control.stop.cancel();
            if is_ended {
                control.end.cancel();
            }
            std::time::Instant::now()
        };
        let (load, stopped) = tokio::join!(load::run(&plan, &control, ()), stopping);
        assert!(stopped.elapsed() < AT_MOST, "{:?}", stopped.elapsed());
        let load = load.unwrap();
        let due: u64 = load.intervals.iter().map(|interval| interval.due).sum();
        assert_eq!(load.figures.counts.due(), due, "{:?}", load.figures.counts);
        assert!(due > 100_000_000, "{due}");
        assert_eq!(load.end, if is_ended { RunEnd::Ended } else { RunEnd::Stopped });
    }
}

/// This number of calls in flight at once, without due times: if they had due times, a worker thread delayed
/// by a busy machine would send them late, or not at all.
fn together(calls: usize) -> Schedule {
    Schedule::closed(count(calls))
}

pub(crate) fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap()
}

pub(crate) fn rate(calls: u64) -> Rate {
    Rate::per_second(calls).unwrap()
}

/// Two workers, three connections, and calls of this delay.
pub(crate) fn plan(
    target: &Target,
    schedule: Schedule,
    stop: StopCondition,
    delay: Duration,
) -> LoadPlanBuilder {
    let request = LongSyncRequest { delay: Some(to_proto(delay)), ..LongSyncRequest::default() };
    planned(target, schedule, stop, &request)
}

fn planned(
    target: &Target,
    schedule: Schedule,
    stop: StopCondition,
    request: &LongSyncRequest,
) -> LoadPlanBuilder {
    let calls = LongSync::new(request).unwrap();
    LoadPlan::builder(target.clone(), calls, schedule, stop).workers(2).connections(3)
}

pub(crate) async fn run(plan: &LoadPlanBuilder) -> Result<Load, LoadError> {
    load::run(&plan.clone().build().unwrap(), &Control::default(), ()).await
}

#[tokio::test]
async fn an_open_loop_makes_every_call_and_measures_each() {
    let server = start(Limits::default());
    let delay = Duration::from_millis(5);
    for schedule in [Schedule::constant(rate(2_000)), Schedule::poisson(rate(2_000), 1)] {
        let plan = plan(&server.target, schedule, StopCondition::after_calls(401), delay);
        let load = run(&plan).await.unwrap();
        let figures = &load.figures;
        assert_eq!((figures.counts.due(), figures.counts.ended_with(Code::Ok)), (401, 401));
        assert_eq!(figures.response_time().count(), 401);
        assert_eq!((figures.lag.count(), figures.lag.below_zero()), (401, 0));
        assert_eq!((figures.lateness.count(), figures.lateness.below_zero()), (401, 0));
        assert_eq!((figures.added.count(), figures.added.below_zero()), (401, 0));
        // To three digits.
        let shortest = figures.service_time.shortest().unwrap();
        assert!(shortest >= Duration::from_micros(4_990), "{shortest:?}");
    }
}

#[tokio::test]
async fn a_closed_loop_keeps_its_number_in_flight() {
    let server = start(Limits::default());
    let schedule = Schedule::closed(count(25));
    let plan =
        plan(&server.target, schedule, StopCondition::after_calls(503), Duration::from_millis(20));
    let control = Control::default();
    let plan = plan.build().unwrap();
    let load = load::run(&plan, &control, ()).await.unwrap();
    assert_eq!(load.figures.counts.ended_with(Code::Ok), 503);
    assert_eq!((control.progress.sent(), control.progress.ended()), (503, 503));
    assert_eq!(load.figures.response_time().count(), 0, "no call has a due time");
    // 503 calls of 20 ms, 25 at a time: 20 full rounds and a partial one.
    assert!(load.took >= Duration::from_millis(420), "{:?}", load.took);
}

#[tokio::test]
async fn the_calls_of_the_warm_up_are_made_and_not_recorded() {
    let server = start(Limits::default());
    let schedule = Schedule::constant(rate(1_000));
    let stop = StopCondition::after(Duration::from_millis(200));
    let plan =
        plan(&server.target, schedule, stop, Duration::ZERO).warm_up(Duration::from_millis(100));
    let load = run(&plan).await.unwrap();
    assert_eq!((load.warm_up, load.figures.counts.due()), (100, 200));
}

#[tokio::test]
async fn calls_without_a_stream_are_counted_and_not_queued() {
    let server = start(Limits { max_streams: 10, ..Limits::default() });
    let plan = plan(
        &server.target,
        Schedule::AtOnce,
        StopCondition::after_calls(100),
        Duration::from_millis(500),
    );
    let load = run(&plan).await.unwrap();
    assert_eq!(load.figures.counts.ended_with(Code::Ok), 30, "10 streams on each of 3 connections");
    assert_eq!(load.figures.counts.not_sent[NotSentReason::StreamLimit], 70);
    assert_eq!(load.figures.response_time().beyond(), 70);
}

#[tokio::test]
async fn calls_over_the_plans_own_limit_are_counted() {
    let server = start(Limits::default());
    let plan = plan(
        &server.target,
        Schedule::AtOnce,
        StopCondition::after_calls(20),
        Duration::from_millis(500),
    )
    .max_in_flight(7);
    let load = run(&plan).await.unwrap();
    assert_eq!(load.figures.counts.ended_with(Code::Ok), 7);
    assert_eq!(load.figures.counts.not_sent[NotSentReason::InFlightLimit], 13);
}

#[tokio::test]
async fn a_closed_loop_that_needs_more_streams_than_allowed_is_refused() {
    let server = start(Limits { max_streams: 10, ..Limits::default() });
    let schedule = Schedule::closed(count(31));
    let plan = plan(&server.target, schedule, StopCondition::after_calls(1), Duration::ZERO);
    let refused = run(&plan).await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "31 calls in flight need as many streams, but the server allows 30 on 3 connections: \
         open more connections"
    );
}

#[tokio::test]
async fn plans_that_cannot_be_carried_out_are_refused() {
    let target: Target = "http://127.0.0.1:1".parse().unwrap();
    let plan = |schedule, stop| plan(&target, schedule, stop, Duration::ZERO);
    for plan in [
        plan(Schedule::constant(rate(1)), StopCondition::after_calls(u64::MAX)),
        plan(Schedule::AtOnce, StopCondition::after(Duration::from_secs(1))),
    ] {
        assert_eq!(plan.build().unwrap_err(), LoadPlanError::Endless);
    }
    let two = plan(Schedule::AtOnce, StopCondition::after_calls(1));
    let few = two.clone().connections(1).build().unwrap_err();
    assert!(matches!(few, LoadPlanError::TooFewConnections { connections: 1, workers: 2 }));
    let Err(LoadError::Connect(unreached)) = run(&two).await else { panic!("something listens") };
    assert_eq!(unreached.kind(), ConnectErrorKind::Refused);
}

#[tokio::test]
async fn a_peer_that_speaks_another_protocol_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let one = plan(&target, Schedule::AtOnce, StopCondition::after_calls(1), Duration::ZERO);
    let Err(LoadError::Connect(why)) = run(&one.workers(1).connections(1)).await else {
        panic!("a server of another kind was accepted")
    };
    assert_eq!(why.kind(), ConnectErrorKind::Protocol);
    assert!(
        why.to_string().ends_with("it answers in HTTP/1.1, `HTTP/1.1 400 Bad Request`"),
        "{why}"
    );
}

#[tokio::test]
async fn calls_that_outlast_the_grace_are_unfinished() {
    let server = start(Limits::default());
    let plan = plan(
        &server.target,
        Schedule::AtOnce,
        StopCondition::after_calls(9),
        Duration::from_secs(3600),
    )
    .grace(Duration::from_millis(50));
    let load = run(&plan).await.unwrap();
    assert_eq!((load.figures.counts.unfinished, load.figures.counts.due()), (9, 9));
    assert_eq!(load.figures.response_time().beyond(), 9);
    let cancelled = || server.stats.snapshot().calls_ended(CallKind::LongSync, Outcome::Cancelled);
    eventually(|| cancelled() == 9).await;
}

#[tokio::test]
async fn an_interrupt_ends_a_run_at_once() {
    let server = start(Limits::default());
    let schedule = Schedule::constant(rate(100));
    let stop = StopCondition::after(Duration::from_secs(3600));
    let plan = plan(&server.target, schedule, stop, Duration::from_secs(3600)).build().unwrap();
    let control = Control::default();
    let interrupting = async {
        eventually(|| control.progress.sent() >= 5).await;
        control.end.cancel();
    };
    let (load, ()) = tokio::join!(load::run(&plan, &control, ()), interrupting);
    let load = load.unwrap();
    assert!(load.end == RunEnd::Ended);
    assert_eq!(load.figures.counts.unfinished, control.progress.sent());
}

#[tokio::test]
async fn a_call_past_its_deadline_ends_with_the_servers_word() {
    let server = start(Limits::default());
    let plan =
        plan(&server.target, together(6), StopCondition::after_calls(6), Duration::from_secs(3600))
            .deadline(Duration::from_millis(50));
    let load = run(&plan).await.unwrap();
    assert_eq!(load.figures.counts.ended_with(Code::DeadlineExceeded), 6);
    assert_eq!(load.figures.failed_service_time.count(), 6);
    assert_eq!(load.figures.lateness.count(), 0, "waits that were cut short have no lateness");
}

#[tokio::test]
async fn a_closed_loop_whose_server_has_stopped_gives_up_after_the_grace() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        drop(connection.accept().await);
    });
    let plan = plan(
        &target,
        Schedule::closed(count(2)),
        StopCondition::after_calls(1_000),
        Duration::ZERO,
    )
    .workers(1)
    .connections(1)
    .grace(Duration::from_millis(300));
    let load = run(&plan).await.unwrap();
    assert_eq!(load.end, RunEnd::Unreachable);
    assert_eq!(load.figures.counts.ended_with(Code::Unavailable), load.figures.counts.due());
}

#[tokio::test]
async fn calls_that_no_connection_takes_are_counted_after_the_grace() {
    // The server begins HTTP/2, and then reads nothing.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        // SETTINGS, none of them, and a WINDOW_UPDATE: 1 GiB for the connection.
        let frames = b"\0\0\0\x04\0\0\0\0\0\0\0\x04\x08\0\0\0\0\0\x3f\xff\0\0";
        socket.write_all(frames).await.unwrap();
        std::future::pending::<()>().await;
        drop(socket);
    });
    // Such calls soon fill the socket buffers. There are only a few, for the sake of busy machines, and a
    // stream has window for each.
    let payload = vec![0; 60_000].into();
    let request = LongSyncRequest { payload, ..LongSyncRequest::default() };
    let schedule = Schedule::constant(rate(300));
    let plan = planned(&target, schedule, StopCondition::after_calls(400), &request)
        .workers(1)
        .connections(1)
        .grace(Duration::from_millis(300));
    let figures = run(&plan).await.unwrap().figures;
    assert!(figures.counts.not_sent[NotSentReason::Blocked] > 0, "{:?}", figures.counts.not_sent);
    assert_eq!(figures.counts.unfinished + figures.counts.not_sent[NotSentReason::Blocked], 400);
}

/// A server that accepts connections, speaks HTTP/2, and answers nothing; and the number of requests that
/// arrived on each connection.
async fn mute() -> (Target, Arc<Mutex<Vec<usize>>>) {
    mute_with(h2::server::Builder::new()).await
}

/// The same, with these settings.
async fn mute_with(settings: h2::server::Builder) -> (Target, Arc<Mutex<Vec<usize>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let requests = Arc::<Mutex<Vec<usize>>>::default();
    let counts = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (counts, settings) = (Arc::clone(&counts), settings.clone());
            tokio::spawn(async move {
                let mut connection = settings.handshake::<_, bytes::Bytes>(socket).await.unwrap();
                let index = {
                    let mut counts = counts.lock().unwrap();
                    counts.push(0);
                    counts.len() - 1
                };
                let mut held = Vec::new();
                while let Some(Ok(request)) = connection.accept().await {
                    held.push(request);
                    counts.lock().unwrap()[index] += 1;
                }
            });
        }
    });
    (target, requests)
}

#[tokio::test]
async fn calls_are_spread_evenly_over_the_connections() {
    for schedule in [Schedule::closed(count(300)), Schedule::AtOnce] {
        let (target, requests) = mute().await;
        let plan = plan(&target, schedule.clone(), StopCondition::after_calls(300), Duration::ZERO)
            .workers(1)
            .grace(Duration::from_millis(300));
        assert_eq!(run(&plan).await.unwrap().figures.counts.unfinished, 300);
        assert_eq!(*requests.lock().unwrap(), [100, 100, 100], "{schedule:?}");
    }
}

#[tokio::test]
async fn a_call_without_an_answer_ends_at_its_own_deadline() {
    let deadline = Duration::from_millis(50);
    let plan = plan(&mute().await.0, together(6), StopCondition::after_calls(6), Duration::ZERO)
        .deadline(deadline);
    let load = run(&plan).await.unwrap();
    assert_eq!(load.figures.counts.ended_with(Code::DeadlineExceeded), 6);
    assert_eq!(load.figures.counts.cut, 6, "the times of calls that were cut are lower bounds");
    assert!(load.figures.failed_service_time.shortest() >= Some(Duration::from_micros(49_900)));
}

/// A call that was cut keeps its stream until its reset has been written.
#[tokio::test]
async fn deadlines_at_the_limit_of_streams_leave_the_connection_open() {
    let mut settings = h2::server::Builder::new();
    settings.max_concurrent_streams(4);
    let (target, requests) = mute_with(settings).await;
    let schedule = Schedule::closed(count(4));
    let plan = plan(&target, schedule, StopCondition::after_calls(40), Duration::ZERO)
        .workers(1)
        .connections(1)
        .deadline(Duration::from_millis(20));
    let figures = run(&plan).await.unwrap().figures;
    assert_eq!(figures.counts.ended_with(Code::DeadlineExceeded), 40);
    assert_eq!(*requests.lock().unwrap(), [40]);
}

#[tokio::test]
async fn a_lost_connection_fails_its_calls_and_is_opened_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let worker = longsync_server::Worker::new(Config::default(), longsync_timer::Clock::Monotonic);
    tokio::spawn(async move {
        // The first connection is closed as soon as a call has arrived.
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        drop(connection.accept().await);
        drop(connection);
        let (socket, _) = listener.accept().await.unwrap();
        longsync_server::serve_connection(socket, None, &worker).await;
    });
    let schedule = Schedule::constant(rate(200));
    let plan =
        plan(&target, schedule, StopCondition::after(Duration::from_secs(1)), Duration::ZERO)
            .workers(1)
            .connections(1);
    let figures = run(&plan).await.unwrap().figures;
    assert_eq!(figures.counts.due(), 200);
    assert!(figures.counts.ended_with(Code::Unavailable) >= 1, "{figures:?}");
    assert_eq!(figures.counts.not_sent.total(), 0, "the next connection is opened at once");
    assert_eq!((figures.counts.connections_opened, figures.counts.connections_lost), (2, 1));
    assert!(figures.counts.ended_with(Code::Ok) >= 1);
    assert_eq!(figures.counts.unfinished, 0);
}

/// If the name has an address of another family, nothing listens there.
#[tokio::test]
async fn connections_to_localhost_go_to_those_of_its_addresses_that_accept() {
    let server = start(Limits::default());
    let port = server.target.authority().rsplit_once(':').unwrap().1.to_owned();
    let target = format!("http://localhost:{port}").parse().unwrap();
    let plan = plan(&target, together(40), StopCondition::after_calls(40), Duration::ZERO);
    let counts = run(&plan.connections(4)).await.unwrap().figures.counts;
    assert_eq!((counts.good, counts.connections_opened, counts.connections_refused), (40, 4, 0));
}

#[tokio::test]
async fn answers_longer_than_a_streams_window_arrive_complete() {
    let server = start(Limits::default());
    let request = LongSyncRequest {
        delay: Some(to_proto(Duration::ZERO)),
        response_bytes: 3 * 1024 * 1024,
        ..LongSyncRequest::default()
    };
    let plan = planned(&server.target, together(12), StopCondition::after_calls(12), &request);
    let load = run(&plan).await.unwrap();
    assert_eq!(load.figures.counts.ended_with(Code::Ok), 12);
    assert_eq!(load.figures.lateness.count(), 12, "a Timing is read from each answer");
}

#[tokio::test]
async fn calls_that_the_server_refuses_have_the_servers_code() {
    let server = start(Limits::default());
    let delay = Limits::default().max_delay + Duration::from_secs(1);
    let plan = plan(&server.target, together(4), StopCondition::after_calls(4), delay);
    let load = run(&plan).await.unwrap();
    let statuses: Vec<_> = load.figures.counts.statuses().collect();
    assert_eq!(statuses, [(StatusCode::from(3), 4)]);
    assert_eq!(load.figures.service_time.count(), 0);
}
