//! Descriptions of a race in words, the same in the terminal, in the picture and in JSON. Pure.

use longsync_text::duration::text;

use crate::figures::{length, rounded};
use crate::race::delays::RaceDelays;
use crate::race::faults::RaceFaults;
use crate::race::outcome::{CallEnd, FaultHits, Race, ServerView, WayRun};
use crate::race::plan::{Protocol, ThreadConnections};
use crate::race::way::Way;
use longsync_text::said::printable;
use longsync_text::{counted, grouped};

/// The headline: the calls and their delays.
pub(super) fn headline(race: &Race) -> String {
    let count = race.plan.calls.get();
    let calls = counted(count, "call");
    let each = match &race.plan.delays {
        RaceDelays::Constant(delay) if count == 1 => format!("{calls} of {}", text(*delay)),
        RaceDelays::Constant(delay) => format!("{calls} of {} each", text(*delay)),
        RaceDelays::Jittered(mean) => {
            format!("{calls} of {} to {}", text(*mean / 2), text(*mean + *mean / 2))
        }
        RaceDelays::Drawn { behavior, seed: Some(seed) } => {
            format!("{calls} of {behavior}, seed {seed}")
        }
        RaceDelays::Drawn { behavior, seed: None } => format!("{calls} of {behavior}"),
    };
    let it = if count == 1 { "it" } else { "each" };
    match &race.plan.cancel_after {
        Some(after) => format!("{each}, to be cancelled {after} after {it} was sent"),
        None => each,
    }
}

/// The server that is called, and the protocol.
pub(super) fn server(race: &Race) -> String {
    let inside = "a server started inside this process";
    let place = match (&race.plan.target, &race.target) {
        (Some(target), _) => target.to_string(),
        (None, Some(target)) => format!("{inside}, {target}"),
        (None, None) => inside.to_owned(),
    };
    let how = match race.plan.protocol {
        Protocol::Grpc => String::new(),
        Protocol::Http => {
            format!(", as GET {} over HTTP/1.1, one connection per call", longsync::HTTP_PATH)
        }
    };
    format!("to {place}{how}")
}

/// How a way makes its calls, with its own figures.
pub(super) fn describe(race: &Race, run: &WayRun) -> String {
    if run.is_skipped() {
        return "skipped".to_owned();
    }
    let connections = counted(run.connections, "connection");
    match run.way {
        Way::Sequential => format!("one call after another, on {connections}"),
        Way::Threads => {
            let threads = counted(run.threads, "thread");
            let whose = match (race.plan.protocol, race.plan.thread_connections) {
                (Protocol::Grpc, ThreadConnections::Own) => ", one per thread",
                _ => "",
            };
            format!("each call on a thread of its own, {threads} over {connections}{whose}")
        }
        Way::Tasks => format!("each call an async task, all on one thread, over {connections}"),
        Way::Exchange => {
            let messages = counted(run.rows.len(), "message");
            let streams = counted(run.streams, "bidirectional stream");
            let bound = if run.streams > 1 { " of at most 1,000 each" } else { "" };
            format!("{messages} inside {streams}{bound}, over {connections}")
        }
    }
}

/// The notes about a way, with control characters escaped.
pub(super) fn printable_notes(race: &Race, run: &WayRun) -> Vec<String> {
    notes(race, run).iter().map(|note| printable(note).into_owned()).collect()
}

/// The notes about a way, with a server's messages unchanged.
pub(super) fn notes(race: &Race, run: &WayRun) -> Vec<String> {
    let mut notes: Vec<_> = run.trouble.clone().into_iter().collect();
    if run.is_skipped() {
        return notes;
    }
    notes.extend(run.faults().into_iter().flat_map(planned));
    notes.extend(failed(race, run));
    notes.extend(retried(run));
    notes.extend(projection(race, run));
    if run.unfinished() > 0 {
        let unfinished = counted(run.unfinished(), "call");
        notes.push(if race.is_interrupted {
            format!("{unfinished} not answered when the race was ended")
        } else {
            format!("{unfinished} not made")
        });
    }
    notes.extend(sending(race, run));
    notes.extend(cancellation(race, run));
    notes
}

