//! The turns of a connection's task, and what a wake in the middle of one means.

use std::future::Future as _;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use tokio::task::yield_now;

/// Nobody polls the connection: waking it wakes its task.
const OVER: u8 = 0;
/// It is being polled, or will be in this turn.
const UNDER_WAY: u8 = 1;
/// It was woken while it was polled.
const WOKEN: u8 = 2;

/// What a connection is polled with, so that its wakes in the middle of a turn have a meaning.
///
/// HTTP/2 wakes the connection for whatever its streams hand over, and the connection wakes itself when
/// its turn is over. A task that is woken while it runs is polled again at once, some sixty times
/// before the runtime looks at its sockets, and each of those may be a whole turn.
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
    /// A turn begins, in which the connection will be polled.
    pub(crate) fn begin(&self, cx: &Context<'_>) {
        let mut task = self.woken.task.lock().unwrap_or_else(PoisonError::into_inner);
        task.clone_from(cx.waker());
        self.woken.state.store(UNDER_WAY, Ordering::Release);
    }

    /// What the connection is to be polled with now. Whatever woke it before is looked at then.
    pub(crate) fn poll_with(&self) -> Context<'_> {
        self.woken.state.swap(UNDER_WAY, Ordering::AcqRel);
        Context::from_waker(&self.waker)
    }

    /// The turn is over. If the connection was woken, its task is polled again after the others.
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

/// Has the task polled again once the others have had their turn, and the runtime has looked at what
/// has come for them.
pub(crate) fn go_on_after_others(cx: &mut Context<'_>) {
    // The runtime keeps the waker beyond this future's end.
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
    fn what_wakes_a_connection_before_it_is_polled_in_a_turn_needs_no_further_turn() {
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

    /// The runtime looks at its sockets before a task goes on that was woken in its turn.
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
