//! Servers to call, and races to run.

use std::num::NonZeroUsize;
use std::time::Duration;

use longsync_client::Target;
use longsync_client::race::{Delays, Protocol, RacePlan, ThreadConnections, Way};
use longsync_server::{Behavior, Config, Limits, Server, Stats};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

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
