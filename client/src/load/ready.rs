//! Which of a connection's calls have something to read.
//!
//! HTTP/2 says so by waking the call's waker. A waker here is a number that goes into a queue; the
//! connection's task takes the numbers out when it has read what there was. So a call has no task
//! of its own, and nothing looks at calls that still wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// The queue of one connection.
#[derive(Debug, Default)]
pub(super) struct Ready(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    keys: Vec<u32>,
    /// The connection's task, where it sleeps and was not woken yet.
    sleeper: Option<Waker>,
}

#[derive(Debug)]
struct Key {
    key: u32,
    queue: Arc<Mutex<Queue>>,
}

impl Wake for Key {
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

/// Only one thread uses it; the lock is there because wakers may cross threads.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ready {
    /// The waker that puts `key` into the queue.
    pub(super) fn waker(&self, key: u32) -> Waker {
        Arc::new(Key { key, queue: Arc::clone(&self.0) }).into()
    }

    /// Moves what is in the queue to `keys`, which is empty. Until [`Ready::sleep`], the task need
    /// not be woken.
    pub(super) fn take(&self, keys: &mut Vec<u32>) {
        let mut queue = lock(&self.0);
        queue.sleeper = None;
        std::mem::swap(&mut queue.keys, keys);
    }

    /// Has the task woken by whatever comes into the queue, at once when something is in it.
    pub(super) fn sleep(&self, task: &Waker) {
        let mut queue = lock(&self.0);
        if queue.keys.is_empty() {
            queue.sleeper = Some(task.clone());
        } else {
            drop(queue);
            task.wake_by_ref();
        }
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
    fn what_was_woken_is_in_the_queue_once_for_each_time() {
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
        ready.sleep(&waker);
        ready.waker(1).wake();
        ready.waker(2).wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        ready.sleep(&waker);
        assert_eq!(task.0.load(Ordering::Relaxed), 2, "something was in the queue already");
    }
}
