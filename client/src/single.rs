//! One call of any of the four kinds, and its report.

mod answer_sink;
mod hang;
mod json;
mod kinds;
mod outcome;
mod plan;
mod text;

use std::time::{Duration, Instant};

use longsync::deadline::margin;
use longsync_text::TypedDuration;
use longsync_timer::{Clock, Timer};
use tokio_util::sync::CancellationToken;
use tonic::Status;

pub use crate::single::json::to_json;
pub use crate::single::outcome::{ReceivedAnswer, Single};
pub use crate::single::plan::{RpcKind, SinglePlan, SinglePlanBuilder, SinglePlanError};
pub use crate::single::text::{MOST_ROWS, answer_line, to_text};

use crate::single::answer_sink::AnswerSink;
use crate::single::hang::Unanswered;
use crate::single::kinds::PendingCall;
use longsync_connect::ConnectError;
use longsync_connect::ConnectionPool;
use longsync_connect::Stamps;
use longsync_connect::StreamPermit;
use longsync_connect::rpc::RetryLog;

/// Makes one call. `on_answer` is called with each answer as it arrives, and no further answers are read
/// until it returns; `interrupt` ends the call early, even while it connects. The deadline covers both
/// connecting and the call.
///
/// # Errors
/// When the server could not be reached. A call that fails is not an error but a result.
///
/// # Cancel safety
/// Dropping the future resets the call and closes its connection; its result is lost, except for the answers
/// that were passed to `on_answer`. `interrupt` loses nothing.
pub async fn call(
    plan: &SinglePlan,
    interrupt: &CancellationToken,
    on_answer: impl AsyncFnMut(&ReceivedAnswer),
) -> Result<Single, ConnectError> {
    let timer = Timer::new(Clock::Monotonic);
    let connections = ConnectionPool::new(plan.target.clone(), timer.clone());
    let connections = if plan.deadline.is_some() { connections.patient() } else { connections };
    let mut single = Single::unmade(plan);
    let before = timer.now();
    let connected = tokio::select! {
        connected = connections.permit() => Ok(connected?),
        status = async {
            over(plan.deadline.as_ref().map(TypedDuration::value), &timer).await;
            // Evaluated here, while the connection is still pending.
            not_connected_in_time(plan, &connections)
        } => Err(Some(status)),
        () = interrupt.cancelled() => Err(None),
    };
    let took = timer.now() - before;
    match connected {
        Ok(permit) => {
            single.connect = Some(took);
            make(plan, permit, before, &connections, interrupt, &mut single, on_answer).await;
        }
        Err(status) => single.status = status,
    }
    Ok(single)
}

/// Makes the call with a permit.
async fn make(
    plan: &SinglePlan,
    permit: StreamPermit,
    begun: Instant,
    connections: &ConnectionPool,
    interrupt: &CancellationToken,
    single: &mut Single,
    on_answer: impl AsyncFnMut(&ReceivedAnswer),
) {
    let (timer, stamps, retried) = (connections.timer(), Stamps::default(), RetryLog::default());
    let due = plan.deadline.as_ref().and_then(|deadline| begun.checked_add(deadline.value()));
    let left = due.map(|due| due.saturating_duration_since(timer.now()));
    let Single { answers, more_answers, faults, .. } = single;
    let mut sink = AnswerSink::new(plan, answers, more_answers, faults, on_answer);
    let calling = PendingCall { plan, due, connections, stamps: &stamps, retried: &retried };
    let mut unanswered = None;
    single.status = tokio::select! {
        ended = calling.call(permit, &mut sink) => Some(match ended {
            Ok(left) => {
                unanswered = left;
                Status::ok("")
            }
            Err(status) => status,
        }),
        () = over(left.map(|left| left + margin(left)), timer) => {
            Some(not_ended_in_time(plan, &retried, sink.is_showing()))
        }
        () = interrupt.cancelled() => None,
    };
    if let Some(Unanswered { count, hang }) = unanswered {
        (single.unanswered, single.hang) = (Some(count), hang);
    }
    let done = stamps.done().unwrap_or_else(|| timer.now());
    single.service_time = stamps.sent().map(|sent| done.saturating_duration_since(sent));
    single.refusal = retried.read().1;
}

fn not_connected_in_time(plan: &SinglePlan, connections: &ConnectionPool) -> Status {
    let why = if connections.is_held_back() {
        "while the server allowed no calls: its MAX_CONCURRENT_STREAMS is 0"
    } else {
        "before there was a connection"
    };
    Status::deadline_exceeded(format!("{} passed {why}", named_deadline(plan)))
}

fn not_ended_in_time(plan: &SinglePlan, retried: &RetryLog, is_showing: bool) -> Status {
    let deadline = named_deadline(plan);
    Status::deadline_exceeded(match retried.in_vain() {
        _ if is_showing => format!(
            "{deadline} passed while an answer was waiting to be shown; more answers may have followed it"
        ),
        Some(refusal) => format!(
            "{deadline} passed before the call could be sent again: the server did not process it \
             ({refusal})"
        ),
        None => format!("{deadline} passed, and the server did not report it"),
    })
}

/// The deadline as it was typed.
fn named_deadline(plan: &SinglePlan) -> String {
    match &plan.deadline {
        Some(deadline) => format!("the deadline of {deadline}"),
        None => "the deadline".to_owned(),
    }
}

/// Waits for this time; without one, forever.
async fn over(time: Option<Duration>, timer: &Timer) {
    match time {
        Some(time) => drop(timer.sleep(time).await),
        None => std::future::pending().await,
    }
}
