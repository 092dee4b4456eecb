//! The forecast of a race's cost, made before it runs. Pure, apart from reading the limits of the system.

use std::fmt::Write as _;
use std::time::Duration;

use longsync_server::Limits;
use longsync_text::counted;
use longsync_text::duration::{rounded_to, text};

use crate::chart::theme::{BOLD, FAINT};
use crate::figures::{bytes, length};
use crate::race::delays::RaceDelays;
use crate::race::needs::{needs, open_at_once};
use crate::race::plan::{Protocol, RacePlan};
use crate::race::projection::{Expected, fits};
use crate::race::room::{self, SystemLimit};
use crate::race::way::Way;
use crate::wrap::{hanging, paragraph};

/// The number of calls from which a forecast is worth printing.
const MANY_CALLS: usize = 10_000;
/// The number of calls from which a skipped way is worth printing: fewer calls end before anyone has read it.
const SOME_CALLS: usize = 100;
/// The duration from which a forecast is worth printing.
const LONG: Duration = Duration::from_secs(30);

/// The rough cost of a call or a connection, as measured on a virtual machine with two cores.
#[derive(Debug, Clone, Copy)]
struct Price {
    /// For a connection, until it is open; for a call, from its start to its answer, without its delay.
    time: Duration,
    memory_bytes: u64,
}

/// The expected cost of a race.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forecast {
    /// The number of calls that each way makes.
    pub calls: usize,
    /// The ways, in the order in which they will run.
    pub ways: Vec<WayForecast>,
    /// How much more memory this process may use, if the system reports it.
    pub free_memory_bytes: Option<u64>,
}

/// The expected cost of a way. Its time and memory are estimates, which may be off by a factor on other
/// machines; its connections and its misfit follow from the rules by which it will run, as far as they are
/// known before it is connected to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WayForecast {
    /// The way.
    pub way: Way,
    /// The time from its start to its end.
    pub time: Duration,
    /// The time that it would take if all of its calls were made, if some are projected instead; all of them
    /// are if `time` is zero.
    pub projected: Option<Duration>,
    /// The memory that it adds to the process.
    pub memory_bytes: u64,
    /// The most connections that it opens; [`None`] if that depends on how many calls it has time to make, or
    /// on a server not connected to yet.
    pub connections: Option<usize>,
    /// Why it will be skipped, if that is certain. A server which is not connected to yet may allow so few
    /// streams per connection that a way needs more files than this process may open: then the way is skipped
    /// although this is [`None`].
    pub misfit: Option<String>,
}

impl Forecast {
    /// The forecast of this race, by the limits that this process has now.
    pub fn of(plan: &RacePlan) -> Self {
        Self::within(plan, &room::limits(), room::free_memory_bytes())
    }

    fn within(plan: &RacePlan, limits: &[SystemLimit], free_memory_bytes: Option<u64>) -> Self {
        let ways = plan.ways.iter().map(|way| WayForecast::of(*way, plan, limits)).collect();
        Self { calls: plan.calls.get(), ways, free_memory_bytes }
    }

    /// Whether it is worth printing before the race: there are many calls, they take long, or a way will be
    /// skipped.
    pub fn is_worth_saying(&self) -> bool {
        self.calls >= MANY_CALLS
            || self.time() >= LONG
            || (self.calls >= SOME_CALLS && self.ways.iter().any(|way| way.misfit.is_some()))
    }

