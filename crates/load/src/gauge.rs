//! A connection's bytes: when they arrived, how many at a time, and whether more can be sent.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use longsync_connect::Watcher;
use longsync_ready::ReadBudget;
use longsync_timer::Timer;

/// The number of bytes to read before the calls that they answer are processed: bytes that were read and not
/// processed stay in memory.
const READ_BUDGET: u64 = 64 * 1024;

/// What is known about a connection's bytes from outside the connection.
#[derive(Debug)]
pub(crate) struct Gauge {
    timer: Timer,
    last_read: Cell<Instant>,
    budget: ReadBudget,
    is_blocked: Cell<bool>,
    passed: Cell<BytesPassed>,
}

/// The number of bytes that have passed through a connection's stream, including HTTP/2 framing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BytesPassed {
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// Updates a gauge.
#[derive(Debug)]
pub(crate) struct Keeper(Rc<Gauge>);

impl Gauge {
    pub(crate) fn new(timer: Timer) -> Rc<Self> {
        let last_read = Cell::new(timer.now());
        let (budget, is_blocked) = (ReadBudget::new(READ_BUDGET), Cell::new(false));
        Rc::new(Self { timer, last_read, budget, is_blocked, passed: Cell::default() })
    }

    /// The watcher of the stream.
    pub(crate) fn keeper(self: &Rc<Self>) -> Keeper {
        Keeper(Rc::clone(self))
    }

    /// When the last read that returned bytes did so.
    pub(crate) fn last_read(&self) -> Instant {
        self.last_read.get()
    }

    /// Refills the read budget of one poll of the connection.
    pub(crate) fn refill(&self) {
        self.budget.refill();
    }

    /// The bytes that have passed since this was last called.
    pub(crate) fn take_passed(&self) -> BytesPassed {
        self.passed.take()
    }

    fn pass(&self, bytes_in: usize, bytes_out: usize) {
        let passed = self.passed.get();
        self.passed.set(BytesPassed {
            bytes_in: passed.bytes_in + bytes_in as u64,
            bytes_out: passed.bytes_out + bytes_out as u64,
        });
    }

    /// Whether the peer is taking no bytes now, so that anything handed to HTTP/2 would stay in memory.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked.get()
    }
}

impl Watcher for Keeper {
    #[inline]
    fn poll_may_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.budget.poll_left(cx)
    }

    #[inline]
    fn has_read(&mut self, bytes: &[u8]) {
        self.0.budget.spend(bytes.len() as u64);
        self.0.pass(bytes.len(), 0);
        self.0.last_read.set(self.0.timer.now());
    }

    #[inline]
    fn has_written(&mut self, bytes: Poll<usize>) {
        self.0.is_blocked.set(bytes.is_pending());
        if let Poll::Ready(bytes) = bytes {
            self.0.pass(0, bytes);
        }
    }
}
