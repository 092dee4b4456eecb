//! Makes the calls of a race, in each of its ways.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use longsync::duration::{from_proto, to_proto};
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use longsync::v1::{LongSyncExchangeRequest, LongSyncExchangeResponse, LongSyncRequest, Timing};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::connections::{ConnectError, Connections};
use crate::memory::MemoryMeter;
use crate::race::RacePlan;
use crate::race::outcome::{End, Row, WayRun};
use crate::race::way::Way;

/// How many messages one exchange carries. A server holds at most 1,024 unanswered ones in one
/// stream unless told otherwise, and reads no further at that limit.
const MESSAGES_A_STREAM: usize = 1_000;

/// What a thread of the race needs: a call's future, and what the standard library takes.
const THREAD_STACK_BYTES: usize = 512 * 1024;

/// What every call of a way shares.
#[derive(Debug, Clone)]
struct Calls {
    connections: Arc<Connections>,
    delay: Duration,
    start: Instant,
    interrupt: CancellationToken,
}

/// Runs one way.
pub(super) async fn run(
    way: Way,
    plan: &RacePlan,
    connections: Connections,
    interrupt: &CancellationToken,
) -> WayRun {
    let memory = MemoryMeter::start();
    let count = plan.calls.get();
    let calls = Calls {
        start: connections.timer().now(),
        connections: Arc::new(connections),
        delay: plan.delay,
        interrupt: interrupt.clone(),
    };
    let (rows, trouble) = match way {
        Way::Sequential => (sequential(&calls, count).await, None),
        Way::Threads => threads(&calls, count).await,
        Way::Tasks => (tasks(&calls, count).await, None),
        Way::Exchange => (exchange(&calls, count).await, None),
    };
    let stopped = calls.since_start();
    let last = rows.iter().filter_map(Row::done).max().unwrap_or(stopped);
    WayRun {
        way,
        wall: if rows.iter().any(|row| row.end == End::Unfinished) { stopped } else { last },
        threads: if way == Way::Threads { count } else { 1 },
        connections: calls.connections.opened(),
        streams: if way == Way::Exchange { count.div_ceil(MESSAGES_A_STREAM) } else { count },
        memory_added_bytes: memory.added_bytes(),
        rows,
        trouble,
    }
}

async fn sequential(calls: &Calls, count: usize) -> Vec<Row> {
    let mut rows = Vec::with_capacity(count);
    while rows.len() < count && !calls.interrupt.is_cancelled() {
        rows.push(calls.one().await);
    }
    rows.resize(count, Row::UNSENT);
    rows
}

async fn tasks(calls: &Calls, count: usize) -> Vec<Row> {
    let mut tasks = JoinSet::new();
    for index in 0..count {
        let calls = calls.clone();
        tasks.spawn(async move { (index, calls.one().await) });
    }
    let mut rows = vec![Row::UNSENT; count];
    while let Some(ended) = tasks.join_next().await {
        if let Ok((index, row)) = ended {
            rows[index] = row;
        }
    }
    rows
}

/// The threads share the connection, and its one thread of I/O: only what waits differs from tasks.
async fn threads(calls: &Calls, count: usize) -> (Vec<Row>, Option<String>) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let starting = {
        let (calls, runtime) = (calls.clone(), Handle::current());
        // Starting many threads takes long, and this thread carries their connection.
        tokio::task::spawn_blocking(move || start_threads(&calls, count, &runtime, &sender))
    };
    let mut rows = vec![Row::UNSENT; count];
    while let Some((index, row)) = receiver.recv().await {
        rows[index] = row;
    }
    let trouble = match starting.await {
        Ok(Ok(())) => None,
        Ok(Err((started, error))) => {
            Some(format!("only {started} of {count} threads could be started: {error}"))
        }
        Err(panicked) => Some(panicked.to_string()),
    };
    (rows, trouble)
}

fn start_threads(
    calls: &Calls,
    count: usize,
    runtime: &Handle,
    ended: &mpsc::UnboundedSender<(usize, Row)>,
) -> Result<(), (usize, std::io::Error)> {
    for index in 0..count {
        let (calls, runtime, ended) = (calls.clone(), runtime.clone(), ended.clone());
        thread::Builder::new()
            .stack_size(THREAD_STACK_BYTES)
            .spawn(move || {
                let row = runtime.block_on(calls.one());
                // The race waits for every row, unless it is gone.
                let _ = ended.send((index, row));
            })
            .map_err(|error| (index, error))?;
    }
    Ok(())
}

