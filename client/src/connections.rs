//! As many connections as the calls in flight need.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use longsync_timer::Timer;
use tokio::sync::Mutex;

use crate::connection::{Connection, Credit};
use crate::dial::{ConnectError, dial};
use crate::target::Target;

/// Connections to one server: one, and a further one whenever the peer allows no more streams on
/// those there are. No call waits for another's end.
#[derive(Debug)]
pub struct Connections {
    target: Target,
    timer: Timer,
    state: Mutex<State>,
    opened: AtomicUsize,
    failures: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<Arc<Connection>>,
    last_failure: Option<ConnectError>,
}

impl Connections {
    /// No connection yet.
    pub fn new(target: Target, timer: Timer) -> Self {
        Self {
            target,
            timer,
            state: Mutex::default(),
            opened: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
        }
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
        let failures_before = self.failures.load(Ordering::Relaxed);
        let mut state = self.state.lock().await;
        // The newest first: the older ones are full, or were.
        if let Some(credit) = state.open.iter().rev().find_map(Connection::credit) {
            return Ok(credit);
        }
        // Calls that waited for an attempt fail with it: if each tried again in its turn, a silent
        // peer would cost each of them its time.
        if self.failures.load(Ordering::Relaxed) > failures_before
            && let Some(failure) = &state.last_failure
        {
            return Err(failure.clone());
        }
        state.open.retain(|connection| !connection.is_closed());
        match self.connect().await {
            Ok((connection, credit)) => {
                state.open.push(connection);
                Ok(credit)
            }
            Err(failure) => {
                state.last_failure = Some(failure.clone());
                self.failures.fetch_add(1, Ordering::Relaxed);
                Err(failure)
            }
        }
    }

    /// How many streams the peer allows on a connection, once one was opened.
    pub async fn max_streams(&self) -> Option<usize> {
        self.state.lock().await.open.last().map(|connection| connection.max_streams())
    }

    async fn connect(&self) -> Result<(Arc<Connection>, Credit), ConnectError> {
        let begin = async |socket| Connection::begin(socket, self.timer.clone()).await;
        let connection = dial(&self.target, &self.timer, begin).await?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        let credit = connection
            .credit()
            .ok_or_else(|| ConnectError::new(&self.target, "it allows no calls at all"))?;
        Ok((connection, credit))
    }
}
