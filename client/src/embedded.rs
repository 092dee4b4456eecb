//! A server inside this process, so that a race or a storm needs no setup.

use std::io;
use std::time::Duration;

use longsync_connect::Target;
use longsync_server::{Config, Options, RunningServer, Stats, start_with};

/// The server, on a free loopback port and on its own threads, so that the caller's thread only makes calls.
#[derive(Debug)]
pub(crate) struct EmbeddedServer {
    pub(crate) target: Target,
    pub(crate) stats: Stats,
    running: RunningServer,
}

impl EmbeddedServer {
    /// Starts a server with these options. It chooses the address itself, and ends without a drain.
    pub(crate) fn start(options: Options) -> io::Result<Self> {
        let options =
            Options { listen: ([127, 0, 0, 1], 0).into(), drain: Duration::ZERO, ..options };
        let running = start_with(Config::new(options).map_err(io::Error::other)?)?;
        let target = running.url().parse().map_err(io::Error::other)?;
        Ok(Self { target, stats: running.stats(), running })
    }

    /// Stops the server, and the calls that still wait in it.
    pub(crate) async fn stop(self) {
        // What it was started for is over and measured: an error here changes nothing.
        let _ = self.running.stop().await;
    }
}
