//! The accept loop: deals connections out to the workers in turn.

use std::future::Future;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longsync_timer::{Clock, Timer};
use socket2::{SockRef, TcpKeepalive};
use tokio::sync::mpsc;

use crate::worker::Shared;

const FIRST_BACK_OFF: Duration = Duration::from_millis(5);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);
/// A client that has gone without a word, its machine or its network with it, is noticed by the
/// system's probes: else its calls and its place would be held for ever.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_PROBES: Duration = Duration::from_secs(10);

/// A connection on its way to a worker.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: TcpStream,
    pub(crate) place: Place,
}

/// A place among the open connections, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts connections.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: tokio::net::TcpListener,
    workers: Vec<mpsc::UnboundedSender<Accepted>>,
    max_connections: usize,
    shared: Arc<Shared>,
    accepted: usize,
}

impl Acceptor {
    pub(crate) fn new(
        listener: TcpListener,
        workers: Vec<mpsc::UnboundedSender<Accepted>>,
        max_connections: usize,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(Self { listener, workers, max_connections, shared, accepted: 0 })
    }

    /// Accepts until `shutdown` ends.
    pub(crate) async fn accept_until(mut self, shutdown: impl Future<Output = ()>) {
        let timer = Timer::new(Clock::Monotonic);
        let mut shutdown = pin!(shutdown);
        let mut back_off = FIRST_BACK_OFF;
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted.and_then(|(socket, _)| self.deal(socket)) {
                Ok(()) => back_off = FIRST_BACK_OFF,
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(%error, "a connection ended before it began");
                }
                Err(error) => {
                    // Out of files or memory: trying again at once would only spin.
                    tracing::warn!(%error, ?back_off, "cannot accept connections");
                    tokio::select! {
                        () = &mut shutdown => return,
                        _ = timer.sleep(back_off) => {}
                    }
                    back_off = (back_off * 2).min(LONGEST_BACK_OFF);
                }
            }
        }
    }

    /// Hands a connection to the next worker in turn. One too many is closed at once: its client
    /// learns so, instead of waiting in the backlog.
    fn deal(&mut self, socket: tokio::net::TcpStream) -> io::Result<()> {
        let open = self.shared.connections.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.shared));
        if open >= self.max_connections {
            let refused = self.shared.connections_refused.fetch_add(1, Ordering::Relaxed);
            if refused == 0 {
                tracing::warn!(
                    limit = self.max_connections,
                    "connections over the limit are closed"
                );
            }
            return Ok(());
        }
        socket.set_nodelay(true)?;
        SockRef::from(&socket).set_tcp_keepalive(
            &TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE_PROBES),
        )?;
        let socket = socket.into_std()?;
        let worker = &self.workers[self.accepted % self.workers.len()];
        self.accepted += 1;
        worker.send(Accepted { socket, place }).map_err(|_| io::Error::other("a worker has ended"))
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected)
}
