//! How much a task may read before others have their turn.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

/// What one turn of a connection's task may read. The future around the connection refills it at each
/// poll, and what reads the bytes spends it: a reader that refilled it itself whenever it had nothing
/// more to read would bound nothing, for HTTP/2 reads again after every request.
///
/// One task uses it; the type is `Sync` only because connections may move between threads.
#[derive(Debug)]
pub struct ReadBudget {
    left: AtomicU64,
    a_turn: u64,
}

impl ReadBudget {
    /// A full one, of the given number of bytes (or of whatever else a turn is counted in).
    pub const fn new(a_turn: u64) -> Self {
        Self { left: AtomicU64::new(a_turn), a_turn }
    }

    /// A turn begins.
    #[inline]
    pub fn refill(&self) {
        self.left.store(self.a_turn, Relaxed);
    }

    /// This much was read, or something that costs this much was done.
    #[inline]
    pub fn spend(&self, cost: u64) {
        self.left.store(self.left.load(Relaxed).saturating_sub(cost), Relaxed);
    }

    /// Nothing more is read in this turn.
    #[inline]
    pub fn exhaust(&self) {
        self.left.store(0, Relaxed);
    }

    /// Whether nothing more is to be read in this turn.
    #[inline]
    pub fn is_spent(&self) -> bool {
        self.left.load(Relaxed) == 0
    }

    /// Ready while something may be read; else the task is woken at once, for its next turn.
    #[inline]
    pub fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_spent() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_is_there_again_in_the_next_turn() {
        let budget = ReadBudget::new(10);
        budget.spend(9);
        assert!(!budget.is_spent());
        // The last read may bring more than was left.
        budget.spend(9);
        assert!(budget.is_spent());
        budget.refill();
        assert!(!budget.is_spent());
        budget.exhaust();
        assert!(budget.is_spent());
    }
}
