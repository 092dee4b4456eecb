//! One worker on a clock controlled by the test, over a stream in memory.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use longsync::duration::to_proto;
use longsync::frame;
use longsync::v1::{LongSyncRequest, LongSyncStreamRequest, LongSyncStreamResponse};
use longsync_connect::answer::{ANSWER_BYTES, AnswerLimits, ExpectedMessages};
use longsync_connect::timing::plausible;
use longsync_connect::{Code, ConnectErrorKind, Target, Transport, TransportError, rpc};
use longsync_load::{
    CallNumber, Control, Load, LoadError, LoadPlan, LongSync, Method, Rate, Schedule,
    StopCondition, run_here,
};
use longsync_server::{Config, Worker, serve_connection};
use longsync_stats::{Distribution, ServerWait};
use longsync_timer::{Clock, Timer};
use prost::Message as _;
use tokio::io::DuplexStream;

const HOUR: Duration = Duration::from_secs(3600);

/// Opens streams in memory to a server on the test's runtime and clock, up to a maximum number.
struct InMemory {
    worker: Arc<Worker>,
    left: AtomicUsize,
}

impl InMemory {
    fn of(connections: usize) -> Self {
        let worker = Worker::new(Config::default(), Clock::Tokio);
        Self { worker, left: AtomicUsize::new(connections) }
    }
}

impl Transport for InMemory {
    type Io = DuplexStream;

    async fn open(&self, _: &Target, _: usize, _: &Timer) -> Result<DuplexStream, TransportError> {
        let one_less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
            return Err(TransportError::new(
                ConnectErrorKind::Refused,
                "there is no further stream",
            ));
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let worker = Arc::clone(&self.worker);
        tokio::spawn(async move { serve_connection(theirs, None, &worker).await });
        Ok(ours)
    }
}

fn target() -> Target {
    "http://in.memory".parse().unwrap()
}

fn calls(delay: Duration) -> LongSync {
    let delay = Some(to_proto(delay));
    LongSync::new(&LongSyncRequest { delay, ..LongSyncRequest::default() }).unwrap()
}

async fn run<M: Method>(plan: &LoadPlan<M>, transport: InMemory) -> Result<Load, LoadError> {
    run_here(plan, Clock::Tokio, transport, &Control::default(), ()).await
}

/// A distribution of `count` equal durations.
pub(crate) fn all(count: usize, duration: Duration) -> Distribution {
    let mut all = Distribution::default();
    for _ in 0..count {
        all.record(i64::try_from(duration.as_nanos()).unwrap());
    }
    all
}

