//! How much a task may read before others get their turn.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

/// How much a connection's task may read in one turn. The future around the connection refills it at each
/// poll, and the reader spends it. A reader that refilled it whenever it had nothing more to read would limit
/// nothing, because HTTP/2 reads again after every request.
///
/// One task uses it; the type is `Sync` only because connections may move between threads.
#[derive(Debug)]
pub struct ReadBudget {
    left: AtomicU64,
    a_turn: u64,
}

impl ReadBudget {
    /// A full budget of the given number of bytes (or of another unit that the caller counts in).
    pub const fn new(a_turn: u64) -> Self {
        Self { left: AtomicU64::new(a_turn), a_turn }
    }

    /// Begins a turn.
    #[inline]
    pub fn refill(&self) {
        self.left.store(self.a_turn, Relaxed);
    }

    /// Deducts the cost of a read, or of other work.
    #[inline]
    pub fn spend(&self, cost: u64) {
        self.left.store(self.left.load(Relaxed).saturating_sub(cost), Relaxed);
    }

    /// Ends the reading of this turn.
    #[inline]
    pub fn exhaust(&self) {
        self.left.store(0, Relaxed);
    }

    /// Whether nothing more may be read in this turn.
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
    fn a_spent_budget_is_full_again_in_the_next_turn() {
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
