//! Sentences about a behavior, in addition to figures and pictures.

use longsync_behavior::explain::{DisplayShare, queue_line, stall_line};
use longsync_behavior::{FaultClause, FaultMoment};
use longsync_text::duration::text;
use longsync_text::said::quoted;

use super::curves::LawCurve;
use super::drawn::undrawn;
use super::{BehaviorReport, DelayQuery};

/// Sentences in addition to figures and pictures.
pub(super) fn sentences(report: &BehaviorReport, laws: &[(String, LawCurve<'_>)]) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(report.fitting.iter().flat_map(super::FittedData::lines));
    for (name, law) in laws {
        let of = if report.figures.len() > 1 { format!("{name}: ") } else { String::new() };
        sentences.extend(exact(law).into_iter().map(|sentence| format!("{of}{sentence}")));
    }
    sentences.extend(undrawn(report));
    let patience = report.patience.iter();
    sentences.extend(patience.flat_map(|patience| patience.lines(&report.behavior)));
    if let Some(asked) = &report.asked {
        sentences.push(drawn(asked, report));
    }
    let lines = [queue_line(&report.behavior), stall_line(&report.behavior)];
    let beside = |line| format!("{line}, which none of these figures include");
    sentences.extend(lines.into_iter().flatten().map(beside));
    sentences
}

/// Delays that a logarithmic axis or a density cannot show.
fn exact(law: &LawCurve<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    if law.zeros >= 1.0 {
        sentences.push("no call has a delay".to_owned());
    } else if law.zeros > 0.0 {
        let zeros = DisplayShare(law.zeros);
        sentences.push(format!("{zeros} of calls do not wait: a log axis cannot show 0s"));
    }
    // If the law is a single delay, its figures already show that.
    for atom in law.atoms.iter().filter(|atom| atom.share < 1.0) {
        let (share, delay) = (DisplayShare(atom.share), text(atom.delay));
        sentences.push(format!("{share} of calls wait exactly {delay}"));
    }
    sentences
}

/// The delay and the fault that the requested call draws.
fn drawn(asked: &DelayQuery, report: &BehaviorReport) -> String {
    let DelayQuery { seed, call_id, attempt, index } = asked;
    let (delay, fault) = asked.draw(&report.behavior);
    let waits = waits(&text(delay), fault, *index);
    let message = if *index > 0 { format!("message {index} of ") } else { String::new() };
    let attempt = if *attempt > 1 { format!("attempt {attempt} of ") } else { String::new() };
    format!("with seed {seed}, {message}{attempt}call {} {waits}", quoted(call_id))
}

/// How long a call or message waits, and what hits it.
fn waits(delay: &str, fault: Option<&FaultClause>, index: u64) -> String {
    let Some(fault) = fault else { return format!("waits {delay}") };
    let is_before = fault.ends_call_at(FaultMoment::Before);
    match (index, is_before, fault.at()) {
        (0, false, _) => format!("waits {delay}, and {fault} hits it"),
        (0, true, 0) => format!("does not wait: {fault} hits it at once"),
        (0, true, _) => format!(
            "does not wait: {fault} hits it at once; a stream or an exchange waits {delay} for its first answer"
        ),
        (_, false, _) => format!("waits {delay}, and in an exchange {fault} hits it"),
        (_, true, _) => {
            format!("waits {delay}, but not in an exchange, where {fault} hits it at once")
        }
    }
}
