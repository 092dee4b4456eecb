//! One call for people: its answers, and a table of where the time went.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use longsync::v1::Timing;
use tonic::Code;

use crate::figures::{rounded, rounded_signed};
use crate::single::outcome::{ReceivedAnswer, Single, added_ns};
use crate::table::table;
use longsync_connect::status::{code_name, failure_name};
use longsync_connect::timing::plausible;
use longsync_text::counted;
use longsync_text::said::{is_invisible, shortened};

/// How much of a message is shown; JSON has all.
const MOST_CHARACTERS: usize = 2_000;

const FAILED: Style = AnsiColor::Red.on_default().bold();

/// How many answers the table shows; text needs no more of them to be kept.
pub const MOST_ROWS: usize = 20;

/// An answer as a line, printed as it comes.
pub fn answer_line(answer: &ReceivedAnswer) -> String {
    let mut line = answer.number.map(|number| format!("{number}: ")).unwrap_or_default();
    match &answer.failure {
        Some(failure) => {
            let (name, message) = (failure_name(failure.code), &failure.message);
            let _ =
                write!(line, "{FAILED}{name}{FAILED:#}: {}", shortened(message, MOST_CHARACTERS));
        }
        None => line.push_str(&shortened(&answer.message, MOST_CHARACTERS)),
    }
    if let Some(count) = answer.count {
        let _ = write!(line, " ({count} requests)");
    }
    if !answer.payload.is_empty() {
        let _ = write!(line, " {}", payload(&answer.payload));
    }
    line
}

fn payload(bytes: &[u8]) -> String {
    const MOST_SHOWN: usize = 60;
    let size = counted(bytes.len(), "byte");
    match str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= MOST_SHOWN && !text.contains(is_invisible) => {
            format!("[{size}: {text}]")
        }
        _ => format!("[{size}]"),
    }
}

/// The result of a call, with ANSI colours; its answers were printed before.
pub fn to_text(single: &Single) -> String {
    let mut text = String::new();
    match &single.status {
        None => text.push_str("ended before its answer\n"),
        Some(status) if status.code() == Code::Ok => {}
        Some(status) => {
            let name = code_name(status.code());
            let message = shortened(status.message(), MOST_CHARACTERS);
            let _ = writeln!(text, "{FAILED}{name}{FAILED:#}: {message}");
        }
    }
    if let Some(refusal) = &single.refusal {
        let _ = writeln!(
            text,
            "refused before the server looked at it ({refusal}), and sent again on another connection"
        );
    }
    let _ = writeln!(text, "{}", account(single));
    if let Some(behavior) = behavior(single) {
        let _ = writeln!(text, "behavior: {behavior}");
    }
    let received = usize::try_from(single.more_answers).unwrap_or(usize::MAX);
    let received = received.saturating_add(single.answers.len());
    let hidden = received.saturating_sub(MOST_ROWS);
    if hidden > 0 {
        let _ = writeln!(text, "and {} more; --json has them all", counted(hidden, "answer"));
    }
    if received > 1 || single.kind.streams_answers() {
        let whole = single.service_time.map_or_else(|| "-".to_owned(), rounded);
        let _ = writeln!(text, "the call as a whole took {whole}");
    }
    text
}

/// How the server says that it answered: the first answer for all.
fn behavior(single: &Single) -> Option<String> {
    let timing = match single.answers.first() {
        Some(answer) => answer.timing.clone(),
        None => single.failure_timing(),
    };
    let behavior = timing?.behavior;
    (!behavior.is_empty()).then(|| shortened(&behavior, MOST_CHARACTERS))
}

fn account(single: &Single) -> String {
    let is_numbered = single.answers.iter().any(|answer| answer.number.is_some());
    let mut header = vec!["connect", "queued", "planned", "waited", "added", "service time"];
    if is_numbered {
        header.insert(0, single.kind.number_name());
    }
    let mut rows = Vec::new();
    for (index, answer) in single.answers.iter().take(MOST_ROWS).enumerate() {
        let mut cells = vec![if index == 0 { rounded(single.connect) } else { String::new() }];
        cells.extend(server_side(answer.timing.as_ref()));
        cells.push(answer.added_ns().map_or_else(|| "-".to_owned(), rounded_signed));
        cells.push(rounded(answer.service_time));
        if is_numbered {
            cells.insert(0, answer.number.map(|number| number.to_string()).unwrap_or_default());
        }
        rows.push(cells);
    }
    if rows.is_empty() {
        rows.push(failed_row(single));
    }
    table(header, rows, 0).trim_fmt()
}

/// The account of a call without answers: what its status brought along.
fn failed_row(single: &Single) -> Vec<String> {
    let timing = single.failure_timing();
    let waited = timing.as_ref().and_then(|timing| plausible(timing.waited.as_ref()));
    let added = match (single.service_time, waited) {
        (Some(service_time), Some(waited)) => rounded_signed(added_ns(service_time, waited)),
        _ => "-".to_owned(),
    };
    let mut cells = vec![rounded(single.connect)];
    cells.extend(server_side(timing.as_ref()));
    cells.extend([added, single.service_time.map_or_else(|| "-".to_owned(), rounded)]);
    cells
}

/// Queued, planned and waited, by the server's account.
fn server_side(timing: Option<&Timing>) -> [String; 3] {
    let shown = |figure: Option<Duration>| figure.map_or_else(|| "-".to_owned(), rounded);
    let of = |figure: fn(&Timing) -> Option<&prost_types::Duration>| {
        shown(plausible(timing.and_then(figure)))
    };
    [
        of(|timing| timing.queued.as_ref()),
        of(|timing| timing.planned.as_ref()),
        of(|timing| timing.waited.as_ref()),
    ]
}
