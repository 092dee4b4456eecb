//! As many connections as the calls in flight need.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use longsync_timer::Timer;
use tokio::sync::Mutex;

use crate::connect_error::ConnectError;
use crate::connection::Connection;
use crate::dial::{PATIENCE, allows_no_calls, dial, gone_before_any_call};
use crate::stream_permit::StreamPermit;
use crate::target::Target;
use crate::transport::Tcp;

/// Connections to one server: one, plus another whenever the open ones have no stream left that the peer
/// allows. No call waits for another to end.
#[derive(Debug)]
pub struct ConnectionPool {
    target: Target,
    timer: Timer,
    state: Mutex<State>,
    opened: AtomicUsize,
    failures: AtomicUsize,
    patience: Option<Duration>,
    is_held_back: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    open: Vec<Arc<Connection>>,
    last_failure: Option<ConnectError>,
}

impl ConnectionPool {
    /// A pool without a connection yet. Each connection runs on the runtime of the caller whose call opened
    /// it.
    pub fn new(target: Target, timer: Timer) -> Self {
        Self {
            target,
            timer,
            state: Mutex::default(),
            opened: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
            patience: Some(PATIENCE),
            is_held_back: AtomicBool::new(false),
        }
    }

    /// Waits for a server that allows no calls as long as the callers do, instead of 10 s.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patience: None, ..self }
    }

    /// Whether a connection is open and a call is held back only by the server's limit on streams, which is
    /// 0.
    pub fn is_held_back(&self) -> bool {
        self.is_held_back.load(Ordering::Relaxed)
    }

    /// The server that these connections reach.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The timer that stamps calls.
    pub fn timer(&self) -> &Timer {
        &self.timer
    }

    /// How many connections have been opened so far.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::Relaxed)
    }

    /// A permit for one call, on a new connection if all streams of the others are taken.
    ///
    /// # Errors
    /// If a connection is needed and cannot be opened.
    ///
    /// # Cancel safety
    /// A connection that is being opened is dropped; nothing else is lost.
    pub async fn permit(&self) -> Result<StreamPermit, ConnectError> {
        self.permit_if(|_| true).await
    }

    /// A permit on any connection but the one that refused the call.
    pub(crate) async fn permit_apart_from(
        &self,
        refused: &Arc<Connection>,
    ) -> Result<StreamPermit, ConnectError> {
        self.permit_if(|connection| !Arc::ptr_eq(connection, refused)).await
    }

    async fn permit_if(
        &self,
        is_such: impl Fn(&Arc<Connection>) -> bool,
    ) -> Result<StreamPermit, ConnectError> {
        let failures_before = self.failures.load(Ordering::Relaxed);
        let mut state = self.state.lock().await;
        // The newest first: the older ones are full, or were when it was opened.
        let mut such = state.open.iter().rev().filter(|connection| is_such(connection));
        if let Some(permit) = such.find_map(Connection::permit) {
            return Ok(permit);
        }
        // Calls that waited for an attempt fail with it: if each tried again in its turn, every one of them
        // would have to wait for a silent peer to time out.
        if self.failures.load(Ordering::Relaxed) > failures_before
            && let Some(failure) = &state.last_failure
        {
            return Err(failure.clone());
        }
        state.open.retain(|connection| !connection.is_closed());
        // On the heap, so that calls that open no connection have small futures.
        match Box::pin(self.connect()).await {
            Ok((connection, permit)) => {
                state.open.push(connection);
                Ok(permit)
            }
            Err(failure) => {
                state.last_failure = Some(failure.clone());
                self.failures.fetch_add(1, Ordering::Relaxed);
                Err(failure)
            }
        }
    }

    /// How many streams the peer allows per connection, once one has been opened.
    pub async fn max_streams(&self) -> Option<usize> {
        self.state.lock().await.open.last().map(|connection| connection.max_streams())
    }

    /// A server that is going away may have closed connections while others were on their way to it: in that
    /// case one more is tried.
    async fn connect(&self) -> Result<(Arc<Connection>, StreamPermit), ConnectError> {
        match self.connect_once().await {
            Err(error) if error.is_goaway() => self.connect_once().await,
            connected => connected,
        }
    }

    async fn connect_once(&self) -> Result<(Arc<Connection>, StreamPermit), ConnectError> {
        let begin = async |socket| Connection::begin(socket, self.timer.clone()).await;
        let nth = self.opened.load(Ordering::Relaxed);
        let connection = dial(&Tcp, &self.target, nth, &self.timer, begin).await?;
        self.opened.fetch_add(1, Ordering::Relaxed);
        loop {
            if let Some(permit) = connection.permit() {
                return Ok((connection, permit));
            }
            if connection.is_closed() {
                return Err(gone_before_any_call(&self.target, connection.lost()));
            }
            self.until_calls_are_allowed(&connection).await?;
        }
    }

    async fn until_calls_are_allowed(&self, connection: &Connection) -> Result<(), ConnectError> {
        let _held_back = HeldBackGuard::begin(&self.is_held_back);
        let patience = async {
            match self.patience {
                Some(patience) => drop(self.timer.sleep(patience).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = connection.allows_calls() => Ok(()),
            () = patience => Err(allows_no_calls(&self.target)),
        }
    }
}

/// Marks the pool as held back until it is dropped, which may be at any time if the caller cancels.
struct HeldBackGuard<'a>(&'a AtomicBool);

impl<'a> HeldBackGuard<'a> {
    fn begin(is_held_back: &'a AtomicBool) -> Self {
        is_held_back.store(true, Ordering::Relaxed);
        Self(is_held_back)
    }
}

impl Drop for HeldBackGuard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
