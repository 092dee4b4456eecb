//! One call as text: its answers, and a table that shows where the time went.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use longsync::v1::Timing;
use tonic::Code;

use crate::chart::theme::FAINT;
use crate::figures::{length, rounded, rounded_signed};
use crate::meanings;
use crate::single::outcome::{ReceivedAnswer, Single, added_ns};
use crate::single::plan::RpcKind;
use crate::table::table;
use crate::wrap::paragraph;
use longsync_connect::status::{code_name, failure_name};
use longsync_connect::timing::plausible;
use longsync_text::said::{is_invisible, shortened};
use longsync_text::{counted, grouped};

/// The most characters shown of a message; JSON has the full message.
const MOST_CHARACTERS: usize = 2_000;

const FAILED: Style = AnsiColor::Red.on_default().bold();

/// The most answers that the table shows, and so the most that need to be kept for text.
pub const MOST_ROWS: usize = 20;

/// An answer as a line, to be printed as it arrives; as several lines if it is longer than the given number
/// of columns.
pub fn answer_line(answer: &ReceivedAnswer, columns: usize) -> String {
    let mut line = answer.number.map(|number| format!("{number}: ")).unwrap_or_default();
    let mut failed = "";
    match &answer.failure {
        Some(failure) => {
            failed = failure_name(failure.code);
            let message = shortened(&failure.message, MOST_CHARACTERS);
            let _ = write!(line, "{failed}: {message}");
        }
        None => line.push_str(&shortened(&answer.message, MOST_CHARACTERS)),
    }
    if let Some(count) = answer.count {
        let _ = write!(line, " ({count} requests)");
    }
    if !answer.payload.is_empty() {
        let _ = write!(line, " {}", payload(&answer.payload));
    }
    lines(&line, failed, columns)
}

/// A sentence wrapped into lines, with the name of a status highlighted.
fn lines(sentence: &str, status: &str, columns: usize) -> String {
    let text = paragraph(sentence, columns, Style::new());
    // The first occurrence is the name, because it precedes the server's message.
    if status.is_empty() {
        text
    } else {
        text.replacen(status, &format!("{FAILED}{status}{FAILED:#}"), 1)
    }
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

/// The result of a call as text with ANSI colors, for a terminal with the given number of columns, without
/// its answers, which were printed earlier.
pub fn to_text(single: &Single, columns: usize) -> String {
    let said = |sentences: Vec<String>| -> String {
        sentences.iter().map(|sentence| lines(sentence, "", columns)).collect()
    };
    let meanings = [meanings::ADDED, meanings::SERVICE_TIME];
    [
        ending(single, columns),
        said(shared_deadline(single).into_iter().chain(refused(single)).collect()),
        account(single, columns),
        meanings.map(|meaning| paragraph(meaning, columns, FAINT)).concat(),
        said(rest(single)),
    ]
    .concat()
}

/// How the call ended, unless it succeeded.
fn ending(single: &Single, columns: usize) -> String {
    match &single.status {
        None => lines(&ended_early(single), "", columns),
        Some(status) if status.code() == Code::Ok => String::new(),
        Some(status) => {
            let name = code_name(status.code());
            let message = shortened(status.message(), MOST_CHARACTERS);
            lines(&format!("{name}: {message}"), name, columns)
        }
    }
}

/// How far a call got that the client ended.
fn ended_early(single: &Single) -> String {
    let asked = grouped(single.expected_answers);
    match (single.received_answers(), single.expected_answers) {
        _ if single.connect.is_none() => "ended before it was connected".to_owned(),
        (received, expected) if received >= expected => "ended before its status".to_owned(),
        (0, 1) => "ended before its answer".to_owned(),
        (0, _) => format!("ended before the first of {asked} answers"),
        (received, _) => format!("ended after {} of {asked} answers", grouped(received)),
    }
}

fn refused(single: &Single) -> Option<String> {
    let refusal = single.refusal.as_ref()?;
    Some(format!(
        "refused before the server processed it ({refusal}), and sent again on another connection"
    ))
}

/// The sentences below the table.
fn rest(single: &Single) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(behavior(single).map(|behavior| format!("behavior: {behavior}")));
    sentences.extend(faults(single));
    sentences.extend(unanswered(single));
    let received = length(single.received_answers());
    let hidden = received.saturating_sub(MOST_ROWS);
    if hidden > 0 {
        sentences.push(format!("and {} more; --json prints them all", counted(hidden, "answer")));
    }
    if received > 1 || single.kind.streams_answers() {
        let whole = single.service_time.map_or_else(|| "-".to_owned(), rounded);
        sentences.push(format!("the call as a whole took {whole}"));
    }
    sentences
}

