//! Runs the ways of a race.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use longsync_timer::Timer;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::race::calls::{CallLimit, Caller, WayContext};
use crate::race::cost::CostMeter;
use crate::race::exchange::ExchangeResult;
use crate::race::needs::MESSAGES_PER_STREAM;
use crate::race::outcome::{CallEnd, RaceCall, WayRun};
use crate::race::plan::{RacePlan, ThreadConnections};
use crate::race::progress::WayProgress;
use crate::race::projection::{Expected, fits, project};
use crate::race::quiet::{give_up, nothing_moves};
use crate::race::way::Way;
use crate::race::words::{named, with_first};
use longsync_connect::answer::ANSWER_BYTES;
use longsync_connect::rpc::RetryLog;
use longsync_text::{counted, in_words};

/// The number of tasks that are spawned before the runtime may run them.
const SPAWNED_IN_A_ROW: usize = 32;

/// The stack of a thread: it must fit a call's future, and the frames of the standard library.
const THREAD_STACK_BYTES: usize = 512 * 1024;

/// Runs one way.
pub(super) async fn run(
    way: Way,
    plan: &RacePlan,
    caller: Caller,
    timer: &Timer,
    interrupt: &CancellationToken,
    progress: WayProgress,
) -> WayRun {
    let cost = CostMeter::start();
    let count = plan.calls.get();
    let calls = WayContext {
        caller,
        delays: plan.delays.clone(),
        place: plan.behavior_place(way),
        headers: Arc::new(plan.headers(way)),
        start: timer.now(),
        timer: timer.clone(),
        interrupt: interrupt.child_token(),
        limit: CallLimit::of(plan, way),
        deadline: plan.deadline(),
        most_answer_bytes: plan.max_answer_bytes.unwrap_or(ANSWER_BYTES),
        retried: RetryLog::default(),
        progress,
    };
    let _watching = watch(&calls, plan.longest_call());
    let mut made = match way {
        Way::Sequential => sequential(&calls, plan).await,
        Way::Threads => threads(&calls, plan).await,
        Way::Tasks => tasks(&calls, count).await,
        Way::Exchange => exchange(&calls, count).await,
    };
    let stopped = calls.since_start();
    if calls.interrupt.is_cancelled() {
        if !interrupt.is_cancelled() {
            let rows = made.rows.iter_mut().map(|row| &mut row.end);
            give_up(rows.chain(&mut made.untold), stopped);
        }
    } else if way == Way::Sequential {
        project(&mut made.rows, Expected::of(plan), count);
    }
    made.rows.resize(count, RaceCall::UNSENT);
    let last = made.rows.iter().filter_map(RaceCall::done).max().unwrap_or(stopped);
    let (retried, refusal) = calls.retried.read();
    let is_unfinished = made.rows.iter().any(|row| row.end == CallEnd::Unfinished);
    WayRun {
        way,
        wall: if is_unfinished { stopped } else { last },
        threads: if way == Way::Threads { count } else { 1 },
        connections: made.connections,
        streams: if way == Way::Exchange { count.div_ceil(MESSAGES_PER_STREAM) } else { count },
        cost: cost.cost(),
        rows: std::mem::take(&mut made.rows),
        trouble: made.all_trouble(),
        retried,
        refusal,
        server: None,
    }
}

/// Ends the calls of a way when it makes no more progress.
fn watch(calls: &WayContext, longest: Duration) -> AbortOnDropHandle<()> {
    let (progress, timer) = (calls.progress.clone(), calls.timer.clone());
    let interrupt = calls.interrupt.clone();
    AbortOnDropHandle::new(tokio::spawn(async move {
        nothing_moves(&progress, longest, &timer).await;
        interrupt.cancel();
    }))
}

/// The result of a way.
struct WayResult {
    rows: Vec<RaceCall>,
    connections: usize,
    trouble: Option<String>,
    /// The bad ends of streams which no row shows.
    untold: Vec<CallEnd>,
}

