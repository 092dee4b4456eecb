//! Servers to call, and races to run.

use std::time::Duration;

use longsync::v1::LongSyncRequest;
use longsync_client::race::{Delays, RacePlan, RacePlanBuilder, Way};
use longsync_connect::Target;
use longsync_load::{Load, LoadPlan, LongSync, Progress, Schedule, Stop};
use longsync_server::{Behavior, Config, Limits, Server, Stats};
use longsync_text::duration::LONGEST;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A server of our own on a free port of loopback, until it is dropped.
pub(crate) struct TestServer {
    pub(crate) target: Target,
    pub(crate) stats: Stats,
    _stop: oneshot::Sender<()>,
    _serving: JoinHandle<std::io::Result<()>>,
}

/// Starts one with these limits; a call takes 20 ms unless it says otherwise.
pub(crate) fn start(limits: Limits) -> TestServer {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        behavior: Behavior::constant(Duration::from_millis(20)),
        drain: Duration::ZERO,
        limits,
        ..Config::default()
    };
    let server = Server::bind(config).unwrap();
    let target = format!("http://{}", server.local_addr()).parse().unwrap();
    let stats = server.stats();
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(server.serve(async { drop::<Result<(), _>>(stopped.await) }));
    TestServer { target, stats, _stop: stop, _serving: serving }
}

/// A race without delays, over gRPC, with nothing that ends it early.
pub(crate) fn race_plan(target: Option<&Target>, calls: usize, ways: &[Way]) -> RacePlanBuilder {
    let plan = RacePlan::builder(calls, Delays::Constant(Duration::ZERO))
        .ways(ways.iter().copied())
        .sequential_max(LONGEST);
    match target {
        Some(target) => plan.target(target.clone()),
        None => plan,
    }
}

/// The given number of calls at once by the load engine.
pub(crate) async fn loaded(target: &Target, calls: u64) -> Load {
    let sent = LongSync::new(&LongSyncRequest::default()).unwrap();
    let stop = Stop::after_calls(calls);
    let plan = LoadPlan::builder(target.clone(), sent, Schedule::AtOnce, stop).build().unwrap();
    longsync_load::run(&plan, &CancellationToken::new(), &Progress::default()).await.unwrap()
}

/// Waits until `holds`, which something under way will make true; gives up after 10 s.
pub(crate) async fn eventually(mut holds: impl FnMut() -> bool) {
    let holding = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), holding).await.expect("it held within 10 s");
}
