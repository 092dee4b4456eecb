//! Connections that are lost, and those that replace them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use longsync::v1::LongSyncRequest;
use longsync_connect::Code;
use longsync_connect::answer::AnswerLimits;
use longsync_load::{CallNumber, LoadPlan, LongSync, Method, RunEnd, Schedule, StopCondition};
use longsync_stats::{NotSentReason, Percentile, Quantile, ServerWait};

use crate::here::all;
use crate::in_memory::{InMemory, answer, plan, plan_of, run, serve};

const HALF_SECOND: Duration = Duration::from_millis(500);

/// All streams of the connection are taken when the GOAWAY arrives, so no call that is due could discover it.
#[tokio::test(start_paused = true)]
async fn a_goaway_on_a_full_connection_loses_no_call() {
    let transport = InMemory::http2(50, |connection, _| serve(connection, 50, HALF_SECOND));
    let load = run(plan(200, 400), &transport).await;
    let counts = &load.figures.counts;
    assert_eq!((counts.good, counts.not_sent.total()), (400, 0), "{counts:?}");
    assert_eq!((counts.connections_opened, counts.connections_lost), (9, 8));
    assert_eq!(counts.connections_refused, 0);
    assert!(load.figures.service_time.longest() <= Some(HALF_SECOND + Duration::from_millis(1)));
}

