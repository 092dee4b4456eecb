//! A server inside this process, so that a race needs no setup.

use std::io;
use std::time::Duration;

use longsync_server::{Config, Limits, Options, RunningServer, Stats, start_with};

use longsync_connect::Target;

/// The server, on a free loopback port and on its own threads, so that the race's thread only makes calls.
#[derive(Debug)]
pub(super) struct EmbeddedServer {
    pub(super) target: Target,
    pub(super) stats: Stats,
    running: RunningServer,
}

impl EmbeddedServer {
    /// Starts a server that allows delays up to `limit`, or more, draws by `seed` if it is given, and polls for the
    /// last `spin` of each delay.
    pub(super) fn start(limit: Duration, seed: Option<u64>, spin: Duration) -> io::Result<Self> {
        let limits = Limits::default();
        let default = Options::default();
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            limits: Limits { max_delay: limits.max_delay.max(limit), ..limits },
            drain: Duration::ZERO,
            seed: seed.unwrap_or(default.seed),
            spin,
            ..default
        };
        let running = start_with(Config::new(options).map_err(io::Error::other)?)?;
        let target = running.url().parse().map_err(io::Error::other)?;
        Ok(Self { target, stats: running.stats(), running })
    }

    /// Stops the server, and the calls that still wait in it.
    pub(super) async fn stop(self) {
        // The race is over and measured: an error here changes nothing.
        let _ = self.running.stop().await;
    }
}
