//! Runs one way of a storm: calls that arrive whatever the server does.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use longsync_behavior::ParseBehaviorError;
use longsync_connect::{ConnectError, ConnectionPool};
use longsync_load::{Schedule, WorkerShare};
use longsync_server::{Options, Stats};
use longsync_text::in_words;
use longsync_timer::{Clock, Timer};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::embedded::EmbeddedServer;
use crate::storm::calls::Clients;
use crate::storm::outcome::StormRun;
use crate::storm::plan::StormPlan;
use crate::storm::series::SLOT;
use crate::storm::way::StormWay;

/// From the connection to the first call, so that no call is late from the start.
const HEAD_START: Duration = Duration::from_millis(50);
/// How many calls are begun before others may go on.
const BEGUN_IN_A_ROW: u64 = 32;

/// Why a storm could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StormError {
    /// The server inside this process could not be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No server could be started in this process.
    #[error("cannot start a server inside this process: {}", in_words(.0))]
    Server(#[from] std::io::Error),
    /// The server's behavior could not be written.
    #[error(transparent)]
    Behavior(#[from] ParseBehaviorError),
}

/// Runs a way against a server of its own.
pub(super) async fn run(
    way: StormWay,
    plan: &StormPlan,
    interrupt: &CancellationToken,
) -> Result<StormRun, StormError> {
    let (behavior, seed) = (plan.behavior(way)?, plan.seed());
    let server = EmbeddedServer::start(Options { behavior, seed, ..Options::default() })?;
    let timer = Timer::with_spin(Clock::Monotonic, Duration::ZERO);
    let connections = ConnectionPool::new(server.target.clone(), timer.clone());
    drop(connections.permit().await?);
    let start = timer.now() + HEAD_START;
    let clients = Arc::new(Clients::new(connections, start, plan, way));
    let late = {
        let _watching = watch(Arc::clone(&clients), server.stats.clone(), plan.whole());
        arrive(plan, &clients, interrupt).await
    };
    let slots = clients.tally.ended_at(clients.since_start());
    server.stop().await;
    Ok(StormRun {
        way,
        is_complete: !interrupt.is_cancelled(),
        slots,
        settled: plan.settled(),
        trigger: plan.trigger_at(),
        late,
        trouble: clients.trouble(),
    })
}

/// Begins each call when it is due, and returns how many were begun late. At the end, or when it is
/// interrupted, all calls in flight are reset.
async fn arrive(plan: &StormPlan, clients: &Arc<Clients>, interrupt: &CancellationToken) -> u64 {
    let (mut calls, mut late) = (JoinSet::new(), 0);
    let end = clients.start + plan.whole();
    for (number, due) in (0..).zip(due_times(plan)) {
        let due_at = clients.start + due;
        if due_at >= end {
            break;
        }
        let waiting = clients.timer.sleep_until(due_at);
        if interrupt.run_until_cancelled(waiting).await.is_none() {
            return late;
        }
        clients.tally.at(due, |slot| slot.due += 1);
        late += u64::from(clients.timer.now() > due_at + plan.timeout / 10);
        calls.spawn(Arc::clone(clients).call(number));
        while calls.try_join_next().is_some() {}
        if number % BEGUN_IN_A_ROW == 0 {
            // Behind schedule nothing would wait, and no call would get on.
            tokio::task::yield_now().await;
        }
    }
    interrupt.run_until_cancelled(clients.timer.sleep_until(end)).await;
    late
}

/// When calls are due, from the start. The first is due at the start, because the server counts the time until
/// its stall from there.
fn due_times(plan: &StormPlan) -> impl Iterator<Item = Duration> {
    let share = WorkerShare::of(0, NonZeroUsize::MIN);
    let due = Schedule::poisson(plan.rate(), plan.seed()).due_times(Duration::ZERO, share);
    let mut due = due.into_iter().flatten().map(|arrival| arrival.due.as_nanos()).peekable();
    let first = due.peek().copied().unwrap_or(0);
    due.map(move |nanos| Duration::from_nanos(nanos - first))
}

/// Records at the end of each slot how many calls stand, until it is dropped.
fn watch(clients: Arc<Clients>, stats: Stats, whole: Duration) -> AbortOnDropHandle<()> {
    /// A slot ends just before the next one begins.
    const BEFORE_THE_END: Duration = Duration::from_millis(1);
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut end = SLOT;
        while end <= whole {
            let at = end.saturating_sub(BEFORE_THE_END);
            clients.timer.sleep_until(clients.start + at).await;
            let count = stats.snapshot().queue().map_or(0, |queue| queue.standing);
            clients.tally.at(at, |slot| slot.standing = count);
            end += SLOT;
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storm::plan::StormOptions;

    #[test]
    fn calls_arrive_from_the_start_on_at_the_rate_of_the_plan_and_as_the_seed_says() {
        let due = |seed| {
            let options = StormOptions { seed: Some(seed), ..StormOptions::default() };
            let plan = StormPlan::new(options).unwrap();
            let within = due_times(&plan).take_while(|due| *due < Duration::from_secs(100));
            within.collect::<Vec<_>>()
        };
        let first = due(1);
        assert_eq!(first[0], Duration::ZERO);
        assert!(first.is_sorted());
        // Four standard deviations.
        assert!((78_900..81_100).contains(&first.len()), "{}", first.len());
        assert_eq!(first, due(1));
        assert_ne!(first, due(2));
    }
}
