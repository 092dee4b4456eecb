//! What was run, and its result.

use std::borrow::Cow;

use longsync_load::RunEnd;
use longsync_stats::{Distribution, Percentile};
use longsync_text::duration::text;
use longsync_text::said::printable;
use longsync_text::{counted, grouped};

use crate::figures::length;
use crate::load::report::Report;
use crate::load::settings::{Settings, WrittenArrivals, WrittenConnections};
use crate::load::words::{per_second, percent, place, time};

/// The result of the run, apart from its [`headline`].
pub(super) fn sentences(report: &Report) -> Vec<String> {
    let mut sentences = vec![outcome(report), rates(report)];
    let lag = &report.load.figures.lag;
    sentences.extend((lag.count() > 0).then(|| format!("lag: {}", three(lag))));
    sentences.extend(ending(report));
    sentences
}

/// What was run: `open loop, 1000/s for 30s, ...`.
pub(in crate::load) fn headline(report: &Report) -> String {
    let (settings, load) = (&report.settings, &report.load);
    let name = settings.name.as_deref();
    let name = name.map(|name| format!("{}: ", printable(name))).unwrap_or_default();
    let schedule = schedule(settings);
    // The duration that was asked for is shown exactly.
    let is_asked = settings.lasts == Some(load.recorded);
    let lasted = if is_asked { text(load.recorded) } else { time(load.recorded) };
    let mut connections = counted(load.connections, "connection");
    if matches!(settings.plan.connections, Some(WrittenConnections::Auto(_))) {
        connections.push_str(" at first");
    }
    let (url, seed) = (printable(&settings.url), settings.seed);
    format!("{name}{schedule} for {lasted}, {connections} to {url}, seed {seed}")
}

/// When calls were made, in the words of the plan.
fn schedule(settings: &Settings) -> String {
    let plan = &settings.plan;
    if settings.is_closed {
        let thought = plan.think.map(|think| format!(", {} to think", text(think)));
        let in_flight = match &plan.concurrency_schedule {
            Some(schedule) => printable(schedule).into_owned(),
            None => grouped(settings.max_in_flight),
        };
        return format!("closed loop, {in_flight} in flight{}", thought.unwrap_or_default());
    }
    let law = match plan.arrivals {
        Some(WrittenArrivals::AtOnce) => return "open loop, all calls due at once,".to_owned(),
        Some(WrittenArrivals::Poisson) => ", Poisson arrivals,",
        Some(WrittenArrivals::Uniform) => ", uniform arrivals,",
        Some(WrittenArrivals::Constant) | None => "",
    };
    let rate = match (&plan.rate, &plan.schedule) {
        (Some(rate), _) => with_unit(rate),
        (None, Some(schedule)) => printable(schedule),
        _ if plan.replay.is_some() => "a replay".into(),
        _ => "the rates of a file".into(),
    };
    format!("open loop, {rate}{law}")
}

/// A rate as it was typed, with the unit added if it was left out.
fn with_unit(rate: &str) -> Cow<'_, str> {
    if rate.contains('/') {
        printable(rate)
    } else {
        format!("{}/s", printable(rate.trim())).into()
    }
}

/// How many calls had a good answer, and how the others ended.
pub(in crate::load) fn outcome(report: &Report) -> String {
    let counts = &report.load.figures.counts;
    let due = counts.due();
    let what = if report.settings.is_closed { "sent" } else { "due" };
    let mut parts = vec![format!("{} good", grouped(counts.good))];
    for (count, what) in [
        (counts.failed(), "failed"),
        (counts.not_sent.total(), "not sent"),
        (counts.unfinished, "unfinished"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what} ({})", grouped(count), percent(count, due)));
        }
    }
    let all = counted(length(due), "call");
    format!("{all} {what}: {}", parts.join(", "))
}

fn rates(report: &Report) -> String {
    let (counts, time) = (&report.load.figures.counts, report.load.recorded);
    let [due, sent, good] =
        [counts.due(), counts.sent, counts.good].map(|count| per_second(count, time));
    let has_rate = report.settings.plan.arrivals != Some(WrittenArrivals::AtOnce);
    if report.settings.is_closed || !has_rate {
        format!("per second: {sent} sent, {good} good")
    } else {
        format!("per second: {due} due, {sent} sent, {good} good")
    }
}

/// The percentiles of a figure that is not in the table.
pub(super) fn three(values: &Distribution) -> String {
    let at = |percentile| values.percentile(percentile).map_or_else(|| "-".to_owned(), place);
    let [p50, p99, longest] = [Percentile::P50, Percentile::P99, Percentile::P100].map(at);
    format!("p50 {p50}, p99 {p99}, max {longest}")
}

/// Why the run ended, unless all its calls were due.
fn ending(report: &Report) -> Option<String> {
    let why = match &report.load.end {
        RunEnd::Complete if report.load.figures.counts.due() == 0 => {
            "failed: no call was due".to_owned()
        }
        RunEnd::Complete if report.has_failed() => "failed: no call was answered".to_owned(),
        RunEnd::Complete => return None,
        RunEnd::Stopped if report.settings.is_closed => {
            "stopped early: the figures are of the calls sent until then".to_owned()
        }
        RunEnd::Stopped => "stopped early: the figures are of the calls due until then".to_owned(),
        RunEnd::Ended => {
            "ended early: calls that were in flight then count as unfinished".to_owned()
        }
        RunEnd::StopRule(stopped) => format!("ended early: {stopped}"),
        RunEnd::Unreachable => {
            "failed: the server was lost, and no connection could be opened".to_owned()
        }
        _ => "ended early".to_owned(),
    };
    Some(why)
}