    /// How long the race will take.
    fn time(&self) -> Duration {
        self.run().map(|way| way.time).fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The ways that will not be skipped.
    fn run(&self) -> impl Iterator<Item = &WayForecast> {
        self.ways.iter().filter(|way| way.misfit.is_none())
    }

    /// The forecast as text with ANSI colors, for a terminal with the given number of columns.
    pub fn to_text(&self, columns: usize) -> String {
        let (calls, time) = (counted(self.calls, "call"), about(self.time()));
        let most = self.run().map(|way| way.memory_bytes).max().unwrap_or_default();
        let free = match self.free_memory_bytes {
            Some(free) if free < most => {
                format!(", but only {} are free: the system may end this process", bytes(free))
            }
            _ => String::new(),
        };
        let memory = bytes(most);
        let mut said = paragraph(
            &format!("{calls} per way: about {time} in total, and about {memory} of memory{free}"),
            columns,
            BOLD,
        );
        for way in &self.ways {
            let line = format!("{}: {}", way.way, way.words());
            for line in hanging(&line, columns, 2) {
                let _ = writeln!(said, "{FAINT}{line}{FAINT:#}");
            }
        }
        said
    }
}

impl WayForecast {
    fn of(way: Way, plan: &RacePlan, limits: &[SystemLimit]) -> Self {
        let calls = plan.calls.get();
        // A remote server has its own limit.
        let streams = plan.target.is_none().then(|| length(Limits::default().max_streams.into()));
        let at_once = |streams| open_at_once(way, plan, streams);
        let (one_each, all_on_one) = (at_once(1), at_once(usize::MAX));
        let one_by_one = one_by_one(plan);
        let (expected, most) = (Expected::of(plan), plan.sequential_max.value());
        let makes_none = !fits(0, expected, Duration::ZERO, most);
        let is_projected = way == Way::Sequential && (makes_none || one_by_one > most);
        let open = streams.map(at_once).or_else(|| (one_each == all_on_one).then_some(all_on_one));
        let connections = match way {
            // One after another: each call over HTTP has a connection of its own.
            Way::Sequential if plan.protocol == Protocol::Http => (!is_projected).then_some(calls),
            _ => open,
        };
        let is_inside = plan.target.is_none();
        let (call, connection) =
            (price_of_call(way, is_inside), price_of_connection(plan.protocol, is_inside));
        // An unknown number of connections is small compared to the number of calls on them.
        let open = open.unwrap_or(1);
        let time = match way {
            Way::Sequential if makes_none => Duration::ZERO,
            Way::Sequential if is_projected => made_one_by_one(plan).max(expected.call(0)),
            Way::Sequential => one_by_one,
            Way::Threads | Way::Tasks | Way::Exchange => longest(way, plan)
                .saturating_add(times(call.time, calls))
                .saturating_add(times(connection.time, open)),
        };
        Self {
            way,
            time,
            projected: is_projected.then_some(one_by_one),
            memory_bytes: call.memory_bytes * calls as u64 + connection.memory_bytes * open as u64,
            connections,
            misfit: needs(way, plan, streams.unwrap_or(usize::MAX)).misfit(limits),
        }
    }

