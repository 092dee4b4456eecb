//! The time without a connection.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longsync_timer::Timer;

use crate::board::Board;

/// Adds up the time without a connection, while calls are recorded and sent.
#[derive(Debug)]
pub(super) struct Outages {
    board: Arc<Board>,
    timer: Timer,
    /// When recorded time begins.
    from: Instant,
    /// When the last connection was lost, if there is none.
    since: Cell<Option<Instant>>,
    total: Cell<Duration>,
    is_over: Cell<bool>,
}

impl Outages {
    pub(super) fn new(board: Arc<Board>, timer: Timer, from: Instant) -> Self {
        let (since, total, is_over) = Default::default();
        Self { board, timer, from, since, total, is_over }
    }

    /// Waits until there has been no connection for this long.
    pub(super) async fn last_for(&self, patience: Duration) {
        loop {
            if self.board.connections() > 0 {
                self.is_back();
                self.board.reached.notified().await;
                continue;
            }
            if self.since.get().is_none() {
                self.since.set(Some(self.timer.now()));
            }
            tokio::select! {
                biased;
                () = self.board.reached.notified() => {}
                _ = self.timer.sleep(patience) => return,
            }
        }
    }

    fn is_back(&self) {
        let Some(since) = self.since.take() else { return };
        if !self.is_over.get() {
            let now = self.timer.now().max(self.from);
            let lasted = now.saturating_duration_since(since.max(self.from));
            self.total.set(self.total.get() + lasted);
        }
    }

    /// Counts no further time: no more calls are sent. Returns the time until now.
    pub(super) fn end(&self) -> Duration {
        self.is_back();
        self.is_over.set(true);
        self.total.get()
    }
}