/// How a deadline that passed was spent: the server knows only the time that was left after connecting.
fn shared_deadline(single: &Single) -> Option<String> {
    let deadline = single.deadline.as_ref()?;
    let is_over = single.code() == Some(Code::DeadlineExceeded) && single.service_time.is_some();
    let connect = rounded(single.connect?);
    is_over.then(|| format!("the deadline was {deadline}, and connecting took {connect} of it"))
}

/// The behavior that the server reports, taken from the first answer.
fn behavior(single: &Single) -> Option<String> {
    let timing = match single.answers.first() {
        Some(answer) => answer.timing.clone(),
        None => single.failure_timing(),
    };
    let behavior = timing?.behavior;
    (!behavior.is_empty()).then(|| shortened(&behavior, MOST_CHARACTERS))
}

/// The planned faults that hit the call or its messages, each once.
fn faults(single: &Single) -> Vec<String> {
    let answers = counted(length(single.received_answers()), "answer");
    let hit = |what: &str, count: u64| match single.kind {
        RpcKind::Exchange => format!("{what}, in {} of {answers}", grouped(count)),
        _ => what.to_owned(),
    };
    let fault = |clause: &str| format!("fault: {}", shortened(clause, MOST_CHARACTERS));
    let of_answers = single.faults.by_count();
    let of_status = single.failure_timing().map(|timing| timing.fault).filter(|it| !it.is_empty());
    let of_status = of_status.filter(|it| of_answers.iter().all(|(known, _)| known != it));
    let mut sentences: Vec<_> =
        of_answers.iter().map(|(clause, count)| hit(&fault(clause), *count)).collect();
    let other = single.faults.other();
    sentences.extend((other > 0).then(|| hit("other faults", other)));
    sentences.extend(of_status.map(|clause| fault(&clause)));
    sentences
}

/// The messages that were left without an answer.
fn unanswered(single: &Single) -> Option<String> {
    let (count, clause) = (single.unanswered?, single.hang.as_ref()?);
    let messages = counted(length(single.expected_answers), "message");
    let were = if count == 1 { "was" } else { "were" };
    let clause = shortened(clause, MOST_CHARACTERS);
    Some(format!("{} of {messages} {were} never answered, as {clause} plans", grouped(count)))
}

fn account(single: &Single, columns: usize) -> String {
    let is_numbered = single.answers.iter().any(|answer| answer.number.is_some());
    let mut header = vec!["connect", "queued", "planned", "waited", "added", "service time"];
    if is_numbered {
        header.insert(0, single.kind.number_name());
    }
    let mut rows = Vec::new();
    for (index, answer) in single.answers.iter().take(MOST_ROWS).enumerate() {
        let mut cells = vec![if index == 0 { connect(single) } else { String::new() }];
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
    table(&header, &rows, usize::from(is_numbered), columns)
}

fn connect(single: &Single) -> String {
    single.connect.map_or_else(|| "-".to_owned(), rounded)
}

/// The row of a call without answers, from the timing in its status.
fn failed_row(single: &Single) -> Vec<String> {
    let timing = single.failure_timing();
    let added = single.service_time.zip(timing.as_ref());
    let added = added.and_then(|(service_time, timing)| added_ns(service_time, timing));
    let added = added.map_or_else(|| "-".to_owned(), rounded_signed);
    let mut cells = vec![connect(single)];
    cells.extend(server_side(timing.as_ref()));
    cells.extend([added, single.service_time.map_or_else(|| "-".to_owned(), rounded)]);
    cells
}

/// Queued, planned and waited, as the server reported them.
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