#[tokio::test(start_paused = true)]
async fn an_open_loop_of_an_hour_has_exact_figures() {
    let begun = std::time::Instant::now();
    let delay = Duration::from_millis(250);
    let schedule = Schedule::constant(Rate::per_second(2).unwrap());
    let plan = LoadPlan::builder(target(), calls(delay), schedule, StopCondition::after(HOUR));
    let load = run(&plan.build().unwrap(), InMemory::of(1)).await.unwrap();
    let (figures, count) = (&load.figures, 7_200);
    assert_eq!((figures.counts.due(), figures.counts.ended_with(Code::Ok)), (7_200, 7_200));
    assert_eq!(figures.service_time, all(count, delay));
    assert_eq!(figures.response_time(), all(count, delay));
    for nothing in [&figures.lag, &figures.added, &figures.lateness] {
        assert_eq!(*nothing, all(count, Duration::ZERO));
    }
    // The last call is due half a second before the hour is over.
    assert_eq!(load.took, Duration::from_millis(3_599_500) + delay);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_closed_loop_makes_its_calls_in_rounds() {
    let delay = Duration::from_secs(1);
    let schedule = Schedule::closed(NonZeroUsize::new(25).unwrap());
    let plan = LoadPlan::builder(target(), calls(delay), schedule, StopCondition::after_calls(110));
    let load = run(&plan.connections(3).build().unwrap(), InMemory::of(3)).await.unwrap();
    assert_eq!(load.figures.service_time, all(110, delay));
    // 110 calls, 25 at a time: 4 full rounds and a partial one.
    assert_eq!(load.took, 5 * delay);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_or_at_the_end_of_the_grace() {
    let delay = Duration::from_secs(60);
    let plan = || {
        LoadPlan::builder(target(), calls(delay), Schedule::AtOnce, StopCondition::after_calls(9))
            .grace(Duration::from_secs(10))
    };
    let second = Duration::from_secs(1);
    let load = run(&plan().deadline(second).build().unwrap(), InMemory::of(1)).await.unwrap();
    assert_eq!(load.figures.counts.ended_with(Code::DeadlineExceeded), 9);
    assert_eq!((load.figures.counts.cut, load.took), (0, second), "the server ended them");
    assert_eq!(load.figures.failed_service_time, all(9, second));
    let begun = tokio::time::Instant::now();
    let load = run(&plan().build().unwrap(), InMemory::of(1)).await.unwrap();
    assert_eq!((load.figures.counts.unfinished, load.figures.counts.ended()), (9, 0));
    // The run starts 50 ms after it has its connection.
    assert_eq!(begun.elapsed(), Duration::from_millis(10_050));
}

#[tokio::test(start_paused = true)]
async fn a_run_here_needs_one_worker_and_a_server_that_can_be_reached() {
    let plan = || {
        LoadPlan::builder(target(), calls(HOUR), Schedule::AtOnce, StopCondition::after_calls(1))
    };
    let two = plan().workers(2).connections(2).build().unwrap();
    let refused = run(&two, InMemory::of(2)).await.unwrap_err();
    assert!(matches!(refused, LoadError::OneWorker { workers: 2 }), "{refused}");
    let unreached = run(&plan().build().unwrap(), InMemory::of(0)).await.unwrap_err();
    assert_eq!(unreached.to_string(), "cannot reach http://in.memory: there is no further stream");
}

/// Streams of three answers, whose waits are added up.
struct Threes(Bytes);

impl Method for Threes {
    type Answer = Vec<Bytes>;

    fn apart(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    fn path(&self) -> PathAndQuery {
        rpc::path("LongSyncStream")
    }

    fn messages(&self, _: CallNumber) -> Bytes {
        self.0.clone()
    }

    fn limits(&self) -> AnswerLimits {
        AnswerLimits {
            message_bytes: ANSWER_BYTES,
            expected: ExpectedMessages::Several(3),
            page_bytes: 0,
        }
    }

    fn received(&self, answer: &mut Vec<Bytes>, message: Bytes) {
        answer.push(message);
    }

    fn answered(&self, answer: &Vec<Bytes>) -> Result<Option<ServerWait>, Code> {
        let mut sum = ServerWait {
            planned: Duration::ZERO,
            queued: Duration::ZERO,
            waited: Duration::ZERO,
            is_faulty: false,
        };
        for message in answer {
            let message =
                LongSyncStreamResponse::decode(&message[..]).map_err(|_| Code::Internal)?;
            let timing = message.timing.unwrap_or_default();
            sum.planned += plausible(timing.planned.as_ref()).unwrap_or_default();
            sum.waited += plausible(timing.waited.as_ref()).unwrap_or_default();
        }
        Ok(Some(sum))
    }
}

#[tokio::test(start_paused = true)]
async fn the_method_determines_what_is_sent_and_read() {
    let delay = Duration::from_millis(200);
    let request = LongSyncStreamRequest {
        delay: Some(to_proto(delay)),
        count: Some(3),
        ..LongSyncStreamRequest::default()
    };
    let method = Threes(frame::encoded(&request));
    let plan =
        LoadPlan::builder(target(), method, Schedule::AtOnce, StopCondition::after_calls(10));
    let load = run(&plan.build().unwrap(), InMemory::of(1)).await.unwrap();
    let figures = &load.figures;
    assert_eq!(figures.service_time, all(10, 3 * delay));
    assert_eq!(
        (&figures.added, &figures.lateness),
        (&all(10, Duration::ZERO), &all(10, Duration::ZERO))
    );
}
