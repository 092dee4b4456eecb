//! One call of any of the four kinds, and its account.

mod json;
mod kinds;
mod text;

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use longsync::duration::from_proto;
use longsync::v1::{Failure, Timing};
use longsync_timer::{Clock, Timer};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

pub use crate::single::json::to_json;
pub use crate::single::text::{answer_line, to_text};

use crate::connections::Connections;
use crate::dial::ConnectError;
use crate::status;
use crate::target::Target;

/// The kind of an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// `LongSync`: one request, one answer.
    Unary,
    /// `LongSyncStream`: one request, `count` answers.
    Stream,
    /// `LongSyncCollect`: `count` requests, one answer.
    Collect,
    /// `LongSyncExchange`: `count` requests, an answer to each.
    Exchange,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unary => "unary",
            Self::Stream => "stream",
            Self::Collect => "collect",
            Self::Exchange => "exchange",
        })
    }
}

/// What to call, and how.
#[derive(Debug, Clone)]
pub struct SinglePlan {
    /// The kind of RPC.
    pub kind: Kind,
    /// Whom to call.
    pub target: Target,
    /// The delay to ask for; [`None`] leaves it to the server.
    pub delay: Option<Duration>,
    /// The behavior to ask for; empty leaves it to the server.
    pub behavior: String,
    /// How long the call may take.
    pub deadline: Option<Duration>,
    /// How many answers of a stream, how many requests of a collect or an exchange.
    pub count: Option<u32>,
    /// The payload of each request.
    pub payload: Bytes,
    /// Whether answers carry it back.
    pub echo_payload: bool,
    /// How many bytes of payload answers carry instead.
    pub response_bytes: u32,
    /// The name of the call.
    pub call_id: String,
    /// What goes into the request's headers.
    pub metadata: MetadataMap,
}

/// One answer.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Its message.
    pub message: String,
    /// What the server saw.
    pub timing: Option<Timing>,
    /// Its payload.
    pub payload: Bytes,
    /// The request which it answers (exchange), or its place among the answers (stream).
    pub number: Option<u64>,
    /// How many requests it answers (collect).
    pub count: Option<u64>,
    /// Why its request failed (exchange).
    pub failure: Option<Failure>,
    /// From sent to done.
    pub service_time: Duration,
    /// Whether its service time is to be compared with what the server waited: not so for the
    /// answers of a stream after the first.
    pub is_comparable: bool,
}

/// What one call came to.
#[derive(Debug)]
pub struct Single {
    /// The kind of RPC.
    pub kind: Kind,
    /// Who was called.
    pub target: Target,
    /// How long it took to connect.
    pub connect: Duration,
    /// From sent to done, of the call as a whole; [`None`] when it was not sent.
    pub service_time: Option<Duration>,
    /// Its answers, as they came.
    pub answers: Vec<Answer>,
    /// How it ended. [`None`]: it was ended from this side, before that.
    pub status: Option<Status>,
}

impl Answer {
    /// `added`: service time - waited, in nanoseconds; below zero when clocks or scheduling make it so.
    pub fn added_ns(&self) -> Option<i64> {
        let waited = duration(self.timing.as_ref()?.waited.as_ref())?;
        self.is_comparable.then(|| added_ns(self.service_time, waited))
    }
}

fn added_ns(service_time: Duration, waited: Duration) -> i64 {
    let signed = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    signed(service_time).saturating_sub(signed(waited))
}

fn duration(duration: Option<&prost_types::Duration>) -> Option<Duration> {
    from_proto(duration?).ok()
}

impl Single {
    /// What the server saw of a call that failed.
    pub fn failure_timing(&self) -> Option<Timing> {
        self.status.as_ref().and_then(status::timing)
    }

    /// The code with which it ended; [`None`] when it was ended from this side.
    pub fn code(&self) -> Option<Code> {
        self.status.as_ref().map(Status::code)
    }
}

/// When a call's parts were sent and done.
#[derive(Debug, Clone)]
struct CallClock(Timer);

impl CallClock {
    fn since(&self, sent: Option<Instant>) -> Duration {
        sent.map_or(Duration::ZERO, |sent| self.0.now().saturating_duration_since(sent))
    }
}

/// How much longer than its deadline a call waits for the server's own word of it, which bears what
/// the server saw. The server's deadline begins when the headers arrive there, and its status takes
/// its way back.
fn grace(deadline: Duration) -> Duration {
    (deadline * 11 / 1_000).max(Duration::from_millis(20))
}

/// Makes one call. `on_answer` sees each answer as it comes; `interrupt` ends the call early, also
/// while it connects. The deadline is one for connecting and the call.
///
/// # Errors
/// When the server was not reached. A call that fails is a result.
pub async fn call(
    plan: &SinglePlan,
    interrupt: &CancellationToken,
    on_answer: impl FnMut(&Answer),
) -> Result<Single, ConnectError> {
    let timer = Timer::new(Clock::Monotonic);
    let connections = Connections::new(plan.target.clone(), timer.clone());
    let mut single = Single {
        kind: plan.kind,
        target: plan.target.clone(),
        connect: Duration::ZERO,
        service_time: None,
        answers: Vec::new(),
        status: None,
    };
    let before = timer.now();
    let connected = tokio::select! {
        connected = connections.credit() => Ok(connected?),
        () = over(plan.deadline, &timer) => Err(Some(Status::deadline_exceeded(
            "the deadline was over before there was a connection",
        ))),
        () = interrupt.cancelled() => Err(None),
    };
    single.connect = timer.now() - before;
    let credit = match connected {
        Ok(credit) => credit,
        Err(status) => return Ok(Single { status, ..single }),
    };
    let stamps = credit.stamps();
    let left = plan.deadline.map(|deadline| deadline.saturating_sub(single.connect));
    let clock = CallClock(timer.clone());
    let calling = kinds::call(plan, left, credit, clock, &mut single.answers, on_answer);
    single.status = tokio::select! {
        ended = calling => Some(ended.err().unwrap_or_else(|| Status::ok(""))),
        () = over(left.map(|left| left + grace(left)), &timer) => Some(Status::deadline_exceeded(
            "the deadline is over, and the server has not said so",
        )),
        () = interrupt.cancelled() => None,
    };
    let done = stamps.done().unwrap_or_else(|| timer.now());
    single.service_time = stamps.sent().map(|sent| done.saturating_duration_since(sent));
    Ok(single)
}

/// Waits until so much time is over; without such a time, for ever.
async fn over(time: Option<Duration>, timer: &Timer) {
    match time {
        Some(time) => drop(timer.sleep(time).await),
        None => std::future::pending().await,
    }
}