    fn words(&self) -> String {
        if let Some(misfit) = &self.misfit {
            return format!("will be skipped: {misfit}");
        }
        let time = about(self.time);
        let mut words = if let Some(whole) = self.projected {
            let whole = about(whole);
            if self.time.is_zero() {
                format!("no call, because none would end in time; all are projected ({whole})")
            } else {
                format!("{time}, and the rest is projected (all calls would take {whole})")
            }
        } else {
            format!("about {time}, about {} of memory", bytes(self.memory_bytes))
        };
        if let Some(connections) = self.connections {
            let bound = if connections > 1 { "at most " } else { "" };
            let _ = write!(words, ", {bound}{}", counted(connections, "connection"));
        }
        words
    }
}

/// The cost of a call, without its connection; with the server's memory too, if it is in this process.
fn price_of_call(way: Way, is_server_inside: bool) -> Price {
    let (micros, client, server) = match way {
        // The row of each call.
        Way::Sequential => (0, 80, 0),
        Way::Threads => (100, 30_000, 1_500),
        Way::Tasks => (20, 4_500, 1_500),
        Way::Exchange => (3, 200, 150),
    };
    let memory_bytes = if is_server_inside { client + server } else { client };
    Price { time: Duration::from_micros(micros), memory_bytes }
}

/// The cost of a connection, without its calls.
fn price_of_connection(protocol: Protocol, is_server_inside: bool) -> Price {
    let one_end = match protocol {
        Protocol::Grpc => 34_000,
        Protocol::Http => 18_000,
    };
    let memory_bytes = if is_server_inside { 2 * one_end } else { one_end };
    Price { time: Duration::from_micros(100), memory_bytes }
}

fn times(time: Duration, count: usize) -> Duration {
    time.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The time that all calls take one after another.
fn one_by_one(plan: &RacePlan) -> Duration {
    times(mean(plan), plan.calls.get())
}

/// The time that sequential calls take, if only those that end within the limit are made.
fn made_one_by_one(plan: &RacePlan) -> Duration {
    let (mean, most) = (mean(plan), plan.sequential_max.value());
    let rest = most.as_nanos().checked_rem(mean.as_nanos()).unwrap_or_default();
    most.saturating_sub(Duration::from_nanos(u64::try_from(rest).unwrap_or(u64::MAX)))
}

/// The mean time of a sequential call, which can be cancelled.
fn mean(plan: &RacePlan) -> Duration {
    let mean = plan.delays.mean();
    plan.most_time(Way::Sequential).map_or(mean, |most| mean.min(most))
}

/// The time of a way's longest call. For drawn delays, it is the delay that one call of all is expected to
/// exceed.
fn longest(way: Way, plan: &RacePlan) -> Duration {
    let longest = match &plan.delays {
        RaceDelays::Drawn { behavior, .. } => {
            behavior.delays(1).quantile(1.0 - 1.0 / as_float(plan.calls.get()))
        }
        delays @ (RaceDelays::Constant(_) | RaceDelays::Jittered(_)) => delays.longest(),
    };
    plan.most_time(way).map_or(longest, |most| longest.min(most))
}

#[expect(clippy::cast_precision_loss, reason = "there are at most a million calls")]
fn as_float(calls: usize) -> f64 {
    calls as f64
}

/// An estimated time: to two digits, from two minutes on to the minute, and from two hours on to the hour.
fn about(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    let whole = |unit: u64| {
        let count = (time.as_secs() + unit / 2) / unit;
        text(Duration::from_secs(count.saturating_mul(unit)))
    };
    match time.as_secs() {
        hours if hours >= 2 * HOUR => whole(HOUR),
        minutes if minutes >= 2 * MINUTE => whole(MINUTE),
        _ => rounded_to(time, 2),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::race::builder::RacePlanBuilder;

    fn plan(calls: usize, delay_ms: u64) -> RacePlanBuilder {
        RacePlan::builder(calls, RaceDelays::Constant(Duration::from_millis(delay_ms)))
    }

    fn within(plan: RacePlanBuilder, limits: &[SystemLimit], free: Option<u64>) -> Forecast {
        Forecast::within(&plan.build().unwrap(), limits, free)
    }

    fn plain(forecast: &Forecast, columns: usize) -> String {
        anstream::adapter::strip_str(&forecast.to_text(columns)).to_string()
    }

    fn thousand_maps() -> Vec<SystemLimit> {
        vec![room::tests::maps(1_000)]
    }

    #[test]
    fn the_forecast_of_a_million_calls() {
        let forecast = within(plan(1_000_000, 500), &thousand_maps(), Some(1 << 30));
        assert!(forecast.is_worth_saying());
        insta::assert_snapshot!("million_80", plain(&forecast, 80));
        insta::assert_snapshot!("million_40", plain(&forecast, 40));
        let target = "http://127.0.0.1:9000".parse().unwrap();
        let elsewhere = plan(20_000, 2_000).target(target).cancel_after(Duration::from_millis(50));
        insta::assert_snapshot!("elsewhere_80", plain(&within(elsewhere, &[], None), 80));
        let http = plan(20_000, 1_000).protocol(Protocol::Http);
        insta::assert_snapshot!("http_80", plain(&within(http, &[], None), 80));
    }

    #[test]
    fn a_short_race_needs_no_forecast() {
        let is_said = |plan, limits: &[SystemLimit]| within(plan, limits, None).is_worth_saying();
        assert!(!is_said(plan(8, 500), &[]));
        assert!(!is_said(plan(1_000, 1_000), &[]));
        assert!(is_said(plan(MANY_CALLS, 0), &[]));
        assert!(is_said(plan(1, 40_000), &[]));
        assert!(is_said(plan(251, 1), &thousand_maps()));
    }

    #[test]
    fn threads_are_skipped_if_one_of_their_four_memory_maps_is_missing() {
        let skipped = |free| -> Vec<_> {
            let forecast = within(plan(1_000, 1), &[room::tests::maps(free)], None);
            let ways = forecast.ways.into_iter().filter(|way| way.misfit.is_some());
            ways.map(|way| way.way).collect()
        };
        assert_eq!(skipped(4 * 1_000 - 1), [Way::Threads]);
        assert_eq!(skipped(4 * 1_000), []);
    }

    #[test]
    fn connections_are_forecast_only_if_their_number_is_known() {
        let known = |plan: RacePlanBuilder| -> Vec<_> {
            within(plan, &[], None).ways.iter().map(|way| way.connections).collect()
        };
        let target = || "http://127.0.0.1:9000".parse().unwrap();
        assert_eq!(known(plan(20_000, 1)), [Some(1), Some(2), Some(2), Some(1)]);
        assert_eq!(known(plan(20_000, 1).target(target())), [Some(1), None, None, None]);
        let http = |delay_ms| plan(1_000, delay_ms).protocol(Protocol::Http);
        assert_eq!(known(http(1)), [Some(1_000); 3]);
        // How many of the sequential calls there is time for is not known.
        assert_eq!(known(http(1_000)), [None, Some(1_000), Some(1_000)]);
        assert_eq!(known(http(1).target(target())), [Some(1_000); 3]);
    }

    #[test]
    fn a_way_without_time_for_a_call_is_forecast_to_make_none() {
        let long = |delays| RacePlan::builder(3, delays).ways([Way::Sequential]);
        let two_hours = Duration::from_secs(7_200);
        let forecast = within(long(RaceDelays::Constant(two_hours)), &[], None);
        let words = "sequential: no call, because none would end in time; all are projected (6h), 1 connection";
        assert!(plain(&forecast, 120).contains(words), "{}", plain(&forecast, 120));
        // The first jittered call takes 1.12 of the mean.
        let mean = Duration::from_millis(9_500);
        let forecast = within(long(RaceDelays::Jittered(mean)), &[], None);
        assert_eq!(forecast.ways[0].time, Duration::ZERO);
        let one = within(long(RaceDelays::Constant(mean)), &[], None);
        assert_eq!(one.ways[0].time, mean);
    }

    #[test]
    fn estimates_are_rounded_and_have_readable_units() {
        for (millis, shown) in
            [(0, "0s"), (1_234, "1.2s"), (99_400, "99s"), (125_000, "2m"), (500_000_000, "139h")]
        {
            assert_eq!(about(Duration::from_millis(millis)), shown);
        }
    }

    proptest! {
        /// Every way has a line; threads are forecast to be skipped if and only if there are fewer than four
        /// free memory maps per call, and no other way is; no line is wider than the terminal.
        #[test]
        fn the_forecast_follows_the_rules_of_the_race(
            calls in 1_usize..=1_000_000,
            delay in 0_u64..10_000_000,
            columns in 40_usize..200,
            maps in 0_u64..5_000_000,
        ) {
            let plan = plan(calls, delay).build().unwrap();
            let forecast = Forecast::within(&plan, &[room::tests::maps(maps)], None);
            let skipped = calls as u64 * 4 > maps;
            for (way, foretold) in plan.ways.iter().zip(&forecast.ways) {
                prop_assert_eq!(*way, foretold.way);
                prop_assert_eq!(foretold.misfit.is_some(), skipped && *way == Way::Threads);
            }
            let text = plain(&forecast, columns);
            prop_assert!(text.lines().all(|line| line.chars().count() <= columns), "{}", text);
        }
    }
}
