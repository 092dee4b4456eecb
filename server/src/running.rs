//! A server that runs alongside its caller, on its own threads.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use longsync_behavior::Behavior;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Options};
use crate::server::{Server, Stats};

/// How long, at most, dropping a server waits for it to end.
const DROP_TIME: Duration = Duration::from_millis(50);

/// Starts a server with this behavior on a free loopback port.
///
/// # Errors
/// If the behavior's delay is over the default limit of one hour, or the system cannot provide a port, a
/// thread or a file.
pub fn start(behavior: Behavior) -> io::Result<RunningServer> {
    let listen = ([127, 0, 0, 1], 0).into();
    let config = Config::new(Options { listen, behavior, ..Options::default() });
    start_with(config.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?)
}

/// Starts a server.
///
/// # Errors
/// Those of [`Server::bind`], or if no thread can be started.
pub fn start_with(config: Config) -> io::Result<RunningServer> {
    let server = Server::bind(config)?;
    let (local_addr, stats, at_once) = (server.local_addr(), server.stats(), server.at_once());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let (ended, has_ended) = oneshot::channel();
    let (over, is_over) = mpsc::channel();
    thread::Builder::new().name("longsync-accept".to_owned()).spawn(move || {
        // Nobody may be waiting for the end any more.
        let _ = ended.send(runtime.block_on(server.serve(async { drop(stopped.await) })));
        let _ = over.send(());
    })?;
    Ok(RunningServer { local_addr, stats, at_once, stop: Some(stop), has_ended, is_over })
}

/// A running server. Dropping it shuts it down at once: it accepts no more connections, and waiting
/// calls end with `UNAVAILABLE`. The shutdown has begun when `drop` returns, which takes at most 50
/// ms, inside or outside a runtime.
#[derive(Debug)]
pub struct RunningServer {
    local_addr: SocketAddr,
    stats: Stats,
    at_once: CancellationToken,
    stop: Option<oneshot::Sender<()>>,
    has_ended: oneshot::Receiver<io::Result<()>>,
    is_over: mpsc::Receiver<()>,
}

impl RunningServer {
    /// The address on which the server listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The URL for clients, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.local_addr)
    }

    /// The server's counters, which can also be read after its end.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Shuts the server down as [`Server::serve`] describes: waiting calls may continue for the configured
    /// drain. Resolves when the server has ended.
    ///
    /// # Errors
    /// Those of [`Server::serve`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the server ends at once. The future needs no runtime.
    pub fn stop(mut self) -> impl Future<Output = io::Result<()>> + Send {
        self.stop = None;
        async move {
            let ended = (&mut self.has_ended).await;
            ended.unwrap_or_else(|_| Err(io::Error::other("the server's thread has panicked")))
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.at_once.cancel();
        self.stop = None;
        // An error means that the server has ended, or did not end in time; either way, there is nothing left
        // to do.
        let _ = self.is_over.recv_timeout(DROP_TIME);
    }
}
