//! Reaching a server, or saying why not.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use longsync_timer::Timer;
use tokio::net::{TcpStream, lookup_host};

use crate::first_words::NotBegun;
use crate::status::sentence;
use crate::target::Target;

/// How long a server may take to accept a connection and to say what its protocol begins with.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a server could not be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot reach {target}: {why}")]
pub struct ConnectError {
    target: Target,
    why: String,
}

impl ConnectError {
    pub(crate) fn new(target: &Target, why: impl Into<String>) -> Self {
        Self { target: target.clone(), why: why.into() }
    }
}

/// Connects, and does with the socket what its protocol begins with.
///
/// # Cancel safety
/// The connection that is being opened is dropped; nothing else is lost.
pub(crate) async fn dial<T>(
    target: &Target,
    timer: &Timer,
    begin: impl AsyncFnOnce(TcpStream) -> io::Result<T>,
) -> Result<T, ConnectError> {
    let (host, port) = target.host_and_port();
    let connecting = async {
        let unknown = |error| format!("the host `{host}` is not known: {error}");
        let addresses: Vec<_> = lookup_host((host, port)).await.map_err(unknown)?.collect();
        let refused = |error| not_connected(&error, &addresses);
        let socket = TcpStream::connect(&addresses[..]).await.map_err(refused)?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        begin(socket).await.map_err(|error| not_begun(&error))
    };
    let connected = tokio::select! {
        connected = connecting => connected,
        _ = timer.sleep(CONNECT_TIMEOUT) => {
            let seconds = CONNECT_TIMEOUT.as_secs();
            Err(format!("timed out: nothing that an HTTP server would say came within {seconds} s"))
        }
    };
    connected.map_err(|why| ConnectError::new(target, why))
}

/// Why there is no connection. Where nothing listens on this machine, what would help can be said.
fn not_connected(error: &io::Error, addresses: &[SocketAddr]) -> String {
    if error.kind() != io::ErrorKind::ConnectionRefused {
        return error.to_string();
    }
    let is_here = |address: &&SocketAddr| {
        // Port 0 stands for any, and nothing listens on it.
        address.port() != 0 && (address.ip().is_loopback() || address.ip().is_unspecified())
    };
    let help = addresses
        .iter()
        .find(is_here)
        .map(|address| format!("; start a server there with `longsync-server --listen {address}`"));
    format!("connection refused, nothing listens there{}", help.unwrap_or_default())
}

/// Why what listens there is no server of the protocol.
fn not_begun(error: &io::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    if let Some(known) = error.get_ref().and_then(|inner| inner.downcast_ref::<NotBegun>()) {
        return known.to_string();
    }
    let of_h2 = error.get_ref().and_then(|inner| inner.downcast_ref::<h2::Error>());
    if let Some(broken) = of_h2.filter(|error| error.reason().is_some()) {
        return sentence(broken);
    }
    match of_h2.and_then(h2::Error::get_io).unwrap_or(error).kind() {
        UnexpectedEof | ConnectionReset | BrokenPipe => {
            format!(
                "it closed the connection before it said anything that HTTP begins with ({error})"
            )
        }
        _ => format!("what listens there does not speak the protocol ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_nothing_listens_on_this_machine_a_server_is_to_be_started() {
        let why = |kind: io::ErrorKind, address: &str| {
            not_connected(&io::Error::from(kind), &[address.parse().unwrap()])
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
