//! The server of a way, inside this process and on threads of its own.

use std::io;
use std::time::Duration;

use longsync_behavior::Behavior;
use longsync_connect::Target;
use longsync_server::{Config, Options, RunningServer, Stats, start_with};

/// A server on a free loopback port.
#[derive(Debug)]
pub(super) struct EmbeddedServer {
    pub(super) target: Target,
    pub(super) stats: Stats,
    running: RunningServer,
}

impl EmbeddedServer {
    pub(super) fn start(behavior: Behavior, seed: u64) -> io::Result<Self> {
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            drain: Duration::ZERO,
            behavior,
            seed,
            ..Options::default()
        };
        let running = start_with(Config::new(options).map_err(io::Error::other)?)?;
        let target = running.url().parse().map_err(io::Error::other)?;
        Ok(Self { target, stats: running.stats(), running })
    }

    /// Stops the server, and the calls that still wait in it.
    pub(super) async fn stop(self) {
        // The way is over and measured: an error here changes nothing.
        let _ = self.running.stop().await;
    }
}

/// How many calls stand in the server's queue.
pub(super) fn standing(stats: &Stats) -> u64 {
    stats.snapshot().queue().map_or(0, |queue| queue.standing)
}
