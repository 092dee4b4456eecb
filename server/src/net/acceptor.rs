//! The accept loop: hands each connection to the worker with the fewest connections.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longsync_timer::{Clock, Timer};
use socket2::{SockRef, TcpKeepalive};
use tokio::sync::mpsc;

use crate::shared::Shared;

/// How many connections may wait to be accepted; the system may impose a lower limit.
pub(crate) const BACKLOG: u16 = 4_096;

const FIRST_BACK_OFF: Duration = Duration::from_millis(5);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);
/// How long a connection is idle before the system probes it. Without probes, a client that disappeared
/// without closing its connection, because its machine or its network failed, would go unnoticed, and its
/// calls and its slot would be held forever.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_PROBES: Duration = Duration::from_secs(10);

/// A connection on its way to a worker.
#[derive(Debug)]
pub(crate) struct AcceptedConnection {
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
    /// Its number, in the order of acceptance.
    pub(crate) number: u64,
    pub(crate) slot: ConnectionSlot,
}

/// A slot among the open connections of a worker; given back on drop.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    shared: Arc<Shared>,
    worker: usize,
}

impl ConnectionSlot {
    fn take(shared: &Arc<Shared>, worker: usize) -> Self {
        shared.connections[worker].fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(shared), worker }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.shared.connections[self.worker].fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts connections.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listener: tokio::net::TcpListener,
    dealer: Dealer,
}

/// Hands connections to workers.
#[derive(Debug)]
struct Dealer {
    workers: Vec<mpsc::UnboundedSender<AcceptedConnection>>,
    max_connections: usize,
    shared: Arc<Shared>,
    /// Which worker is next among those that have equally few connections.
    turn: usize,
}

impl Acceptor {
    pub(crate) fn new(
        listener: TcpListener,
        workers: Vec<mpsc::UnboundedSender<AcceptedConnection>>,
        max_connections: usize,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        Ok(Self { listener, dealer: Dealer { workers, max_connections, shared, turn: 0 } })
    }

    /// Accepts connections until `shutdown` ends, and then those that are in the backlog: their clients are
    /// connected, and some have already sent calls.
    pub(crate) async fn accept_until(mut self, shutdown: impl Future<Output = ()>) {
        self.accept_while_serving(shutdown).await;
        // The runtime may not know of these connections yet, but the system does.
        let Ok(listener) = self.listener.into_std() else { return };
        for _ in 0..BACKLOG {
            let Ok((socket, peer)) = listener.accept() else { return };
            let dealt = socket.set_nonblocking(true).and_then(|()| self.dealer.deal(socket, peer));
            if let Err(error) = dealt {
                tracing::debug!(%error, "a connection ended before it began");
            }
        }
    }

    async fn accept_while_serving(&mut self, shutdown: impl Future<Output = ()>) {
        let timer = Timer::new(Clock::Monotonic);
        let mut shutdown = pin!(shutdown);
        let mut back_off = FIRST_BACK_OFF;
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut shutdown => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted.and_then(|(socket, peer)| self.dealer.deal(socket.into_std()?, peer)) {
                Ok(()) => back_off = FIRST_BACK_OFF,
                Err(error) if is_of_one_connection(&error) => {
                    tracing::debug!(%error, "a connection ended before it began");
                }
                Err(error) => {
                    // The process is out of files or memory: trying again at once would only spin.
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
}

impl Dealer {
    /// Hands a connection to the worker with the fewest connections. A connection over the limit is closed at
    /// once, so that its client notices instead of waiting in the backlog.
    fn deal(&mut self, socket: TcpStream, peer: SocketAddr) -> io::Result<()> {
        if self.shared.open_connections() >= self.max_connections {
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
        let worker = least_loaded(self.turn, self.workers.len(), |worker| {
            let has_ended = self.workers[worker].is_closed();
            if has_ended {
                usize::MAX
            } else {
                self.shared.connections[worker].load(Ordering::Relaxed)
            }
        });
        self.turn = worker + 1;
        let slot = ConnectionSlot::take(&self.shared, worker);
        let number = self.shared.next_connection();
        self.workers[worker]
            .send(AcceptedConnection { socket, peer, number, slot })
            .map_err(|_| io::Error::other("a worker has ended"))
    }
}

/// The worker with the fewest connections; of several, the first one from `turn` on. Plain round-robin would
/// not even out the workers after some connections have ended.
fn least_loaded(turn: usize, workers: usize, connections: impl Fn(usize) -> usize) -> usize {
    let from_turn = (0..workers).map(|index| (turn + index) % workers);
    from_turn.min_by_key(|worker| connections(*worker)).unwrap_or_default()
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, InvalidInput, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | InvalidInput | NotConnected)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// No worker gets a connection while another has fewer, and workers with equally few take turns.
        #[test]
        fn the_worker_with_the_fewest_connections_is_next(
            connections in proptest::collection::vec(0_usize..5, 1..9),
            turn in 0_usize..20,
        ) {
            let chosen = least_loaded(turn, connections.len(), |worker| connections[worker]);
            let fewest = connections.iter().min().copied();
            prop_assert_eq!(Some(connections[chosen]), fewest);
            let workers = connections.len();
            let from_turn = |worker: usize| (worker + workers - turn % workers) % workers;
            for (worker, open) in connections.iter().enumerate() {
                prop_assert!(Some(*open) != fewest || from_turn(chosen) <= from_turn(worker));
            }
        }
    }
}
