//! A server inside this process, so that a race needs no setup.

use std::io;
use std::time::Duration;

use longsync_server::{Config, Limits, Options, RunningServer, Stats, start_with};

use crate::race::delays::RaceDelays;
use longsync_connect::Target;

/// The server, on a free loopback port and on its own threads, so that the race's thread only makes calls.
#[derive(Debug)]
pub(super) struct EmbeddedServer {
    pub(super) target: Target,
    pub(super) stats: Stats,
    running: RunningServer,
}

impl EmbeddedServer {
    /// Starts a server that allows these delays, draws by their seed if they have one, and polls for the last
    /// `spin` of each delay. If there are faults, they are the server's own: callers may not ask for all of them.
    pub(super) fn start(delays: &RaceDelays, spin: Duration) -> io::Result<Self> {
        let (limits, limit) = (Limits::default(), delays.limit());
        let default = Options::default();
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            limits: Limits { max_delay: limits.max_delay.max(limit), ..limits },
            drain: Duration::ZERO,
            seed: delays.seed().unwrap_or(default.seed),
            behavior: delays.faulty().cloned().unwrap_or(default.behavior),
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
