//! The metrics of a running load in the text form of `OpenMetrics`, for Prometheus and what draws its graphs.

mod encode;
mod serve;
mod tally;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use longsync_load::{Live, Observer};
use longsync_stats::Loop;
use tokio_util::sync::CancellationToken;

use self::tally::MetricsSnapshot;

/// Where `GET /metrics` is answered while a load runs, on a thread of its own.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    board: MetricsBoard,
    end: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

/// Where the seconds of a run are counted for who reads them. Clones are handles to the same counters.
#[derive(Debug, Clone, Default)]
pub struct MetricsBoard(Arc<Mutex<MetricsSnapshot>>);

impl MetricsServer {
    /// Listens at this address, and answers from now on. On an address that is not of loopback everybody who
    /// reaches it reads how the load goes.
    ///
    /// # Errors
    /// When the address cannot be listened at, or the system has no room for one more thread.
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is to be told of the seconds of a run with such a loop. It begins anew with each.
    pub fn board(&self, kind: Loop) -> MetricsBoard {
        self.board.begin(kind);
        self.board.clone()
    }
}

impl Drop for MetricsServer {
    /// Ends the thread, and its connections.
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

impl MetricsBoard {
    /// The metrics as they are now.
    fn text(&self) -> String {
        encode::text(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins anew: all counters are zero together, which their readers understand.
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
