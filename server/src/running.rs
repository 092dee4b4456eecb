//! A server that runs beside its caller, on threads of its own.

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

/// How long dropping a server waits until it has ended.
const DROP_TIME: Duration = Duration::from_millis(50);

/// Starts a server with this behavior on a free port of loopback.
///
/// # Errors
/// When the behavior's delay is over the default limit of an hour, or the system has no port, thread or
/// file for it.
pub fn start(behavior: Behavior) -> io::Result<RunningServer> {
    let listen = ([127, 0, 0, 1], 0).into();
    let config = Config::new(Options { listen, behavior, ..Options::default() });
    start_with(config.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?)
}

/// Starts a server.
///
/// # Errors
/// Those of [`Server::bind`], and when there is no thread for it.
pub fn start_with(config: Config) -> io::Result<RunningServer> {
    let server = Server::bind(config)?;
    let (local_addr, stats, at_once) = (server.local_addr(), server.stats(), server.at_once());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let (ended, has_ended) = oneshot::channel();
    let (over, is_over) = mpsc::channel();
    thread::Builder::new().name("longsync-accept".to_owned()).spawn(move || {
        // Whoever waits for the end may have gone.
        let _ = ended.send(runtime.block_on(server.serve(async { drop(stopped.await) })));
        let _ = over.send(());
    })?;
    Ok(RunningServer { local_addr, stats, at_once, stop: Some(stop), has_ended, is_over })
}

/// A server that serves. Dropped, it ends at once: it accepts no more connections, and calls that wait
/// end with `UNAVAILABLE`. That has begun when `drop` returns, which it does within 50 ms, inside a
/// runtime or not.
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
    /// The address at which it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The URL for clients, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.local_addr)
    }

    /// What it counts; readable after its end as well.
    pub fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Shuts it down as [`Server::serve`] describes: calls that wait may go on for the configured drain.
    /// Ends when the server has.
    ///
    /// # Errors
    /// Those of [`Server::serve`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the server ends at once. It needs no runtime.
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
        // An error means that it is over.
        let _ = self.is_over.recv_timeout(DROP_TIME);
    }
}