impl WayResult {
    /// All problems which the rows do not show.
    fn all_trouble(&self) -> Option<String> {
        let all: Vec<_> = self.trouble.clone().into_iter().chain(untold(&self.untold)).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// The note about streams that ended badly although all their messages had been answered.
fn untold(ends: &[CallEnd]) -> Option<String> {
    let streams = counted(ends.len(), "stream");
    let whose = if ends.len() == 1 { "its" } else { "their" };
    let although = format!("although all {whose} messages were answered");
    Some(match ends.first()? {
        CallEnd::Failed { reported: Some(reported), .. } if reported.fault.is_some() => {
            let fault = reported.fault.as_deref().unwrap_or_default();
            format!("{streams} failed, as planned by {fault}, {although}")
        }
        CallEnd::Failed { status, message, .. } => {
            let what = format!("{streams} ended with an error {although}");
            with_first(&what, ends.len(), &named(status, message))
        }
        CallEnd::Cancelled { .. } => format!("{streams} had to be cancelled {although}"),
        _ => format!("{streams} had not ended when the race was ended {although}"),
    })
}

/// Stops before the first call that would not end in time.
async fn sequential(calls: &WayContext, plan: &RacePlan) -> WayResult {
    let mut rows = Vec::new();
    while rows.len() < plan.calls.get()
        && !calls.interrupt.is_cancelled()
        && fits(rows.len(), Expected::of(plan), calls.since_start(), plan.sequential_max.value())
    {
        rows.push(calls.one(rows.len()).await);
    }
    WayResult { rows, connections: calls.caller.opened(), trouble: None, untold: Vec::new() }
}

async fn tasks(calls: &WayContext, count: usize) -> WayResult {
    let mut tasks = JoinSet::new();
    let shared = Arc::new(calls.clone());
    for index in 0..count {
        let calls = Arc::clone(&shared);
        tasks.spawn(async move {
            let rows = vec![calls.one(index).await];
            (index, ExchangeResult { rows, untold: None })
        });
        // Spawning many tasks takes milliseconds, during which the first could not send.
        if index % SPAWNED_IN_A_ROW == SPAWNED_IN_A_ROW - 1 {
            tokio::task::yield_now().await;
        }
    }
    let made = joined(tasks, count).await;
    WayResult { connections: calls.caller.opened(), ..made }
}

/// The rows of tasks that make several calls each, starting at the index that they return. A task that
/// panicked has no rows, and is reported.
async fn joined(mut tasks: JoinSet<(usize, ExchangeResult)>, count: usize) -> WayResult {
    let mut rows = vec![RaceCall::UNSENT; count];
    let (mut untold, mut panics) = (Vec::new(), Vec::<JoinError>::new());
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok((first, made)) => {
                rows[first..first + made.rows.len()].clone_from_slice(&made.rows);
                untold.extend(made.untold);
            }
            Err(panic) => panics.push(panic),
        }
    }
    let trouble = panics.first().map(|first| {
        let what = format!("{} ended without a result", counted(panics.len(), "task"));
        with_first(&what, panics.len(), &first.to_string())
    });
    WayResult { rows, connections: 0, trouble, untold }
}

/// The result of a thread of the race.
struct ThreadResult {
    index: usize,
    row: RaceCall,
    /// The number of connections of its own.
    connections: usize,
}

/// One thread does the I/O of all threads and, unless the plan says otherwise, on one shared connection, so
/// that only the waiting differs from tasks.
async fn threads(calls: &WayContext, plan: &RacePlan) -> WayResult {
    let count = plan.calls.get();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let starting = {
        let (calls, runtime) = (calls.clone(), Handle::current());
        let connections = plan.thread_connections;
        // Starting many threads takes long, and this thread must do the I/O of their connection.
        tokio::task::spawn_blocking(move || {
            start_threads(&calls, connections, count, &runtime, &sender)
        })
    };
    let mut rows = vec![RaceCall::UNSENT; count];
    let (mut connections, mut results) = (0, 0);
    while let Some(ended) = receiver.recv().await {
        rows[ended.index] = ended.row;
        connections += ended.connections;
        results += 1;
    }
    let trouble = match starting.await {
        Ok(Ok(())) => without_result(count - results),
        Ok(Err((started, error))) => Some(only_some(started, count, &error)),
        Err(panicked) => Some(panicked.to_string()),
    };
    if plan.thread_connections == ThreadConnections::Shared {
        connections = calls.caller.opened();
    }
    WayResult { rows, connections, trouble, untold: Vec::new() }
}

