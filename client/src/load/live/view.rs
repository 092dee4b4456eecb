//! The state of a running load: a few numbers, kept for those that draw them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longsync_load::{Live, Observer};
use longsync_stats::{Figures, Percentile, Quantile};
use longsync_text::duration::text;
use longsync_text::grouped;

use crate::chart::sparks::Spark;
use crate::figures::nanos;
use crate::load::words::time;

/// For how many seconds the p99 is kept: more than any terminal has columns.
const HISTORY: usize = 1_000;
/// If less than this percentage of the due calls is sent, the rate is not reached.
const REACHED: u64 = 99;

/// When a run ends: at the first of the two that is reached, or at neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunGoal {
    /// After how many calls.
    pub calls: Option<u64>,
    /// After how much time.
    pub time: Option<Duration>,
}

impl RunGoal {
    /// How much of it is done, in thousandths; [`None`] if the end is not known.
    pub(super) fn thousandths(self, elapsed: Duration, calls: u64) -> Option<u64> {
        let of = |part: u64, whole: u64| {
            let whole = u128::from(whole.max(1));
            u64::try_from(u128::from(part) * 1_000 / whole).unwrap_or(u64::MAX).min(1_000)
        };
        let by_calls = self.calls.map(|whole| of(calls, whole));
        let by_time = self.time.map(|whole| of(nanos(elapsed), nanos(whole)));
        by_calls.max(by_time)
    }

    /// How far it is, and when it ends.
    pub(super) fn words(self, elapsed: Duration, calls: u64) -> String {
        let whole = |whole: Option<String>| whole.map(|it| format!(" of {it}")).unwrap_or_default();
        let of_time = whole(self.time.map(text));
        let time = format!("{}{of_time}", time(elapsed));
        match self.calls {
            Some(count) => format!("{time}, {} of {} calls", grouped(calls), grouped(count)),
            None => time,
        }
    }
}

/// Two percentiles of what a caller experiences: of response time, or of service time in a closed loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LiveLatency {
    /// The median.
    pub(super) p50: Option<Quantile>,
    /// The value that 99 % do not exceed.
    pub(super) p99: Option<Quantile>,
}

/// The current state of a running load.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct LiveView {
    /// When it ends.
    pub(super) goal: RunGoal,
    /// Whether a call begins when another has ended.
    pub(super) is_closed: bool,
    /// How much recorded time has passed.
    pub(super) elapsed: Duration,
    /// How many calls were due in the last second.
    pub(super) due: u64,
    /// How many were sent in it.
    pub(super) sent: u64,
    /// How many calls have been due since recording began.
    pub(super) due_so_far: u64,
    /// How many are in flight.
    pub(super) in_flight: u64,
    /// How many connections are open.
    pub(super) connections: usize,
    /// Of the last second.
    pub(super) last: LiveLatency,
    /// Since recording began.
    pub(super) so_far: LiveLatency,
    /// How many calls have failed since recording began.
    pub(super) failed: u64,
    /// How many calls were not sent.
    pub(super) not_sent: u64,
    /// How many calls failed or were not sent in the last second.
    pub(super) new_errors: u64,
    /// The p99 of each second, the newest last: at most the last thousand.
    pub(super) history: VecDeque<Option<Quantile>>,
}

impl LiveView {
    /// Whether fewer calls were sent in the last second than were due.
    pub(super) fn is_behind(&self) -> bool {
        u128::from(self.sent) * 100 < u128::from(self.due) * u128::from(REACHED)
    }

    /// Adds one more second.
    fn see(&mut self, live: &Live<'_>) {
        let Figures { counts, .. } = live.second;
        let pace = |figures| pace(figures, self.is_closed);
        (self.last, self.so_far) = (pace(live.second), pace(live.so_far));
        self.elapsed = live.elapsed;
        (self.due, self.sent) = (live.due, counts.sent);
        self.due_so_far = self.due_so_far.saturating_add(live.due);
        (self.in_flight, self.connections) = (live.in_flight, live.connections);
        self.failed = live.so_far.counts.failed();
        self.not_sent = live.so_far.counts.not_sent.total();
        self.new_errors = counts.failed().saturating_add(counts.not_sent.total());
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(self.last.p99);
    }
}

fn pace(figures: &Figures, is_closed: bool) -> LiveLatency {
    let felt = if is_closed {
        Cow::Borrowed(&figures.service_time)
    } else {
        Cow::Owned(figures.response_time())
    };
    LiveLatency { p50: felt.percentile(Percentile::P50), p99: felt.percentile(Percentile::P99) }
}

impl Spark {
    /// A p99 in a sparkline.
    pub(super) fn of(at: Option<Quantile>) -> Self {
        match at {
            None => Self::Gap,
            Some(Quantile::BelowZero) => Self::At(0.0),
            Some(Quantile::At(duration)) => Self::At(duration.as_secs_f64()),
            Some(Quantile::Beyond(_)) => Self::Beyond,
        }
    }
}

/// Where a run writes its seconds for those that draw them: a slow terminal delays nothing. Clones are
/// handles to the same board.
#[derive(Debug, Clone)]
pub struct LiveBoard(Arc<(Mutex<BoardState>, Condvar)>);

#[derive(Debug)]
struct BoardState {
    view: LiveView,
    /// How many seconds have been added.
    seconds: u64,
    is_over: bool,
}

impl LiveBoard {
    /// For a run that ends when it reaches this goal.
    pub fn new(goal: RunGoal, is_closed: bool) -> Self {
        let view = LiveView { goal, is_closed, ..LiveView::default() };
        let board = BoardState { view, seconds: 0, is_over: false };
        Self(Arc::new((Mutex::new(board), Condvar::new())))
    }

    /// Waits for a second after the first `seen`. Returns how many there have been, and the current
    /// state; [`None`] if the run is over.
    pub(super) fn next(&self, seen: u64) -> Option<(u64, LiveView)> {
        let (board, changed) = &*self.0;
        let board = board.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |board: &mut BoardState| board.seconds <= seen && !board.is_over;
        let board = changed.wait_while(board, is_old).unwrap_or_else(PoisonError::into_inner);
        (!board.is_over).then(|| (board.seconds, board.view.clone()))
    }

    /// Marks the run as over.
    pub(super) fn close(&self) {
        self.change(|board| board.is_over = true);
    }

    fn change(&self, change: impl FnOnce(&mut BoardState)) {
        let (board, changed) = &*self.0;
        let mut board: MutexGuard<'_, BoardState> =
            board.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut board);
        changed.notify_all();
    }
}

impl Observer for LiveBoard {
    fn second(&mut self, live: &Live<'_>) {
        self.change(|board| {
            board.seconds += 1;
            board.view.see(live);
        });
    }
}
