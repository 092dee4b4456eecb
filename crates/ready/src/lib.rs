//! For a task that runs an entire connection: which of its many futures were woken, and how much it may read
//! before other tasks get their turn. This crate knows nothing of time or gRPC.
//!
//! ## Futures
//!
//! A task that polls many futures gives each a waker that stands for a number: when it is woken, the number
//! goes into a queue, and the task takes out the queued numbers. So no future needs a task of its own, and no
//! future that still waits is polled. Which of them such a task polls, and in what order, is up to the task.
//!
//! ```
//! use std::future::{Future, poll_fn};
//! use std::pin::Pin;
//! use std::task::{Context, Poll};
//! use longsync_ready::Ready;
//!
//! /// Runs two futures to their ends.
//! async fn both(mut futures: [Pin<Box<dyn Future<Output = ()>>>; 2]) {
//!     let ready = Ready::default();
//!     let wakers = [0, 1].map(|key| ready.waker(key));
//!     // Nobody wakes a future that was never polled.
//!     let (mut keys, mut left) = (vec![0, 1], 2);
//!     poll_fn(|cx| loop {
//!         for key in keys.drain(..) {
//!             let mut cx = Context::from_waker(&wakers[key as usize]);
//!             left -= usize::from(futures[key as usize].as_mut().poll(&mut cx).is_ready());
//!         }
//!         if left == 0 {
//!             return Poll::Ready(());
//!         }
//!         if ready.sleep(cx.waker()) {
//!             return Poll::Pending;
//!         }
//!         ready.take(&mut keys);
//!     })
//!     .await
//! }
//! # let yields = || Box::pin(async {
//! #     let mut has_yielded = false;
//! #     poll_fn(|cx| {
//! #         cx.waker().wake_by_ref();
//! #         if std::mem::replace(&mut has_yielded, true) { Poll::Ready(()) } else { Poll::Pending }
//! #     }).await;
//! # });
//! # let mut task = std::pin::pin!(both([Box::pin(async {}), yields()]));
//! # let mut cx = Context::from_waker(std::task::Waker::noop());
//! # assert!(task.as_mut().poll(&mut cx).is_ready());
//! ```
//!
//! ## Reading
//!
//! A connection that reads until there is nothing left to read answers nothing in the meantime. A
//! [`ReadBudget`] limits how much it reads in one turn:
//!
//! ```
//! use std::task::{Context, Poll, Waker};
//! use longsync_ready::ReadBudget;
//!
//! let mut cx = Context::from_waker(Waker::noop());
//! let budget = ReadBudget::new(64 * 1024);
//! assert!(budget.poll_left(&mut cx).is_ready());
//! budget.spend(100_000);
//! // The task is woken, so that it goes on in its next turn.
//! assert!(budget.poll_left(&mut cx).is_pending());
//! budget.refill();
//! assert!(!budget.is_spent());
//! ```

mod budget;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

pub use crate::budget::ReadBudget;

/// The queue of one task.
#[derive(Debug, Default)]
pub struct Ready(Arc<Mutex<ReadyQueue>>);

#[derive(Debug, Default)]
struct ReadyQueue {
    keys: Vec<u32>,
    /// The task, if it sleeps and was not woken yet.
    sleeper: Option<Waker>,
}

#[derive(Debug)]
struct KeyWaker {
    key: u32,
    queue: Arc<Mutex<ReadyQueue>>,
}

impl Wake for KeyWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let sleeper = {
            let mut queue = lock(&self.queue);
            queue.keys.push(self.key);
            queue.sleeper.take()
        };
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }
}

/// Usually one thread alone takes it; the lock is there because wakers may cross threads.
fn lock(queue: &Mutex<ReadyQueue>) -> MutexGuard<'_, ReadyQueue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ready {
    /// A waker that puts `key` into the queue once per wake. Making it allocates; it can serve every future
    /// for which the key ever stands, if these may be polled needlessly.
    pub fn waker(&self, key: u32) -> Waker {
        Arc::new(KeyWaker { key, queue: Arc::clone(&self.0) }).into()
    }

    /// Moves the queued keys to `keys`, which must be empty: the queue goes on in its memory. Until
    /// [`Ready::sleep`], the task is not woken.
    pub fn take(&self, keys: &mut Vec<u32>) {
        let mut queue = lock(&self.0);
        queue.sleeper = None;
        std::mem::swap(&mut queue.keys, keys);
    }

    /// Has `task` woken when a key next enters the queue. Returns false, and does not wake it later, if the
    /// queue is not empty.
    #[must_use = "a task is not woken for what is already in the queue"]
    pub fn sleep(&self, task: &Waker) -> bool {
        let mut queue = lock(&self.0);
        let is_empty = queue.keys.is_empty();
        if is_empty {
            queue.sleeper = Some(task.clone());
        }
        is_empty
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_key_is_in_the_queue_once_for_each_wake() {
        let ready = Ready::default();
        let (first, second) = (ready.waker(7), ready.waker(9));
        first.wake_by_ref();
        second.wake();
        first.wake();
        let mut keys = Vec::new();
        ready.take(&mut keys);
        assert_eq!(keys, [7, 9, 7]);
        keys.clear();
        ready.take(&mut keys);
        assert!(keys.is_empty());
    }

    #[test]
    fn a_sleeping_task_is_woken_once() {
        let (ready, task) = (Ready::default(), Arc::<Task>::default());
        let waker = task.clone().into();
        assert!(ready.sleep(&waker));
        ready.waker(1).wake();
        ready.waker(2).wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        assert!(!ready.sleep(&waker), "the queue was not empty");
        ready.waker(3).wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1, "and no task slept");
    }
}