/// The notes about the calls that a planned fault hit.
fn planned(FaultHits { clause, failed, answered }: FaultHits<'_>) -> impl Iterator<Item = String> {
    let failed =
        (failed > 0).then(|| format!("{} failed, as planned by {clause}", counted(failed, "call")));
    let answered = (answered > 0).then(|| {
        let were = if answered == 1 { "was" } else { "were" };
        format!("{clause} hit {}, which {were} answered", counted(answered, "call"))
    });
    failed.into_iter().chain(answered)
}

/// The note about calls that failed for any other reason.
fn failed(race: &Race, run: &WayRun) -> Option<String> {
    let otherwise = || run.rows.iter().filter(|row| !row.has_failed_as_planned());
    let (status, message) = otherwise().find_map(|row| match &row.end {
        CallEnd::Failed { status, message, .. } => Some((status, message)),
        _ => None,
    })?;
    let count = run.failed_otherwise();
    let other = if run.failed_as_planned() > 0 { "other " } else { "" };
    let failed = format!("{} failed", counted(count, &format!("{other}call")));
    let said = with_first(&failed, count, &named(status, message));
    Some(match race.plan.delays.faults().and_then(excuse) {
        Some(excuse) => format!("{said} ({excuse})"),
        None => said,
    })
}

/// Why calls may have failed as planned although nothing says that they did.
fn excuse(faults: RaceFaults<'_>) -> Option<String> {
    let clauses: Vec<_> = if faults.are_known() {
        faults.of_connections().map(ToString::to_string).collect()
    } else {
        faults.silent().map(ToString::to_string).collect()
    };
    let named = match &clauses[..] {
        [] => return None,
        [clause] => format!("{clause} "),
        _ => format!("each of {} ", clauses.join(", ")),
    };
    Some(if faults.are_known() {
        format!("{named}also affects the other calls on its connection")
    } else {
        format!(
            "{named}leaves no answer that could name it: here a planned failure cannot be told from a real \
             one"
        )
    })
}

/// The note about calls that there was no time to make.
fn projection(race: &Race, run: &WayRun) -> Option<String> {
    let limit = &race.plan.sequential_max;
    let (made, projected) = (run.made(), run.projected());
    let are = match projected {
        0 => return None,
        1 => "is",
        _ => "are",
    };
    Some(if made == 0 {
        let them = if projected == 1 { "it" } else { "the first" };
        let calls = counted(projected, "call");
        format!(
            "no call was made, because {them} would not end in time: {calls} {are} projected from the \
             planned delays alone (--sequential-max {limit})"
        )
    } else {
        let others = if projected == 1 { "the other" } else { "the others" };
        let measured = rounded(run.measured());
        let calls = counted(made, "call");
        format!(
            "{calls} measured, in {measured}; {others} {are} projected (--sequential-max {limit})"
        )
    })
}

/// Why tasks are sent more slowly than messages of an exchange, if it shows in the figures.
fn sending(race: &Race, run: &WayRun) -> Option<String> {
    /// With fewer calls, the difference may be due to chance.
    const LEAST_CALLS: usize = 1_000;
    /// How many times as long sending tasks must take.
    const CLEARLY: u32 = 2;
    /// Sending must take at least this fraction of the way's time, as a divisor.
    const SEEN: u32 = 100;
    let exchange = race.runs.iter().find(|run| run.way == Way::Exchange)?;
    let last = |run: &WayRun| run.rows.iter().filter_map(|row| row.sent).max();
    let (task, message) = (last(run)?, last(exchange)?);
    let is_seen = run.way == Way::Tasks
        && run.rows.len() >= LEAST_CALLS
        && task >= message.saturating_mul(CLEARLY)
        && task.saturating_mul(SEEN) >= run.wall;
    is_seen.then(|| {
        format!(
            "the last call was sent after {}, the last message of the exchange after {}: each call \
             opens a stream of its own, with headers and with state at both ends; a message is a \
             few bytes inside one",
            rounded(task),
            rounded(message)
        )
    })
}

