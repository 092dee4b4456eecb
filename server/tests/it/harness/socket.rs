//! A complete server on a free loopback port.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use longsync_server::{Config, Server, Snapshot, Stats};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Client, Headers, ORIGIN, Raw, Result, Web, connect_with};

/// The server, which serves until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) addr: SocketAddr,
    stats: Stats,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Socket {
    pub(crate) fn start(config: Config) -> Result<Self> {
        let server = Server::bind(config)?;
        let (addr, stats) = (server.local_addr(), server.stats());
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.serve(async { drop::<Result<(), _>>(stopped.await) }));
        Ok(Self { addr, stats, stop, serving })
    }

    pub(crate) async fn open(&self) -> Result<TcpStream> {
        Ok(TcpStream::connect(self.addr).await?)
    }

    pub(crate) async fn client(&self) -> Result<Client> {
        self.client_with(&[]).await
    }

    /// A client whose requests have these headers.
    pub(crate) async fn client_with(&self, headers: Headers) -> Result<Client> {
        Ok(Client::with_origin(connect_with(self.open().await?, headers).await?, ORIGIN.parse()?))
    }

    pub(crate) async fn raw(&self) -> Result<Raw> {
        Raw::over(self.open().await?).await
    }

    pub(crate) async fn web1(&self) -> Result<Web> {
        Web::http1(self.open().await?).await
    }

    pub(crate) async fn web2(&self) -> Result<Web> {
        Web::http2(self.open().await?).await
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.stats.snapshot()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats.clone()
    }

    /// Asks the server to shut down. The returned future resolves when `serve` returns.
    pub(crate) fn shut_down(self) -> impl Future<Output = Result<()>> {
        let _ = self.stop.send(());
        let serving = self.serving;
        async move {
            tokio::time::timeout(Duration::from_secs(20), serving)
                .await
                .context("the server is still serving after 20 s")???;
            Ok(())
        }
    }
}
