//! How late waits of a millisecond end on an idle machine: one at a time, and 64 at a time.
//!
//! The timers take turns in one run, so that the machine's other work affects all of them alike.
//!
//! `cargo bench -p longsync-timer --bench lateness`

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::time::{Duration, Instant};

use longsync_timer::{Clock, Timer};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

const LENGTH: Duration = Duration::from_millis(1);
const TURNS: usize = 20;
/// How many waits one task makes in one turn.
const WAITS: usize = 50;

#[derive(Debug, Clone)]
enum WaitKind {
    Tokio,
    Longsync(Timer),
}

impl WaitKind {
    async fn lateness(&self) -> Duration {
        let due = Instant::now() + LENGTH;
        match self {
            Self::Tokio => tokio::time::sleep_until(due.into()).await,
            Self::Longsync(timer) => drop(timer.sleep_until(due).await),
        }
        due.elapsed()
    }

    async fn several(self) -> Vec<Duration> {
        let mut latenesses = Vec::with_capacity(WAITS);
        for _ in 0..WAITS {
            latenesses.push(self.lateness().await);
        }
        latenesses
    }

    async fn at_a_time(&self, tasks: usize) -> Vec<Duration> {
        let tasks: JoinSet<_> = (0..tasks).map(|_| self.clone().several()).collect();
        tasks.join_all().await.concat()
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn main() {
    let ways = [
        ("tokio::time::sleep", WaitKind::Tokio),
        ("longsync", WaitKind::Longsync(Timer::new(Clock::Monotonic))),
        ("longsync, spin 200 us", spinning(Duration::from_micros(200))),
        ("longsync, spin 2 ms", spinning(Duration::from_millis(2))),
    ];
    println!("lateness of waits of 1 ms, in us: p50, p99, greatest");
    let runtime = runtime();
    for tasks in [1, 64] {
        let mut latenesses = vec![Vec::new(); ways.len()];
        for _ in 0..TURNS {
            for (latenesses, (_, way)) in latenesses.iter_mut().zip(&ways) {
                latenesses.extend(runtime.block_on(way.at_a_time(tasks)));
            }
        }
        for ((name, _), mut latenesses) in ways.iter().zip(latenesses) {
            latenesses.sort_unstable();
            let at = |percent: usize| latenesses[(latenesses.len() * percent).div_ceil(100) - 1];
            let [p50, p99, greatest] = [50, 99, 100].map(at).map(micros);
            println!("{tasks:3} at a time  {name:22} {p50:8.1} {p99:8.1} {greatest:8.1}");
        }
    }
}

fn spinning(spin: Duration) -> WaitKind {
    WaitKind::Longsync(Timer::with_spin(Clock::Monotonic, spin))
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
