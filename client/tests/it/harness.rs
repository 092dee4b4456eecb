//! Servers to call, and races to run.

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync::v1::LongSyncRequest;
use longsync_client::race::{RaceDelays, RacePlan, RacePlanBuilder, Way};
use longsync_connect::Target;
use longsync_load::{Control, Load, LoadPlan, LongSync, Schedule, StopCondition};
use longsync_server::{Behavior, Config, Limits, Options, RunningServer, Stats, start_with};
use longsync_text::duration::LONGEST;

/// A longsync server on a free port of loopback, until it is dropped.
pub(crate) struct TestServer {
    pub(crate) target: Target,
    pub(crate) stats: Stats,
    _running: RunningServer,
}

/// Starts one with these limits; a call takes 20 ms unless it asks for another delay.
pub(crate) fn start(limits: Limits) -> TestServer {
    let options = Options {
        listen: ([127, 0, 0, 1], 0).into(),
        behavior: Behavior::constant(Duration::from_millis(20)),
        drain: Duration::ZERO,
        limits,
        ..Options::default()
    };
    let running = start_with(Config::new(options).unwrap()).unwrap();
    let target = running.url().parse().unwrap();
    TestServer { target, stats: running.stats(), _running: running }
}

/// A race without delays, over gRPC, that nothing ends early.
pub(crate) fn race_plan(target: Option<&Target>, calls: usize, ways: &[Way]) -> RacePlanBuilder {
    let plan = RacePlan::builder(calls, RaceDelays::Constant(Duration::ZERO))
        .ways(ways.iter().copied())
        .sequential_max(LONGEST);
    match target {
        Some(target) => plan.target(target.clone()),
        None => plan,
    }
}

/// The given number of calls, all in flight at once, made by the load engine. They have no due times: on a
/// busy machine, calls with due times could be sent late, or not at all.
pub(crate) async fn loaded(target: &Target, calls: usize) -> Load {
    let sent = LongSync::new(&LongSyncRequest::default()).unwrap();
    let schedule = Schedule::closed(NonZeroUsize::new(calls).unwrap());
    let stop = StopCondition::after_calls(calls as u64);
    let plan = LoadPlan::builder(target.clone(), sent, schedule, stop).build().unwrap();
    longsync_load::run(&plan, &Control::default(), ()).await.unwrap()
}

/// Waits until `holds` returns true, which something in progress will cause; gives up after 10 s.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    let holding = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), holding)
        .await
        .expect("the condition holds within 10 s");
}
