//! The turns of a connection's task, and the meaning of a wake-up during one.

use std::future::Future as _;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use tokio::task::yield_now;

/// The connection is not being polled: waking it wakes its task.
const OVER: u8 = 0;
/// The connection is being polled, or will be in this turn.
const UNDER_WAY: u8 = 1;
/// The connection was woken while it was polled.
const WOKEN: u8 = 2;

/// The waker with which a connection is polled. It decides what a wake-up during a turn means.
///
/// HTTP/2 wakes the connection for everything that its streams hand over, and the connection wakes
/// itself when its turn is over. A task that is woken while it runs is polled again at once, some sixty
/// times before the runtime checks its sockets, and each of these polls may be a full turn.
pub(crate) struct Turns {
    woken: Arc<TurnWaker>,
    waker: Waker,
}

struct TurnWaker {
    state: AtomicU8,
    task: Mutex<Waker>,
}

impl Default for Turns {
    fn default() -> Self {
        let task = Mutex::new(Waker::noop().clone());
        let woken = Arc::new(TurnWaker { state: AtomicU8::new(OVER), task });
        Self { waker: Waker::from(Arc::clone(&woken)), woken }
    }
}

impl Turns {
    /// Begins a turn, in which the connection will be polled.
    pub(crate) fn begin(&self, cx: &Context<'_>) {
        let mut task = self.woken.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.clone_from(cx.waker());
        self.woken.state.store(UNDER_WAY, Ordering::Release);
    }

    /// The context with which to poll the connection now. That poll takes care of all earlier wake-ups.
    pub(crate) fn poll_with(&self) -> Context<'_> {
        self.woken.state.swap(UNDER_WAY, Ordering::AcqRel);
        Context::from_waker(&self.waker)
    }

    /// Ends the turn. If the connection was woken, its task is polled again after the others.
    pub(crate) fn end(&self, cx: &mut Context<'_>) {
        if self.woken.state.swap(OVER, Ordering::AcqRel) == WOKEN {
            go_on_after_others(cx);
        }
    }
}

impl Wake for TurnWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let in_turn = |state| (state != OVER).then_some(WOKEN);
        if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, in_turn).is_err() {
            self.task.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
        }
    }
}

/// Arranges for the task to be polled again once the others have had their turn and the runtime has checked
/// what has arrived for them.
pub(crate) fn go_on_after_others(cx: &mut Context<'_>) {
    // The runtime keeps the waker after this future is dropped.
    let _ = pin!(yield_now()).poll(cx);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct WakeCounter(AtomicUsize);

    impl Wake for WakeCounter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_wake_up_before_the_connection_is_polled_in_a_turn_needs_no_further_turn() {
        let count = Arc::new(WakeCounter::default());
        let woken = || count.0.load(Ordering::Relaxed);
        let task = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&task);
        let turns = Turns::default();
        turns.begin(&cx);
        turns.waker.wake_by_ref();
        let _ = turns.poll_with();
        turns.end(&mut cx);
        assert_eq!(woken(), 0);
        turns.waker.wake_by_ref();
        assert_eq!(woken(), 1, "between turns");
        turns.begin(&cx);
        turns.poll_with().waker().wake_by_ref();
        assert_eq!(woken(), 1, "not in the middle of a turn");
        turns.end(&mut cx);
        assert_eq!(woken(), 2);
    }

    /// The runtime checks its sockets before it continues a task that was woken during its turn.
    #[tokio::test]
    async fn others_have_their_turn_in_between() {
        use std::future::poll_fn;
        use std::task::Poll;

        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        use tokio::net::{TcpListener, TcpStream};

        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it listens");
        let (ours, theirs) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut ours, (mut theirs, _)) = (ours.expect("connected"), theirs.expect("accepted"));
        let reading = tokio::spawn(async move { theirs.read_u8().await });
        yield_now().await;
        ours.write_u8(7).await.expect("it is sent");
        let turns = Turns::default();
        let mut polls = 0;
        poll_fn(|cx| {
            turns.begin(cx);
            turns.poll_with().waker().wake_by_ref();
            polls += 1;
            turns.end(cx);
            if reading.is_finished() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(polls <= 4, "{polls} turns before the other was read");
    }
}