/// What happened to this many, with the reason of the first of them.
pub(super) fn with_first(what: &str, count: usize, first: &str) -> String {
    if count == 1 { format!("{what}: {first}") } else { format!("{what}; the first: {first}") }
}

/// A status by its name, with its message.
pub(super) fn named(status: &str, message: &str) -> String {
    if message.is_empty() { status.to_owned() } else { format!("{status}: {message}") }
}

/// The note about calls that the server refused without processing them.
fn retried(run: &WayRun) -> Option<String> {
    let refusal = run.refusal.as_deref()?;
    let noun = if run.way == Way::Exchange { "stream" } else { "call" };
    let what = counted(run.retried, noun);
    let (verb, them) = if run.retried == 1 { ("was", "it") } else { ("were", "them") };
    Some(format!(
        "{what} {verb} refused before the server processed {them} ({refusal}), and sent again on another \
         connection"
    ))
}

/// The note about a way's cancelled calls.
fn cancellation(race: &Race, run: &WayRun) -> Option<String> {
    let after = race.plan.cancel_after.as_ref()?;
    if run.made() == 0 {
        return None;
    }
    if run.left_nothing_to_cancel(after.value()) {
        return Some(format!("nothing was left to cancel after {after}: every call had ended"));
    }
    if run.way == Way::Threads {
        return Some(
            "a thread cannot be stopped from outside while it waits: each waited for its answer"
                .to_owned(),
        );
    }
    let cancelled = counted(run.cancelled(), "call");
    // The wall time of sequential calls is that of all of them, not of one.
    let in_turn =
        if run.way == Way::Sequential && run.cancelled() > 1 { ", each in turn" } else { "" };
    let hangs = race.plan.delays.faults().is_some_and(|faults| faults.hang().is_some());
    Some(match run.server {
        None => {
            format!("{cancelled} cancelled{in_turn}; the server does not report what it noticed")
        }
        Some(view) if hangs && view.cancelled == 0 => {
            format!("{cancelled} cancelled{in_turn}; the server counts calls that hang apart")
        }
        Some(view) => {
            let apart = if hangs { " (it counts calls that hang apart)" } else { "" };
            format!("{cancelled} cancelled{in_turn}; the server {}{apart}", noticed(run, view))
        }
    })
}

/// What the server noticed of the cancelled calls.
fn noticed(run: &WayRun, view: ServerView) -> String {
    let (noun, ours) = match run.way {
        Way::Exchange => ("stream", run.streams),
        _ => ("call", run.cancelled()),
    };
    let number = length(view.cancelled);
    let what = if number > ours {
        format!("noticed {} end, including those of other clients", counted(number, noun))
    } else if noun == "stream" && number > 0 {
        format!("noticed {} end", counted(number, noun))
    } else {
        match (number, run.cancelled()) {
            (0, 1) => "did not notice its end".to_owned(),
            (0, _) => "noticed none of them end".to_owned(),
            (_, 1) => "noticed its end".to_owned(),
            (_, _) => format!("noticed {} of them end", grouped(view.cancelled)),
        }
    };
    let average = if number == 1 { "" } else { "on average " };
    let after = |mean| format!(", {average}after {}", rounded(mean));
    let p99 = |p99| format!(", p99 {}", rounded(p99));
    let mean = view.cancelled_after_mean.map(after).unwrap_or_default();
    let p99 = view.cancelled_after_p99.filter(|_| number > 1).map(p99).unwrap_or_default();
    format!("{what}{mean}{p99}")
}

/// A speed-up, as a factor.
pub(super) fn times(speed_up: f64) -> String {
    match speed_up {
        small if small < 9.95 => format!("{small:.2}x"),
        middle if middle < 99.5 => format!("{middle:.1}x"),
        large => format!("{large:.0}x"),
    }
}

/// The wall time of a way, marked with `~` if part of it is projected.
pub(super) fn wall(run: &WayRun) -> String {
    let mark = if run.projected() > 0 { "~" } else { "" };
    format!("{mark}{}", rounded(run.wall))
}
