//! The metrics of a running load in the text form of `OpenMetrics`, for Prometheus and its dashboards.

mod encode;
mod serve;
mod snapshot;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use longsync_load::{Live, Observer};
use longsync_stats::Loop;
use tokio_util::sync::CancellationToken;

use self::snapshot::MetricsSnapshot;

/// Answers `GET /metrics` while a load runs, on a separate thread.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    board: MetricsBoard,
    end: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

/// Where the seconds of a run are counted for scrapers. Clones are handles to the same counters.
#[derive(Debug, Clone, Default)]
pub struct MetricsBoard(Arc<Mutex<MetricsSnapshot>>);

impl MetricsServer {
    /// Listens at this address, and answers from now on. On an address other than loopback, everybody who can
    /// reach it can read the metrics.
    ///
    /// # Errors
    /// If it cannot listen at the address, or the system cannot start another thread.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (board, end) = (MetricsBoard::default(), CancellationToken::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = {
            let (board, end) = (board.clone(), end.clone());
            let thread = thread::Builder::new().name("longsync-metrics".to_owned());
            thread.spawn(move || runtime.block_on(serve::serve(listener, board, end)))?
        };
        Ok(Self { address, board, end, serving: Some(serving) })
    }

    /// The address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The board to notify of the seconds of a run with this kind of loop. Each call resets it.
    pub fn board(&self, kind: Loop) -> MetricsBoard {
        self.board.begin(kind);
        self.board.clone()
    }
}

impl Drop for MetricsServer {
    /// Ends the thread and closes its connections.
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

impl MetricsBoard {
    /// The current metrics.
    fn text(&self) -> String {
        encode::text(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Resets it: all counters become zero at once, which scrapers recognize as a restart.
    fn begin(&self, kind: Loop) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = MetricsSnapshot::new(kind);
    }
}

impl Observer for MetricsBoard {
    fn second(&mut self, live: &Live<'_>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).see(live);
    }
}

#[cfg(test)]
mod tests;
