//! The complete server: bound first, then served until a shutdown future resolves.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use longsync_timer::{Clock, Timer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::config::Config;
use crate::config::files::connections;
use crate::net::acceptor::{AcceptedConnection, Acceptor, BACKLOG};
use crate::net::connection::serve;
use crate::record::ConnectionRecord;
use crate::shared::Shared;
use crate::shared::counters::Snapshot;
use crate::worker::Worker;

/// How long connections may take to write their remaining data once every call has ended.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// A server that has bound its address but does not serve yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    max_connections: usize,
    shared: Arc<Shared>,
}

/// The counters of a server, which can be read while it serves and afterwards.
#[derive(Debug, Clone)]
pub struct Stats(Arc<Shared>);

impl Stats {
    /// The exact counts so far.
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }
}

impl Server {
    /// Binds the address. Clients can connect from then on, but their calls wait until [`Server::serve`].
    ///
    /// # Errors
    /// If the address cannot be bound, or, before that, if `workers` or `max_connections` is more than the
    /// limit on open files leaves room for; the latter error wraps a
    /// [`FileLimitError`](crate::FileLimitError).
    pub fn bind(config: Config) -> io::Result<Self> {
        let max_connections = connections(&config)?;
        let listener = listen(config.listen)?;
        let local_addr = listener.local_addr()?;
        let workers = config.workers.get();
        Ok(Self { listener, local_addr, max_connections, shared: Shared::new(config, workers) })
    }

    /// The address on which the server listens, with the actual port if port 0 was requested.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many connections may be open at the same time.
    pub fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// A token that ends the shutdown at once, whether it has begun or is yet to begin.
    pub(crate) fn at_once(&self) -> CancellationToken {
        self.shared.at_once.clone()
    }

    /// The counters of this server.
    pub fn stats(&self) -> Stats {
        Stats(Arc::clone(&self.shared))
    }

    /// Serves until `shutdown` resolves. Then health checks report `NOT_SERVING`, and for the duration
    /// of the configured lame duck everything else goes on as before. Then the server drains: it
    /// accepts no more connections, sends GOAWAY to clients, and lets waiting calls continue for the
    /// configured drain, after which they end with `UNAVAILABLE`.
    ///
    /// # Errors
    /// If threads cannot be started, the listener cannot be used, or a worker thread panics.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O and time drivers enabled.
    ///
    /// # Cancel safety
    /// Dropping the future stops accepting connections; the worker threads then drain on their own.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        self.shared.health.set(ServingStatus::Serving);
        let mut threads = Vec::new();
        let mut workers = Vec::new();
        for index in 0..self.shared.config.workers.get() {
            let (sender, receiver) = mpsc::unbounded_channel();
            threads.push(spawn_worker(
                Worker::of(Arc::clone(&self.shared), index, Clock::Monotonic),
                receiver,
            )?);
            workers.push(sender);
        }
        // The acceptor owns the workers' channels: when it ends, the workers drain.
        let shared = Arc::clone(&self.shared);
        let acceptor = Acceptor::new(self.listener, workers, self.max_connections, self.shared)?;
        let shutdown = async {
            shutdown.await;
            shared.health.set(ServingStatus::NotServing);
            if !shared.config.lame_duck.is_zero() {
                tokio::select! {
                    _ = Timer::new(Clock::Monotonic).sleep(shared.config.lame_duck) => {}
                    () = shared.at_once.cancelled() => {}
                }
            }
        };
        acceptor.accept_until(shutdown).await;
        for thread in threads {
            thread.await.map_err(|_| io::Error::other("a worker thread has panicked"))?;
        }
        Ok(())
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows, this would let another program take over the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Starts a worker's thread. The returned receiver resolves when the thread ends.
fn spawn_worker(
    worker: Arc<Worker>,
    sockets: mpsc::UnboundedReceiver<AcceptedConnection>,
) -> io::Result<oneshot::Receiver<()>> {
    // The only blocking thread renders metrics; it should live from one scrape to the next.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("longsync-render")
        .thread_keep_alive(Duration::from_secs(120))
        .build()?;
    let (ended, has_ended) = oneshot::channel();
    thread::Builder::new().name(format!("longsync-{}", worker.index())).spawn(move || {
        runtime.block_on(run_worker(&worker, sockets));
        // Dropping the runtime also drops the connections that were cut.
        drop(runtime);
        // The future that serves may have been dropped.
        let _ = ended.send(());
    })?;
    Ok(has_ended)
}

/// Serves the sockets that the acceptor hands out, and drains when there will be no more.
async fn run_worker(
    worker: &Arc<Worker>,
    mut sockets: mpsc::UnboundedReceiver<AcceptedConnection>,
) {
    let connections = TaskTracker::new();
    while let Some(AcceptedConnection { socket, peer, number, slot }) = sockets.recv().await {
        // Created here rather than in its task, so that the drain waits for every connection that was
        // accepted.
        let record = ConnectionRecord::open(worker, number, Some(peer));
        connections.spawn(async move {
            serve_socket(socket, &record).await;
            drop(slot);
        });
    }
    worker.drain().await;
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        _ = worker.timer().sleep(CLOSE_GRACE) => {
            tracing::debug!(worker = worker.index(), "closed connections whose clients did not read");
        }
    }
}

async fn serve_socket(socket: TcpStream, record: &Arc<ConnectionRecord>) {
    match to_tokio(socket) {
        Ok(socket) => {
            if let Some(socket) = serve(socket, record).await {
                // Then closing it sends a reset.
                let _ = socket.set_zero_linger();
            }
        }
        Err(error) => tracing::debug!(%error, "a socket cannot be used"),
    }
}

/// A socket belongs to the runtime that registered it, so it moves between threads as a std socket.
fn to_tokio(socket: TcpStream) -> io::Result<tokio::net::TcpStream> {
    tokio::net::TcpStream::from_std(socket)
}