async fn exchange(calls: &Calls, count: usize) -> Vec<Row> {
    let mut streams = JoinSet::new();
    for first in (0..count).step_by(MESSAGES_A_STREAM) {
        let messages = MESSAGES_A_STREAM.min(count - first);
        let calls = calls.clone();
        streams.spawn(async move { (first, calls.one_stream(messages).await) });
    }
    let mut rows = vec![Row::UNSENT; count];
    while let Some(ended) = streams.join_next().await {
        if let Ok((first, of_stream)) = ended {
            rows[first..first + of_stream.len()].clone_from_slice(&of_stream);
        }
    }
    rows
}

impl Calls {
    fn since_start(&self) -> Duration {
        self.since(self.connections.timer().now())
    }

    fn since(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }

    /// Makes one unary call.
    async fn one(&self) -> Row {
        let credit = match self.connections.credit().await {
            Ok(credit) => credit,
            Err(error) => return self.unreached(&error),
        };
        let stamps = credit.stamps();
        let mut client =
            LongSyncServiceClient::with_origin(credit, self.connections.target().origin());
        let request = LongSyncRequest { delay: Some(to_proto(self.delay)), ..Default::default() };
        let answer = tokio::select! {
            answer = client.long_sync(request) => answer,
            () = self.interrupt.cancelled() => {
                return Row { sent: stamps.sent().map(|sent| self.since(sent)), end: End::Unfinished };
            }
        };
        let done = stamps.done().map_or_else(|| self.since_start(), |done| self.since(done));
        let end = match answer {
            Ok(answer) => End::Answered { done, waited: waited(answer.get_ref().timing.as_ref()) },
            Err(status) => failed(done, &status),
        };
        Row { sent: stamps.sent().map(|sent| self.since(sent)), end }
    }

    fn unreached(&self, error: &ConnectError) -> Row {
        let done = self.since_start();
        Row {
            sent: None,
            end: End::Failed { done, code: Code::Unavailable, message: error.to_string() },
        }
    }

    /// Makes so many calls as the messages of one bidirectional stream.
    async fn one_stream(&self, messages: usize) -> Vec<Row> {
        let rows = Arc::new(Mutex::new(vec![Row::UNSENT; messages]));
        let streaming = self.answers(messages, &rows);
        let ended = tokio::select! {
            ended = streaming => ended,
            () = self.interrupt.cancelled() => Ok(()),
        };
        let mut rows = lock(&rows).clone();
        if let Err(status) = ended {
            let done = self.since_start();
            for row in rows.iter_mut().filter(|row| row.end == End::Unfinished) {
                row.end = failed(done, &status);
            }
        }
        rows
    }

    async fn answers(&self, messages: usize, rows: &Arc<Mutex<Vec<Row>>>) -> Result<(), Status> {
        let unreached = |error: ConnectError| Status::unavailable(error.to_string());
        let credit = self.connections.credit().await.map_err(unreached)?;
        let mut client =
            LongSyncServiceClient::with_origin(credit, self.connections.target().origin());
        let requests = {
            let (calls, rows) = (self.clone(), Arc::clone(rows));
            tokio_stream::iter(0..messages).map(move |index| {
                lock(&rows)[index].sent = Some(calls.since_start());
                LongSyncExchangeRequest {
                    delay: Some(to_proto(calls.delay)),
                    id: index as u64,
                    ..Default::default()
                }
            })
        };
        let mut answers = client.long_sync_exchange(requests).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            let index = usize::try_from(answer.id).unwrap_or(usize::MAX);
            if let Some(row) = lock(rows).get_mut(index) {
                row.end = self.end_of(&answer);
            }
        }
        let is_whole = lock(rows).iter().all(|row| row.end != End::Unfinished);
        if is_whole {
            Ok(())
        } else {
            Err(Status::data_loss("the stream ended before all answers had come"))
        }
    }

    fn end_of(&self, answer: &LongSyncExchangeResponse) -> End {
        let done = self.since_start();
        match &answer.failure {
            None => End::Answered { done, waited: waited(answer.timing.as_ref()) },
            Some(failure) => {
                End::Failed { done, code: failure.code.into(), message: failure.message.clone() }
            }
        }
    }
}

fn lock(rows: &Mutex<Vec<Row>>) -> std::sync::MutexGuard<'_, Vec<Row>> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}

fn waited(timing: Option<&Timing>) -> Option<Duration> {
    from_proto(timing?.waited.as_ref()?).ok()
}

fn failed(done: Duration, status: &Status) -> End {
    End::Failed { done, code: status.code(), message: status.message().to_owned() }
}