/// HTTP/2 reports the end of such a connection neither to its streams nor to its senders.
#[tokio::test(start_paused = true)]
async fn a_connection_ended_by_a_failed_write_takes_no_more_calls() {
    let transport = InMemory::http2(100, |connection, _| {
        serve(connection, usize::MAX, Duration::from_millis(1))
    });
    for connections in [1, 2] {
        let transport = transport.clone().breaking_writes_after(1_000);
        let in_flight = NonZeroUsize::MIN.saturating_add(3);
        let calls = LongSync::new(&LongSyncRequest::default()).unwrap();
        let target = "http://in.memory".parse().unwrap();
        let (schedule, stop) = (Schedule::closed(in_flight), StopCondition::after_calls(200));
        let plan = LoadPlan::builder(target, calls, schedule, stop).connections(connections);
        transport.seen().asked.clear();
        let load = run(plan, &transport).await;
        let counts = load.figures.counts;
        assert_eq!((counts.ended(), counts.unfinished), (200, 0), "{counts:?}");
        assert!(counts.failed() <= 4, "only calls that were in flight fail: {counts:?}");
        assert_eq!(counts.connections_lost, 1);
        assert!(load.took < Duration::from_secs(1), "{:?}", load.took);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_due_while_a_connection_is_replaced_wait_for_the_next() {
    let takes = Duration::from_millis(30);
    let transport = InMemory::http2(100, |connection, _| serve(connection, 50, HALF_SECOND));
    let load = run(plan(200, 100), &transport.taking(takes)).await;
    let (counts, lag) = (&load.figures.counts, &load.figures.lag);
    assert_eq!((counts.good, counts.not_sent.total()), (100, 0), "{counts:?}");
    assert_eq!(lag.percentile(Percentile::P50), Some(Quantile::At(Duration::ZERO)));
    // The first of them was due 5 ms after the GOAWAY.
    let longest = lag.longest().unwrap();
    assert!(longest > takes / 2 && longest <= takes, "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_lost_connection_among_several_go_to_the_others() {
    let takes = Duration::from_millis(30);
    let transport = InMemory::http2(100, |connection, number| {
        serve(connection, if number == 0 { 10 } else { usize::MAX }, HALF_SECOND)
    });
    let load = run(plan(200, 200).connections(3), &transport.taking(takes)).await;
    assert_eq!(load.figures.counts.good, 200);
    assert_eq!(load.figures.lag.longest(), Some(Duration::ZERO), "no call waited");
}

/// There is a server for the first connection, which it closes with its first call, and again for stream
/// `from` and later ones.
fn closing(from: usize) -> InMemory {
    InMemory::raw(move |io, number| {
        if number > 0 && number < from {
            return false;
        }
        tokio::spawn(async move {
            let Ok(mut connection) = h2::server::handshake(io).await else { return };
            if number == 0 {
                drop(connection.accept().await);
            } else {
                serve(connection, usize::MAX, Duration::ZERO).await;
            }
        });
        true
    })
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_retried_at_once_and_then_less_and_less_often() {
    let gaps = async || {
        let transport = closing(10);
        let load = run(plan(10, 300).grace(Duration::from_secs(60)), &transport).await;
        let counts = load.figures.counts;
        assert_eq!((counts.connections_opened, counts.connections_lost), (2, 1));
        assert_eq!((counts.connections_refused, counts.ended_with(Code::Unavailable)), (9, 1));
        assert_eq!(counts.good + counts.not_sent[NotSentReason::NoConnection], 299);
        let seen = transport.seen();
        seen.asked.windows(2).map(|pair| pair[1].0 - pair[0].0).collect::<Vec<_>>()
    };
    let first = gaps().await;
    // The run starts, and the connection is lost with the first call, 50 ms after it was opened.
    assert_eq!(first[0], Duration::from_millis(50), "the next attempt is made at once");
    let nominal_ms = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000];
    assert_eq!(first.len(), 1 + nominal_ms.len());
    for (gap, nominal_ms) in first[1..].iter().zip(nominal_ms) {
        let nominal = Duration::from_millis(nominal_ms);
        // The timer rounds up to a millisecond.
        assert!(*gap >= nominal * 4 / 5 && *gap <= nominal * 6 / 5 + Duration::from_millis(1));
    }
    assert_eq!(first, gaps().await);
}

/// The run ends long before the grace has passed.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_gone_when_sending_ends_is_lost() {
    let secs = Duration::from_secs_f64;
    // The connection is lost with the first call, and the last of an open loop is due after 4.95 s.
    let load = run(plan(20, 100), &closing(usize::MAX)).await;
    assert_eq!((load.end, load.figures.counts.good), (RunEnd::Unreachable, 0));
    assert!(
        (secs(4.94)..=secs(4.95)).contains(&load.without_connection),
        "{:?}",
        load.without_connection
    );
    let calls = LongSync::new(&LongSyncRequest::default()).unwrap();
    let (schedule, stop) = (Schedule::closed(NonZeroUsize::MIN), StopCondition::after(secs(3.0)));
    let closed = LoadPlan::builder("http://in.memory".parse().unwrap(), calls, schedule, stop);
    let load = run(closed, &closing(usize::MAX)).await;
    assert_eq!((load.end, load.figures.counts.due()), (RunEnd::Unreachable, 1));
    assert!(
        (secs(2.99)..=secs(3.0)).contains(&load.without_connection),
        "{:?}",
        load.without_connection
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_within_a_second_is_not_lost() {
    // Sending ends after 400 ms, and the fourth attempt is made about 700 ms after the connection was lost.
    let load = run(plan(10, 4), &closing(4)).await;
    let without = load.without_connection;
    assert_eq!((load.end, load.figures.counts.connections_opened), (RunEnd::Complete, 2));
    assert!((HALF_SECOND * 3 / 5..HALF_SECOND).contains(&without), "{without:?}");
    // The time of the warm-up is not counted, and neither are connections that are replaced at once.
    let warm_up = Duration::from_secs(60);
    let load = run(plan(10, 300).warm_up(warm_up), &closing(4)).await;
    assert_eq!((load.end, load.without_connection), (RunEnd::Complete, Duration::ZERO));
}

/// How many connections were requested in 10 s from a server that ends each in this way.
async fn asked_for(goaway_at: usize, answers: bool) -> usize {
    let transport = InMemory::http2(100, move |mut connection, _| async move {
        if answers {
            serve(connection, goaway_at, Duration::ZERO).await;
        } else {
            drop(connection.accept().await);
        }
    });
    run(plan(20, 200), &transport).await;
    let seen = transport.seen();
    seen.asked.len()
}

#[tokio::test(start_paused = true)]
async fn only_after_a_useful_connection_is_the_next_opened_at_once() {
    // One connection per call, and none for the last.
    assert!(asked_for(1, true).await >= 200);
    let in_vain = asked_for(1, false).await;
    assert!((6..=20).contains(&in_vain), "{in_vain}");
}

#[tokio::test(start_paused = true)]
async fn each_connection_and_its_replacements_go_to_the_address_of_their_number() {
    let transport = InMemory::http2(100, |connection, number| {
        serve(connection, if number == 1 { 3 } else { usize::MAX }, Duration::ZERO)
    });
    run(plan(100, 60).connections(3), &transport).await;
    let addresses: Vec<_> = transport.seen().asked.iter().map(|(_, nth)| *nth).collect();
    assert_eq!(addresses, [0, 1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_counted_as_they_pass_through_the_streams() {
    let transport = InMemory::http2(50, |connection, _| serve(connection, 50, HALF_SECOND));
    let counts = run(plan(200, 400), &transport).await.figures.counts;
    let seen = transport.seen();
    assert!(counts.bytes_in > 400 * 10 && counts.bytes_out > 400 * 10, "{counts:?}");
    // Bytes that are sent when the run is over, such as a GOAWAY, are not counted.
    let beyond = (seen.bytes_in - counts.bytes_in, seen.bytes_out - counts.bytes_out);
    assert!(beyond.0 <= 100 && beyond.1 <= 100, "{beyond:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_is_done_at_its_deadline() {
    let deadline = Duration::from_millis(50);
    let transport = InMemory::http2(100, |mut connection, _| async move {
        let mut calls = Vec::new();
        while let Some(Ok(call)) = connection.accept().await {
            calls.push(call);
        }
    });
    let load = run(plan(100, 10).deadline(deadline), &transport).await;
    let (counts, times) = (&load.figures.counts, &load.figures.failed_service_time);
    assert_eq!((counts.cut, counts.ended_with(Code::DeadlineExceeded)), (10, 10));
    assert_eq!(*times, all(10, deadline));
    assert_eq!(load.took, Duration::from_millis(90) + deadline);
    let texts = load.texts.by_count();
    assert_eq!(texts, [("the deadline has passed, and the server has not answered", 10)]);
}

/// Counts how often it is asked for a server's name.
struct Curious(LongSync, &'static AtomicUsize);

impl Method for Curious {
    type Answer = Bytes;

    fn apart(&self) -> Self {
        Self(self.0.apart(), self.1)
    }

    fn path(&self) -> PathAndQuery {
        self.0.path()
    }

    fn messages(&self, call: CallNumber) -> Bytes {
        self.0.messages(call)
    }

    fn limits(&self) -> AnswerLimits {
        self.0.limits()
    }

    fn received(&self, answer: &mut Bytes, message: Bytes) {
        self.0.received(answer, message);
    }

    fn answered(&self, answer: &Bytes) -> Result<Option<ServerWait>, Code> {
        self.0.answered(answer)
    }

    fn server(&self, answer: &Bytes) -> Option<String> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.server(answer)
    }
}

#[tokio::test(start_paused = true)]
async fn each_connection_reports_its_servers_name_once() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let transport = InMemory::http2(100, |mut connection, number| async move {
        while let Some(Ok((_, respond))) = connection.accept().await {
            let name = if number == 0 { "one" } else { "another" };
            tokio::spawn(answer(respond, Duration::ZERO, name));
        }
    });
    let method = Curious(LongSync::new(&LongSyncRequest::default()).unwrap(), &ASKED);
    let load = run(plan_of(method, 100, 60).connections(3), &transport).await;
    assert_eq!(load.figures.counts.good, 60);
    assert_eq!(load.servers.iter().collect::<Vec<_>>(), ["another", "one"]);
    assert_eq!(ASKED.load(Ordering::Relaxed), 3);
}
