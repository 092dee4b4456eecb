//! Connections that are opened because the server's limit on streams requires them.

use std::time::Duration;

use longsync::v1::LongSyncRequest;
use longsync_load::{Control, LoadError, LoadPlan, LongSync, Schedule, StopCondition, run_here};
use longsync_stats::{BusiestPeriod, HeldBack, InFlightLimits, NotSentReason};
use longsync_timer::Clock;

use crate::in_memory::{InMemory, plan, run, serve};

const CALL: Duration = Duration::from_millis(500);

/// Ten streams per connection, starting with the first.
fn ten_streams() -> InMemory {
    InMemory::http2(10, |connection, _| serve(connection, usize::MAX, CALL))
}

#[tokio::test(start_paused = true)]
async fn as_many_connections_are_opened_as_the_calls_in_flight_need() {
    // 100 calls per second that take half a second need 50 streams.
    let plan = plan(100, 500).connections_at_most(20);
    let load = run(plan, &ten_streams()).await;
    let counts = &load.figures.counts;
    assert_eq!((counts.good, counts.not_sent.total()), (500, 0), "{counts:?}");
    assert!((5..=6).contains(&counts.connections_opened), "{}", counts.connections_opened);
    assert_eq!(load.figures.lag.longest(), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_a_connection_that_is_being_opened() {
    let takes = Duration::from_millis(30);
    let plan = plan(100, 200).connections_at_most(20);
    let load = run(plan, &ten_streams().taking(takes)).await;
    assert_eq!(load.figures.counts.good, 200);
    let lag = load.figures.lag.longest().unwrap();
    // To three digits.
    assert!(lag >= takes && lag <= takes * 1_001 / 1_000, "{lag:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_connections_are_opened_than_allowed() {
    let plan = plan(100, 500).connections_at_most(2);
    let counts = run(plan, &ten_streams()).await.figures.counts;
    assert_eq!(counts.connections_opened, 2);
    assert!(counts.not_sent[NotSentReason::StreamLimit] > 250, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_held_back_by_the_stream_limit_come_with_the_connections_needed() {
    // These calls need 45 streams.
    let load = run(plan(90, 450), &ten_streams()).await;
    let counts = load.figures.counts;
    assert_eq!(counts.good + counts.not_sent[NotSentReason::StreamLimit], 450);
    let limits = InFlightLimits {
        max_in_flight: u64::MAX,
        connections: 1,
        streams_per_connection: Some(load.streams_per_connection),
    };
    let held_back = HeldBack::all(&load.figures, BusiestPeriod::of(&load.intervals), limits);
    let [hint] = &held_back[..] else { panic!("{held_back:?}") };
    assert!(hint.to_string().contains("--connections 5 or more"), "{hint}");
    let counts = run(plan(90, 450).connections(5), &ten_streams()).await.figures.counts;
    assert_eq!(counts.good, 450);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_cannot_be_opened_delays_no_call_and_is_tried_again() {
    let transport = InMemory::raw(|io, number| {
        if number == 0 {
            tokio::spawn(async move {
                let mut builder = h2::server::Builder::new();
                let builder = builder.max_concurrent_streams(10);
                let Ok(connection) = builder.handshake::<_, bytes::Bytes>(io).await else { return };
                serve(connection, usize::MAX, CALL).await;
            });
        }
        number == 0
    });
    let plan = plan(100, 500).connections_at_most(20);
    let load = run(plan, &transport).await;
    let counts = &load.figures.counts;
    assert_eq!(counts.good + counts.not_sent[NotSentReason::StreamLimit], 500, "{counts:?}");
    assert!((4..=8).contains(&counts.connections_refused), "{}", counts.connections_refused);
    assert_eq!(load.figures.lag.longest(), Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_grows_to_its_number_in_flight() {
    let closed = |at_most| {
        let in_flight = 45.try_into().unwrap();
        let (schedule, stop) = (Schedule::closed(in_flight), StopCondition::after_calls(450));
        let calls = LongSync::new(&LongSyncRequest::default()).unwrap();
        LoadPlan::builder("http://in.memory".parse().unwrap(), calls, schedule, stop)
            .connections_at_most(at_most)
    };
    let load = run(closed(20), &ten_streams()).await;
    assert_eq!((load.figures.counts.good, load.figures.counts.connections_opened), (450, 5));
    assert_eq!(load.took, 10 * CALL);
    let plan = closed(4).build().unwrap();
    let control = Control::default();
    let run = run_here(&plan, Clock::Tokio, ten_streams(), &control, ());
    assert!(matches!(Box::pin(run).await, Err(LoadError::TooFewStreams { streams: 10, .. })));
}
