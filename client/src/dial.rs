//! Reaching a server, or saying why not.

use std::io;
use std::time::Duration;

use longsync_timer::Timer;
use tokio::net::TcpStream;

use crate::target::Target;

/// How long a server may take to accept a connection and to say what its protocol begins with.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a server could not be reached.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "cannot reach {target}: {why}; start a server there with `longsync-server --listen {address}`"
)]
pub struct ConnectError {
    target: Target,
    address: String,
    why: String,
}

impl ConnectError {
    pub(crate) fn new(target: &Target, why: impl Into<String>) -> Self {
        let (host, port) = target.host_and_port();
        let address =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Self { target: target.clone(), address, why: why.into() }
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
    let connecting = async {
        let socket = TcpStream::connect(target.host_and_port()).await?;
        socket.set_nodelay(true)?;
        begin(socket).await
    };
    tokio::select! {
        connected = connecting => {
            connected.map_err(|error| ConnectError::new(target, in_words(&error)))
        }
        _ = timer.sleep(CONNECT_TIMEOUT) => {
            let seconds = CONNECT_TIMEOUT.as_secs();
            Err(ConnectError::new(target, format!("it did not answer as HTTP servers do within {seconds} s")))
        }
    }
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused, nothing listens there".to_owned(),
        io::ErrorKind::UnexpectedEof => {
            "it closed the connection without speaking HTTP/2".to_owned()
        }
        _ => error.to_string(),
    }
}
