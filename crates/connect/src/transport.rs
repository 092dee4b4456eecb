//! How a connection's bytes get to a server and back.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};

use crate::connect_error::{ConnectError, ConnectErrorKind};
use crate::target::Target;

/// Opens streams of bytes to a target: [`Tcp`], or something in memory, or (later) TLS.
pub trait Transport {
    /// The stream.
    type Io: AsyncRead + AsyncWrite + Unpin + 'static;

    /// Opens one. [`dial`](crate::dial) bounds how long it may take.
    ///
    /// # Errors
    /// When there is none to be had.
    ///
    /// # Cancel safety
    /// What was opened by then is closed.
    fn open(&self, target: &Target) -> impl Future<Output = Result<Self::Io, NotReached>>;
}

/// Why a transport has no stream to a target.
#[derive(Debug)]
pub struct NotReached {
    kind: ConnectErrorKind,
    why: String,
    source: Option<io::Error>,
}

/// TCP without TLS, over the first of the host's addresses that accepts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Transport for Tcp {
    type Io = TcpStream;

    async fn open(&self, target: &Target) -> Result<TcpStream, NotReached> {
        let (host, port) = target.host_and_port();
        let unknown = |error: io::Error| NotReached {
            kind: ConnectErrorKind::UnknownHost,
            why: format!("the host `{host}` is not known: {error}"),
            source: Some(error),
        };
        let addresses: Vec<_> = lookup_host((host, port)).await.map_err(unknown)?.collect();
        let refused = |error| not_connected(error, &addresses);
        let socket = TcpStream::connect(&addresses[..]).await.map_err(refused)?;
        socket.set_nodelay(true)?;
        Ok(socket)
    }
}

impl NotReached {
    /// For a transport of your own: `why` follows the words that name the target.
    pub fn new(kind: ConnectErrorKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), source: None }
    }

    pub(crate) fn at(self, target: &Target) -> ConnectError {
        let error = ConnectError::new(target, self.kind, &self.why);
        match self.source {
            Some(source) => error.with_source(source),
            None => error,
        }
    }
}

impl From<io::Error> for NotReached {
    fn from(error: io::Error) -> Self {
        Self { kind: ConnectErrorKind::Io, why: error.to_string(), source: Some(error) }
    }
}

impl std::fmt::Display for NotReached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for NotReached {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn Error + 'static))
    }
}

/// Why there is no connection. If nothing listens on this machine, what would help can be said.
fn not_connected(error: io::Error, addresses: &[SocketAddr]) -> NotReached {
    if error.kind() != io::ErrorKind::ConnectionRefused {
        return error.into();
    }
    let is_here = |address: &&SocketAddr| {
        // Port 0 stands for any, and nothing listens on it.
        address.port() != 0 && (address.ip().is_loopback() || address.ip().is_unspecified())
    };
    let help = addresses
        .iter()
        .find(is_here)
        .map(|address| format!("; start a server there with `longsync-server --listen {address}`"));
    let why = format!("connection refused, nothing listens there{}", help.unwrap_or_default());
    NotReached { kind: ConnectErrorKind::Refused, why, source: Some(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_a_server_is_advised_only_if_nothing_listens_on_this_machine() {
        let why = |kind: io::ErrorKind, address: &str| {
            not_connected(io::Error::from(kind), &[address.parse().unwrap()]).to_string()
        };
        let refused = io::ErrorKind::ConnectionRefused;
        for address in ["127.0.0.1:9000", "0.0.0.0:9000", "[::1]:9000"] {
            let why = why(refused, address);
            assert!(why.ends_with(&format!("`longsync-server --listen {address}`")), "{why}");
        }
        for why in [
            why(refused, "192.0.2.1:9000"),
            why(refused, "127.0.0.1:0"),
            why(io::ErrorKind::HostUnreachable, "[::1]:1"),
        ] {
            assert!(!why.contains("longsync-server"), "{why}");
        }
    }
}
