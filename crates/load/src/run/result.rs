//! Merges the results of a run's workers and its collector.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use longsync_stats::{Figures, Interval, Loop, Moment, NotSentReason, Succession, TextCounts};

use crate::board::Board;
use crate::collector::CollectedRun;
use crate::control::Control;
use crate::load::{Load, RunEnd};
use crate::plan::LoadPlan;
use crate::records::WorkerResult;
use crate::sample::CallSample;

/// The merged results of all workers.
pub(super) struct WorkerResults {
    texts: TextCounts,
    succession: Succession,
    warm_up: u64,
    servers: BTreeSet<String>,
    sample: CallSample,
    last_done: Moment,
    /// When anything about its calls last became known.
    pub(super) last_known: Moment,
    lost_workers: usize,
    /// Why calls were not sent that no worker has counted, if there are any.
    left: Option<NotSentReason>,
}

impl WorkerResults {
    pub(super) fn of<M>(plan: &LoadPlan<M>, all: Vec<WorkerResult>) -> Self {
        let mut results = Self {
            texts: TextCounts::default(),
            succession: Succession::default(),
            warm_up: 0,
            servers: BTreeSet::new(),
            sample: CallSample::new(plan.sample, plan.seed),
            last_done: Moment::START,
            last_known: Moment::START,
            lost_workers: 0,
            left: None,
        };
        for finished in all {
            results.texts.merge(&finished.texts);
            results.succession.merge(&finished.succession);
            results.warm_up += finished.warm_up;
            results.servers.extend(finished.servers);
            results.sample.merge(finished.sample);
            results.last_done = results.last_done.max(finished.last_done);
            results.last_known = results.last_known.max(finished.last_known);
            results.lost_workers += usize::from(finished.has_panicked);
            // A worker that has panicked leaves calls for no other reason.
            let panicked = finished.has_panicked.then_some(NotSentReason::Late);
            let left = finished.left.or(panicked);
            results.left = match (results.left, left) {
                // Of several reasons, the one that is not the server's doing.
                (Some(one), Some(other)) if one != other => Some(NotSentReason::Late),
                (one, other) => one.or(other),
            };
        }
        results
    }
}

/// How a run began.
pub(super) struct RunStart {
    pub(super) at: SystemTime,
    pub(super) connections: usize,
    /// How many calls the connections carry at once.
    pub(super) streams: usize,
}

pub(super) fn merged<M>(
    plan: &LoadPlan<M>,
    results: WorkerResults,
    collected: CollectedRun,
    control: &Control,
    began: &RunStart,
    board: &Board,
) -> Load {
    let took = Duration::from_nanos(results.last_done.as_nanos());
    let CollectedRun { mut figures, mut intervals, processors, end, without_connection } =
        collected;
    if let Some(why) = results.left.filter(|_| plan.kind() == Loop::Open) {
        count_left(&mut figures, &mut intervals, why);
    }
    let until_last = took.saturating_sub(plan.warm_up);
    // A run that was stopped recorded no longer than until then.
    let until_stopped = Duration::from_nanos(board.over().as_nanos()).saturating_sub(plan.warm_up);
    // A closed loop may have made all its calls before its time was over.
    let planned = plan.records_for().filter(|_| !board.has_numbered_all());
    let recorded = planned.unwrap_or(until_last).min(until_stopped);
    let (workers, steal) = processors.spent().unzip();
    let end = match end {
        Some(end) => end,
        None if control.end.is_cancelled() => RunEnd::Ended,
        None if control.stop.is_cancelled() => RunEnd::Stopped,
        None if board.is_lost() => RunEnd::Unreachable,
        None => RunEnd::Complete,
    };
    Load {
        started_at: began.at,
        figures: *figures,
        intervals,
        warm_up: results.warm_up,
        texts: results.texts,
        succession: results.succession,
        recorded,
        took,
        end,
        connections: began.connections,
        streams_per_connection: began.streams.checked_div(began.connections).unwrap_or(0) as u64,
        without_connection,
        lost_workers: results.lost_workers,
        workers,
        steal: steal.flatten(),
        sample: results.sample.into_calls(),
        servers: results.servers.into_iter().collect(),
    }
}

/// Counts the calls that were due and that no worker has counted.
fn count_left(figures: &mut Figures, intervals: &mut [Interval], why: NotSentReason) {
    let due: u64 = intervals.iter().map(|interval| interval.due).sum();
    let left = due.saturating_sub(figures.counts.due());
    figures.counts.not_sent[why] += left;
    if let Some(last) = intervals.last_mut() {
        last.counts.not_sent[why] += left;
    }
}
