//! As many connections as the calls in flight need.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use longsync_timer::Timer;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::connection::{Connection, Credit};
use crate::target::Target;

/// How long a server may take to accept a connection and say its settings.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a server could not be reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot reach {target}: {why}; start a server there with `longsync-server --listen {address}`"
)]
pub struct ConnectError {
    target: Target,
    address: String,
    why: String,
}

/// Connections to one server: one, and a further one whenever the peer allows no more streams on
/// those there are. No call waits for another's end.
#[derive(Debug)]
pub struct Connections {
    target: Target,
    timer: Timer,
    open: Mutex<Vec<Arc<Connection>>>,
    opened: AtomicUsize,
}

impl Connections {
    /// No connection yet.
    pub fn new(target: Target, timer: Timer) -> Self {
        Self { target, timer, open: Mutex::new(Vec::new()), opened: AtomicUsize::new(0) }
    }

    /// Whom these connections reach.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The timer by which calls are stamped.
    pub fn timer(&self) -> &Timer {
        &self.timer
    }

    /// How many connections were opened so far.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// A credit for one call, on a new connection when all streams of the others are taken.
    ///
    /// # Errors
    /// When a connection is needed and cannot be opened.
    ///
    /// # Cancel safety
    /// A connection that is being opened is dropped; nothing else is lost.
    pub async fn credit(&self) -> Result<Credit, ConnectError> {
        let mut open = self.open.lock().await;
        // The newest first: the older ones are full, or were.
        if let Some(credit) = open.iter().rev().find_map(Connection::credit) {
            return Ok(credit);
        }
        open.retain(|connection| !connection.is_closed());
        let connection = self.connect().await?;
        let credit = connection.credit().ok_or_else(|| self.error("it allows no calls at all"))?;
        open.push(connection);
        Ok(credit)
    }

    async fn connect(&self) -> Result<Arc<Connection>, ConnectError> {
        let connecting = async {
            let socket = TcpStream::connect(self.target.host_and_port()).await?;
            socket.set_nodelay(true)?;
            Connection::begin(socket, self.timer.clone()).await
        };
        let connected = tokio::select! {
            connected = connecting => connected,
            _ = self.timer.sleep(CONNECT_TIMEOUT) => {
                let seconds = CONNECT_TIMEOUT.as_secs();
                return Err(self.error(&format!("it did not answer as HTTP/2 servers do within {seconds} s")));
            }
        };
        let connection = connected.map_err(|error| self.error(&in_words(&error)))?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        Ok(connection)
    }

    fn error(&self, why: &str) -> ConnectError {
        let (host, port) = self.target.host_and_port();
        let address =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        ConnectError { target: self.target.clone(), address, why: why.to_owned() }
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