/// The note about threads that the system did not start.
fn only_some(started: usize, count: usize, why: &io::Error) -> String {
    format!("only {started} of {count} threads could be started: {}", in_words(why))
}

/// The note about threads that panicked: they dropped their senders, and reported the panic on stderr.
fn without_result(threads: usize) -> Option<String> {
    (threads > 0).then(|| format!("{} ended without a result", counted(threads, "thread")))
}

fn start_threads(
    calls: &WayContext,
    connections: ThreadConnections,
    count: usize,
    runtime: &Handle,
    ended: &mpsc::UnboundedSender<ThreadResult>,
) -> Result<(), (usize, io::Error)> {
    for index in 0..count {
        let (mut calls, runtime, ended) = (calls.clone(), runtime.clone(), ended.clone());
        if connections == ThreadConnections::Own {
            calls.caller = calls.caller.apart();
        }
        thread::Builder::new()
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let row = runtime.block_on(calls.one(index));
                // Sending fails only if the race was dropped.
                let _ = ended.send(ThreadResult { index, row, connections: calls.caller.opened() });
            })
            .map_err(|error| (index, error))?;
    }
    Ok(())
}

async fn exchange(calls: &WayContext, count: usize) -> WayResult {
    let mut streams = JoinSet::new();
    for first in (0..count).step_by(MESSAGES_PER_STREAM) {
        let messages = MESSAGES_PER_STREAM.min(count - first);
        let calls = calls.clone();
        streams.spawn(async move { (first, calls.one_stream(first, messages).await) });
    }
    let made = joined(streams, count).await;
    WayResult { connections: calls.caller.opened(), ..made }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_reported_and_the_others_keep_their_rows() {
        let done = RaceCall { sent: None, end: CallEnd::Cancelled { done: Duration::ZERO } };
        let mut tasks = JoinSet::new();
        let rows = vec![done.clone()];
        tasks.spawn(async { (1, ExchangeResult { rows, untold: None }) });
        tasks.spawn(async { panic!("a test panic") });
        let made = joined(tasks, 3).await;
        assert_eq!(made.rows, [RaceCall::UNSENT, done, RaceCall::UNSENT]);
        let trouble = made.all_trouble().unwrap();
        assert!(trouble.starts_with("1 task ended without a result"), "{trouble}");
        assert!(trouble.contains("a test panic"), "{trouble}");
    }

    #[test]
    fn streams_that_were_given_up_are_reported() {
        let mut ends = vec![CallEnd::Unfinished, CallEnd::Unfinished];
        give_up(ends.iter_mut(), Duration::ZERO);
        let said = untold(&ends).unwrap();
        let words = "2 streams ended with an error although all their messages were answered; the first: \
                     DEADLINE_EXCEEDED: given up";
        assert!(said.starts_with(words), "{said}");
        assert_eq!(untold(&[]), None);
    }

    #[cfg(unix)]
    #[test]
    fn threads_that_were_not_started_are_counted_with_the_reason_in_words() {
        let said = only_some(3, 8, &io::Error::from_raw_os_error(11));
        let why = said.strip_prefix("only 3 of 8 threads could be started: ").unwrap();
        assert!(!why.is_empty() && !why.contains("os error"), "{said}");
    }

    #[test]
    fn threads_without_a_result_are_counted() {
        assert_eq!(without_result(0), None);
        assert_eq!(without_result(2).unwrap(), "2 threads ended without a result");
    }
}
