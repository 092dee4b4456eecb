//! Calls that were not sent for reasons other than the client, and what would help. Pure.

use std::fmt;
use std::time::Duration;

use longsync_text::{counted, duration, grouped};

use crate::distribution::Distribution;
use crate::figures::Figures;
use crate::interval::Interval;
use crate::moment::whole_nanos;
use crate::not_sent::NotSentReason;
use crate::share::Share;

/// What limits how many calls are in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InFlightLimits {
    /// How many calls the plan allows in flight.
    pub max_in_flight: u64,
    /// How many connections there are.
    pub connections: u64,
    /// How many streams the server allows per connection, if it has told the client.
    pub streams_per_connection: Option<u64>,
}

/// Calls that were due and not sent for one reason, which is due to the plan or the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBack {
    /// Why; never [`NotSentReason::Late`], which is part of the [`Verdict`](crate::Verdict).
    pub why: NotSentReason,
    /// How many, among all that were due.
    pub calls: Share,
    /// How many calls would be in flight if none were held back; [`None`] if no call ended.
    pub needed: Option<NeededInFlight>,
    limits: InFlightLimits,
    lost: u64,
    refused: u64,
}

/// The period with the highest rate of calls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusiestPeriod {
    /// How many were due in it.
    pub due: u64,
    /// How long it was.
    pub time: Duration,
}

impl BusiestPeriod {
    /// The busiest of a run's intervals. Intervals shorter than the first, such as the last one, are ignored.
    /// [`None`] without intervals.
    pub fn of(intervals: &[Interval]) -> Option<Self> {
        let length = intervals.first()?.length;
        let whole = intervals.iter().filter(|interval| interval.length == length);
        let due = whole.map(|interval| interval.due).max()?;
        Some(Self { due, time: length })
    }
}

/// How many calls would be in flight if each took as long as the longest did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeededInFlight {
    /// How many.
    pub calls: u64,
    /// The longest service time of calls that ended, good or failed.
    pub longest: Duration,
}

impl NeededInFlight {
    /// Little's law, with the longest service time: a percentile of the calls that were sent would hide a
    /// stall in which most calls were held back. One more is added, because another call is due when the
    /// first of them ends.
    ///
    /// [`None`] if no call ended, or if the period has no length.
    pub fn of(figures: &Figures, busiest: BusiestPeriod) -> Option<Self> {
        let [good, failed] =
            [&figures.service_time, &figures.failed_service_time].map(Distribution::longest);
        let longest = good.max(failed)?;
        let in_flight = u128::from(busiest.due) * u128::from(whole_nanos(longest));
        let calls = in_flight.checked_div(whole_nanos(busiest.time).into())?;
        Some(Self { calls: u64::try_from(calls).unwrap_or(u64::MAX).saturating_add(1), longest })
    }
}

impl HeldBack {
    /// All calls that were held back, by reason. The number needed is that of the busiest period.
    pub fn all(
        figures: &Figures,
        busiest: Option<BusiestPeriod>,
        limits: InFlightLimits,
    ) -> Vec<Self> {
        let needed = busiest.and_then(|busiest| NeededInFlight::of(figures, busiest));
        let counts = &figures.counts;
        let reasons = counts.not_sent.by_reason();
        let theirs = reasons.filter(|(why, count)| *why != NotSentReason::Late && *count > 0);
        let held_back = |(why, count)| {
            let calls = Share::of(count, counts.due())?;
            let (lost, refused) = (counts.connections_lost, counts.connections_refused);
            Some(Self { why, calls, needed, limits, lost, refused })
        };
        theirs.filter_map(held_back).collect()
    }

    fn in_flight_limit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.limits.max_in_flight;
        write!(f, "the limit of {} in flight was reached", counted_calls(most))?;
        match self.needed.filter(|it| it.calls > most) {
            Some(NeededInFlight { calls, longest }) => write!(
                f,
                ": while calls take {}, as the longest did, {} are in flight at the highest rate of this run; give --max-in-flight \
                 {calls} or more",
                duration::rounded(longest),
                grouped(calls)
            ),
            None => f.write_str("; give a higher --max-in-flight"),
        }
    }

    fn stream_limit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connections = self.limits.connections;
        f.write_str("the server allows no more streams ")?;
        match connections {
            1 => f.write_str("on 1 connection")?,
            _ => write!(f, "on {} connections", grouped(connections))?,
        }
        let streams = self.limits.streams_per_connection.filter(|it| *it > 0);
        let needed = self.needed.zip(streams).map(|(it, streams)| it.calls.div_ceil(streams));
        match needed.filter(|needed| *needed > connections) {
            Some(needed) => {
                write!(f, "; give --connections {needed} or more, or --connections auto")
            }
            None => f.write_str("; give more --connections, or --connections auto"),
        }
    }
}

fn counted_calls(calls: u64) -> String {
    usize::try_from(calls)
        .map_or_else(|_| format!("{} calls", grouped(calls)), |it| counted(it, "call"))
}

impl fmt::Display for HeldBack {
    /// One sentence: how many, why, and what would help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the calls due were not sent because ", self.calls)?;
        match self.why {
            NotSentReason::InFlightLimit => self.in_flight_limit(f)?,
            NotSentReason::StreamLimit => self.stream_limit(f)?,
            NotSentReason::NoConnection => write!(
                f,
                "no connection was open (connections lost: {}, attempts that failed: {}): look at the server and at \
                 what is in front of it",
                grouped(self.lost),
                grouped(self.refused)
            )?,
            NotSentReason::Blocked => f.write_str(
                "connections took no bytes until sending was over: the server, or what is in front of it, does not read \
                 fast enough",
            )?,
            NotSentReason::Late => f.write_str("the client did not get to them in time")?,
        }
        f.write_str(".")
    }
}

#[cfg(test)]
mod tests;
