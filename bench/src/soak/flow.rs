//! The calls of a soak: which kinds are made concurrently, and how.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use longsync::duration::to_proto;
use longsync::v1::LongSyncRequest;
use longsync_connect::{ConnectionPool, Target};
use longsync_load::{Control, LoadPlan, LongSync, Rate, RunProgress, Schedule, StopCondition};
use longsync_timer::{Clock, Timer};

use super::account::CallAccount;
use super::one_by_one::{cancelled, one_by_one, stream};
use crate::peers::say;

/// Calls of one kind, made at their own rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    /// Its name in the table.
    pub(super) name: &'static str,
    /// Its share, in calls per thousand.
    per_mille: u64,
    sort: Sort,
}

#[derive(Debug, Clone, Copy)]
enum Sort {
    /// Unary calls of the load engine.
    Load(Shape),
    /// Unary calls over shared connections, each cancelled after a while.
    Cancelled { delay: Duration, after: Duration },
    /// Streams, collects and exchanges in turn, each on its own connection; every fourth is
    /// cancelled after a while.
    Streams { delay: Duration, cancelled_delay: Duration, after: Duration },
}

/// The calls of a load run.
#[derive(Debug, Clone, Copy)]
struct Shape {
    delay: Duration,
    deadline: Option<Duration>,
    /// The size of the payload that is sent and echoed.
    payload_bytes: usize,
    /// The size of the payload that is asked for instead.
    response_bytes: u32,
    connections: usize,
    /// The seed of a Poisson process; without one, calls are due at equal distances.
    seed: Option<u64>,
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// At equal distances on two connections, without a delay, a payload or a deadline.
const PLAIN: Shape = Shape {
    delay: Duration::ZERO,
    deadline: None,
    payload_bytes: 0,
    response_bytes: 0,
    connections: 2,
    seed: None,
};

/// Everything that is made concurrently.
pub(super) const FLOWS: [Flow; 9] = [
    Flow { name: "no delay", per_mille: 300, sort: Sort::Load(PLAIN) },
    Flow {
        name: "5ms, 1 KiB echoed, Poisson",
        per_mille: 200,
        sort: Sort::Load(Shape {
            delay: millis(5),
            payload_bytes: 1024,
            connections: 4,
            seed: Some(1),
            ..PLAIN
        }),
    },
    Flow {
        name: "100ms, Poisson",
        per_mille: 200,
        sort: Sort::Load(Shape { delay: millis(100), seed: Some(2), ..PLAIN }),
    },
    Flow {
        name: "2s, 4 KiB answered",
        per_mille: 74,
        sort: Sort::Load(Shape { delay: millis(2_000), response_bytes: 4096, ..PLAIN }),
    },
    Flow {
        name: "50ms, 256 KiB echoed, Poisson",
        per_mille: 3,
        sort: Sort::Load(Shape {
            delay: millis(50),
            payload_bytes: 256 * 1024,
            seed: Some(3),
            ..PLAIN
        }),
    },
    Flow {
        name: "50ms, a deadline of 2s",
        per_mille: 100,
        sort: Sort::Load(Shape { delay: millis(50), deadline: Some(millis(2_000)), ..PLAIN }),
    },
    Flow {
        name: "1s, a deadline of 100ms, Poisson",
        per_mille: 100,
        sort: Sort::Load(Shape {
            delay: millis(1_000),
            deadline: Some(millis(100)),
            seed: Some(4),
            ..PLAIN
        }),
    },
    Flow {
        name: "1s, cancelled after 50ms",
        per_mille: 20,
        sort: Sort::Cancelled { delay: millis(1_000), after: millis(50) },
    },
    Flow {
        name: "streams, collects, exchanges; a fourth cancelled",
        per_mille: 3,
        sort: Sort::Streams {
            delay: millis(20),
            cancelled_delay: millis(1_000),
            after: millis(200),
        },
    },
];

impl Flow {
    /// Makes its share of `rate` calls per second for this long. `progress` is for load runs.
    pub(super) async fn run(
        self,
        target: Target,
        rate: u64,
        time: Duration,
        progress: RunProgress,
    ) -> anyhow::Result<CallAccount> {
        let rate = NonZeroU64::new(rate * self.per_mille / 1_000).unwrap_or(NonZeroU64::MIN);
        match self.sort {
            Sort::Load(shape) => {
                let rate = Rate::per_second(rate.get()).context("the rate is over 10^9/s")?;
                let plan = shape.plan(target, rate, time)?;
                let control = Control { progress, ..Control::default() };
                let load = longsync_load::run(&plan, &control, ()).await?;
                let account = CallAccount::of_load(&load.figures, control.progress.sent());
                if account.failed > 0 {
                    let statuses: Vec<_> = load.figures.counts.statuses().collect();
                    say(&format!("{}: {statuses:?}", self.name));
                }
                Ok(account)
            }
            Sort::Cancelled { delay, after } => {
                let timer = Timer::new(Clock::Monotonic);
                let connections = Arc::new(ConnectionPool::new(target, timer.clone()));
                let call = |_| cancelled(Arc::clone(&connections), delay, after);
                one_by_one(self.name, &timer, rate, time, call).await
            }
            Sort::Streams { delay, cancelled_delay, after } => {
                let call = |number| {
                    let (delay, after) = if number % 4 == 3 {
                        (cancelled_delay, Some(after))
                    } else {
                        (delay, None)
                    };
                    stream(target.clone(), number, delay, after)
                };
                let timer = Timer::new(Clock::Monotonic);
                one_by_one(self.name, &timer, rate, time, call).await
            }
        }
    }
}

impl Shape {
    fn plan(self, target: Target, rate: Rate, time: Duration) -> anyhow::Result<LoadPlan> {
        let schedule = match self.seed {
            Some(seed) => Schedule::poisson(rate, seed),
            None => Schedule::constant(rate),
        };
        let request = LongSyncRequest {
            delay: Some(to_proto(self.delay)),
            payload: vec![0x5a; self.payload_bytes].into(),
            echo_payload: self.payload_bytes > 0,
            response_bytes: self.response_bytes,
            ..LongSyncRequest::default()
        };
        let calls = LongSync::new(&request)?;
        let plan = LoadPlan::builder(target, calls, schedule, StopCondition::after(time))
            .connections(self.connections);
        Ok(match self.deadline {
            Some(deadline) => plan.deadline(deadline),
            None => plan,
        }
        .build()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_add_up_to_a_thousand() {
        assert_eq!(FLOWS.iter().map(|flow| flow.per_mille).sum::<u64>(), 1_000);
    }
}
