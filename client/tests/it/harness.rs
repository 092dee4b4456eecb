//! Servers to call, and races to run.

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_client::Target;
use longsync_client::race::{Delays, Protocol, RacePlan, ThreadConnections, Way};
use longsync_server::{Behavior, Config, Limits, Options, Running, Stats, start_with};

/// A server of our own on a free port of loopback, until it is dropped.
pub(crate) struct TestServer {
    pub(crate) target: Target,
    pub(crate) stats: Stats,
    _running: Running,
}

/// Starts one with these limits; a call takes 20 ms unless it says otherwise.
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

/// A race without delays, over gRPC, with nothing that ends it early.
pub(crate) fn race_plan(target: Option<&Target>, calls: usize, ways: &[Way]) -> RacePlan {
    RacePlan {
        calls: NonZeroUsize::new(calls).unwrap(),
        delays: Delays::Constant(Duration::ZERO),
        ways: ways.to_vec(),
        target: target.cloned(),
        protocol: Protocol::Grpc,
        sequential_max: Duration::MAX,
        thread_connections: ThreadConnections::Shared,
        cancel_after: None,
        spin: Duration::ZERO,
        max_answer_bytes: None,
    }
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
