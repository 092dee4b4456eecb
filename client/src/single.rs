//! One call of any of the four kinds, and its account.

mod answer_sink;
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
use crate::single::kinds::PendingCall;
use longsync_connect::ConnectError;
use longsync_connect::ConnectionPool;
use longsync_connect::Stamps;
use longsync_connect::StreamPermit;
use longsync_connect::rpc::RetryLog;

/// Makes one call. `on_answer` sees each answer as it comes, and while it waits, later ones are not
/// read; `interrupt` ends the call early, even while it connects. The deadline covers both connecting
/// and the call.
///
/// # Errors
/// When the server was not reached. A call that fails is a result.
///
/// # Cancel safety
/// The call is reset, and its connection closed; what it had come to is lost, except for the
/// answers that `on_answer` has seen. `interrupt` loses nothing.
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
            // Here, while the connection is still waited for.
            not_connected_in_time(plan, &connections)
        } => Err(Some(status)),
        () = interrupt.cancelled() => Err(None),
    };
    single.connect = timer.now() - before;
    match connected {
        Ok(permit) => {
            make(plan, permit, before, &connections, interrupt, &mut single, on_answer).await;
        }
        Err(status) => single.status = status,
    }
    Ok(single)
}

/// Makes the call with a permit in hand.
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
    let mut kept = AnswerSink::new(plan, &mut single.answers, &mut single.more_answers, on_answer);
    let calling = PendingCall { plan, due, connections, stamps: &stamps, retried: &retried };
    single.status = tokio::select! {
        ended = calling.call(permit, &mut kept) => {
            Some(ended.err().unwrap_or_else(|| Status::ok("")))
        }
        () = over(left.map(|left| left + margin(left)), timer) => {
            Some(not_ended_in_time(plan, &retried, kept.is_showing()))
        }
        () = interrupt.cancelled() => None,
    };
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
    Status::deadline_exceeded(format!("{} was over {why}", named_deadline(plan)))
}

fn not_ended_in_time(plan: &SinglePlan, retried: &RetryLog, is_showing: bool) -> Status {
    let deadline = named_deadline(plan);
    Status::deadline_exceeded(match retried.in_vain() {
        _ if is_showing => format!(
            "{deadline} was over while an answer waited to be shown; others may have come behind it"
        ),
        Some(refusal) => format!(
            "{deadline} was over before the call could be sent again: the server did not process it \
             ({refusal})"
        ),
        None => format!("{deadline} is over, and the server has not said so"),
    })
}

/// The deadline as it was typed.
fn named_deadline(plan: &SinglePlan) -> String {
    match &plan.deadline {
        Some(deadline) => format!("the deadline of {deadline}"),
        None => "the deadline".to_owned(),
    }
}

/// Waits until this time is over; without one, for ever.
async fn over(time: Option<Duration>, timer: &Timer) {
    match time {
        Some(time) => drop(timer.sleep(time).await),
        None => std::future::pending().await,
    }
}
