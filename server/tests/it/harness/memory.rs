//! A worker on the test's own runtime, called over in-memory streams: everything runs on the paused clock.

use std::sync::Arc;

use longsync_server::{Config, Snapshot, Worker, serve_connection};
use longsync_timer::Clock;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

use super::{Client, Headers, ORIGIN, Raw, Result, Web, connect_with};

/// How many bytes may be in transit in each direction.
const PIPE_BYTES: usize = 1024 * 1024;

/// The worker.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) worker: Arc<Worker>,
}

impl Memory {
    #[expect(
        clippy::unused_async,
        reason = "a worker belongs to the runtime on which it is created"
    )]
    pub(crate) async fn start(config: Config) -> Self {
        Self { worker: Worker::new(config, Clock::Tokio) }
    }

    /// The client's end of a new connection, and the task that serves the other end.
    pub(crate) fn open(&self) -> (DuplexStream, JoinHandle<()>) {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let worker = Arc::clone(&self.worker);
        let serving = tokio::spawn(async move { serve_connection(theirs, None, &worker).await });
        (ours, serving)
    }

    pub(crate) async fn client(&self) -> Result<Client> {
        self.client_with(&[]).await
    }

    /// A client whose requests have these headers.
    pub(crate) async fn client_with(&self, headers: Headers) -> Result<Client> {
        Ok(Client::with_origin(connect_with(self.open().0, headers).await?, ORIGIN.parse()?))
    }

    pub(crate) async fn raw(&self) -> Result<Raw> {
        Raw::over(self.open().0).await
    }

    pub(crate) async fn web1(&self) -> Result<Web> {
        Web::http1(self.open().0).await
    }

    pub(crate) async fn web2(&self) -> Result<Web> {
        Web::http2(self.open().0).await
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.worker.snapshot()
    }
}
