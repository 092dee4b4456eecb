//! One call of any of the four kinds, and its account.

mod json;
mod kinds;
mod outcome;
mod plan;
mod text;

use std::time::Duration;

use longsync_timer::{Clock, Timer};
use tokio_util::sync::CancellationToken;
use tonic::Status;

pub use crate::single::json::to_json;
pub use crate::single::outcome::{Answer, Single};
pub use crate::single::plan::{Kind, SinglePlan};
pub use crate::single::text::{answer_line, to_text};

use crate::connections::Connections;
use crate::dial::ConnectError;

/// How much longer than its deadline a call waits for the server's own word of it, which bears what
/// the server saw. The server's deadline begins when the headers arrive there, and its status takes
/// its way back.
pub(crate) fn grace(deadline: Duration) -> Duration {
    (deadline * 11 / 1_000).max(Duration::from_millis(20))
}

/// Makes one call. `on_answer` sees each answer as it comes; `interrupt` ends the call early, also
/// while it connects. The deadline is one for connecting and the call.
///
/// # Errors
/// When the server was not reached. A call that fails is a result.
///
/// # Cancel safety
/// The call is reset, and its connection closed; what it came to until then is lost, but for the
/// answers that `on_answer` has seen. `interrupt` loses nothing.
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
    let calling = kinds::call(plan, left, credit, &timer, &mut single.answers, on_answer);
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
