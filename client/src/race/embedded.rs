//! A server inside this process, for a race without set-up.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use longsync_server::{Config, Limits, Server, Stats};
use tokio::sync::oneshot;

use longsync_connect::Target;

/// The server, on a free port of loopback and on threads of its own: the race's thread only calls.
#[derive(Debug)]
pub(super) struct Embedded {
    pub(super) target: Target,
    pub(super) stats: Stats,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Embedded {
    /// Starts one that allows delays up to `longest`, and polls for the last `spin` before they end.
    pub(super) fn start(longest: Duration, spin: Duration) -> io::Result<Self> {
        let limits = Limits::default();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            limits: Limits { max_delay: limits.max_delay.max(longest), ..limits },
            drain: Duration::ZERO,
            spin,
            ..Config::default()
        };
        let server = Server::bind(config)?;
        let url = format!("http://{}", server.local_addr());
        let target = url.parse().map_err(io::Error::other)?;
        let stats = server.stats();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving =
            thread::Builder::new().name("longsync-accept".to_owned()).spawn(move || {
                runtime.block_on(server.serve(async { drop::<Result<(), _>>(stopped.await) }))
            })?;
        Ok(Self { target, stats, stop, serving })
    }

    /// Ends it, and the calls that still wait in it.
    pub(super) async fn stop(self) {
        drop(self.stop);
        // The race is over, and its figures are taken: how the server ends changes nothing.
        let _ = tokio::task::spawn_blocking(|| self.serving.join()).await;
    }
}
