//! What a reader of a report should know before trusting it.

use longsync_stats::{Figures, TransportFailure};
use longsync_text::{counted, grouped};

use super::heading::three;
use crate::figures::rounded_signed;
use crate::load::report::Report;

/// The notes of a report, as sentences.
pub(in crate::load) fn notes(report: &Report) -> Vec<String> {
    let load = &report.load;
    let figures = &load.figures;
    let mut notes = Vec::new();
    let verdict = report.verdict();
    if !verdict.is_client_bound() {
        notes.extend(verdict.sentences());
    }
    notes.extend(dependent(report));
    notes.extend(failed(figures));
    notes.extend(by_the_transport(report));
    notes.extend(below_zero(figures));
    notes.extend(other_clock(report));
    if load.warm_up > 0 {
        notes.push(format!("Warm-up: {} calls before these, not recorded.", grouped(load.warm_up)));
    }
    if load.lost_workers > 0 {
        let workers = counted(load.lost_workers, "worker");
        notes.push(format!(
            "{workers} failed and made no further calls; the calls they had recorded are included."
        ));
    }
    notes
}

/// Whether successive calls are correlated.
fn dependent(report: &Report) -> Option<String> {
    report.load.succession.is_dependent().then(|| {
        "Calls were not independent: a slow one is often followed by another, as in a queue. Their percentiles are \
         less certain than those of as many independent calls."
            .to_owned()
    })
}

/// How long failed calls took.
fn failed(figures: &Figures) -> Option<String> {
    let values = &figures.failed_service_time;
    let bound = figures.counts.lower_bounds;
    (values.count() > 0).then(|| {
        let took = format!("Failed calls took {}", three(values));
        match bound {
            0 => format!("{took}."),
            bound => format!(
                "{took}; {} of them ended DEADLINE_EXCEEDED, and would have taken longer: their times \
                 are lower bounds.",
                grouped(bound)
            ),
        }
    })
}

/// What nobody can tell from here about calls without a status. A deadline is one of them only if the server
/// was silent even then: a longsync server ends a call at its deadline itself, unless it hangs.
fn by_the_transport(report: &Report) -> Option<String> {
    let counts = &report.load.figures.counts;
    let broken: u64 = TransportFailure::ALL.iter().map(|how| counts.broken(*how)).sum();
    (broken > 0 || counts.cut > 0).then(|| {
        "Resets, lost connections and calls that were never answered carry no report of the server: here, a planned \
         one cannot be told from a real one. The server's own counters can."
            .to_owned()
    })
}

fn below_zero(figures: &Figures) -> Option<String> {
    let added = &figures.added;
    (added.below_zero() > 0).then(|| {
        format!(
            "Added is below zero for {} calls, down to {}: they were measured by two clocks.",
            grouped(added.below_zero()),
            rounded_signed(added.lowest_ns())
        )
    })
}

/// Whether long waits were measured by another machine's clock.
fn other_clock(report: &Report) -> Option<String> {
    let load = &report.load;
    let is_elsewhere = load.servers.iter().any(|server| !is_here(server));
    (is_elsewhere && load.figures.counts.long_waits > 0).then(|| {
        format!(
            "{} calls waited for over a second by another machine's clock: added is uncertain by up to 0.05 % of \
             their wait.",
            grouped(load.figures.counts.long_waits)
        )
    })
}

/// Whether this machine has that name, if the system reports its own.
fn is_here(name: &str) -> bool {
    #[cfg(unix)]
    return rustix::system::uname().nodename().to_bytes() == name.as_bytes();
    #[cfg(not(unix))]
    return name.is_empty();
}
