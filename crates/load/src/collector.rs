//! Collects the figures of a run's workers, second by second, while the run continues.

mod outages;
mod passing;
mod processors;
mod series;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longsync_stats::{Figures, Interval, Moment, StopRuleWatch};
use longsync_timer::Timer;

use self::outages::Outages;
use self::passing::DueCounter;
use self::processors::Processors;
use self::series::IntervalSeries;
use crate::board::{Board, patience};
use crate::load::RunEnd;
use crate::observer::{Live, Observer};
use crate::plan::LoadPlan;

/// How long after the end of a second its figures are collected: by then the workers have closed it.
const AFTER: Duration = Duration::from_millis(20);

/// Collects the figures that the workers record, second by second.
pub(crate) struct Collector<O> {
    board: Arc<Board>,
    observer: O,
    timer: Timer,
    start: Instant,
    /// When recorded time begins.
    from: Instant,
    warm_up: Duration,
    grace: Duration,
    due: DueCounter,
    /// Seconds that some worker may still record into.
    open: BTreeMap<u64, Box<Figures>>,
    /// Empty figures, reused: memory that is freed and allocated anew each second becomes fragmented between
    /// longer-lived allocations.
    spare: Option<Box<Figures>>,
    /// The first second that is not complete.
    next: u64,
    so_far: Box<Figures>,
    in_flight: u64,
    series: IntervalSeries,
    processors: Processors,
    watch: StopRuleWatch,
    end: Option<RunEnd>,
    without_connection: Duration,
}

/// The collected figures of a run.
#[derive(Debug)]
pub(crate) struct CollectedRun {
    pub(crate) figures: Box<Figures>,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) processors: Processors,
    /// Why the run ended, if the collector ended it.
    pub(crate) end: Option<RunEnd>,
    /// For how long there was no connection while calls were recorded and sent.
    pub(crate) without_connection: Duration,
}

impl<O: Observer> Collector<O> {
    /// A collector for a run that starts at `start`.
    pub(crate) fn new<M>(
        plan: &LoadPlan<M>,
        board: Arc<Board>,
        observer: O,
        timer: Timer,
        start: Instant,
    ) -> Self {
        Self {
            board,
            observer,
            timer,
            start,
            from: start + plan.warm_up,
            warm_up: plan.warm_up,
            grace: plan.grace,
            due: DueCounter::new(plan),
            open: BTreeMap::new(),
            spare: None,
            next: 0,
            so_far: Box::default(),
            in_flight: 0,
            series: IntervalSeries::new(plan.time()),
            processors: Processors::default(),
            watch: StopRuleWatch::new(plan.stop_rules.clone(), plan.kind()),
            end: None,
            without_connection: Duration::ZERO,
        }
    }

    /// Collects until all workers have finished.
    pub(crate) async fn collect(&mut self, finished: impl Future<Output = ()>) {
        let outages = Outages::new(Arc::clone(&self.board), self.timer.clone(), self.from);
        self.collect_beside(&outages, finished).await;
        self.without_connection = outages.end();
    }

    async fn collect_beside(&mut self, outages: &Outages, finished: impl Future<Output = ()>) {
        let mut finished = pin!(finished);
        let mut lost = pin!(outages.last_for(patience(self.grace)));
        let board = Arc::clone(&self.board);
        let mut all_sent = pin!(board.all_sent.cancelled());
        let (mut is_sending, mut second) = (true, 0);
        loop {
            // The processor times are counted from the same moment as recorded time.
            let after = if second == 0 { Duration::ZERO } else { AFTER };
            let over = self.timer.sleep_until(self.from + Duration::from_secs(second) + after);
            tokio::select! {
                biased;
                () = &mut finished => return,
                () = &mut lost, if self.end.is_none() => {
                    outages.end();
                    self.end = Some(RunEnd::Unreachable);
                    self.board.stop(self.now());
                    self.board.ended.cancel();
                    return finished.await;
                }
                () = &mut all_sent, if is_sending => {
                    is_sending = false;
                    outages.end();
                    self.processors.read(&self.board, self.timer.now());
                }
                _ = over => {
                    self.look(second);
                    second += 1;
                    if is_sending {
                        self.processors.read(&self.board, self.timer.now());
                    }
                }
            }
        }
    }

    /// Collects the rest; `end` is when the run ended.
    pub(crate) fn finish(mut self, end: Moment) -> CollectedRun {
        let recorded = Duration::from_nanos(end.as_nanos()).saturating_sub(self.warm_up);
        // A second that has only just begun counts only if something was recorded in it.
        let seconds =
            u64::try_from(recorded.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u64::MAX);
        self.take();
        let seconds = seconds.max(self.open.keys().last().map_or(0, |last| last + 1));
        self.complete(seconds);
        let Self { so_far, series, processors, end, without_connection, .. } = self;
        let intervals = series.finish(recorded);
        CollectedRun { figures: so_far, intervals, processors, end, without_connection }
    }

    fn now(&self) -> Moment {
        Moment::since(self.start, self.timer.now())
    }

    /// Takes what was closed, when the given number of seconds are over.
    fn look(&mut self, over: u64) {
        // Whatever is closed later belongs to a later second.
        let complete = self.board.open_second().min(over);
        self.take();
        self.complete(complete);
    }

    fn take(&mut self) {
        let Self { board, open, spare, .. } = self;
        board.take_closed(|second| {
            let empty = || spare.take().unwrap_or_default();
            open.entry(second.number).or_insert_with(empty).merge(&second.figures);
        });
    }

    /// Completes the seconds up to this one: nothing more is recorded in them.
    fn complete(&mut self, complete: u64) {
        while self.next < complete {
            let recorded = self.open.remove(&self.next).or_else(|| self.spare.take());
            let mut figures = recorded.unwrap_or_default();
            self.next += 1;
            self.second(&figures);
            figures.clear();
            self.spare = Some(figures);
        }
    }

    fn second(&mut self, figures: &Figures) {
        let elapsed = Duration::from_secs(self.next);
        let until = (Moment::START + self.warm_up + elapsed).min(self.board.over());
        let due = self.due.until(until);
        let due = due.unwrap_or(figures.counts.sent);
        self.in_flight =
            (self.in_flight + figures.counts.sent).saturating_sub(figures.counts.ended());
        self.so_far.merge(figures);
        self.series.push(figures, due, self.in_flight);
        self.observer.second(&Live {
            elapsed,
            second: figures,
            so_far: &self.so_far,
            due,
            in_flight: self.in_flight,
            connections: self.board.connections(),
        });
        let at = Moment::START + elapsed;
        // Once all calls are sent there is nothing left to end.
        let Board { stopped, all_sent, .. } = &*self.board;
        let is_sending = !stopped.is_cancelled() && !all_sent.is_cancelled();
        let stopped = self.watch.second(figures, at).filter(|_| is_sending);
        if let (None, Some(stopped)) = (&self.end, stopped) {
            self.end = Some(RunEnd::StopRule(stopped));
            self.board.stop(self.now());
        }
    }
}
