//! A behavior for people, in a terminal.

use std::fmt::Write as _;

use longsync_behavior::explain::Share;
use longsync_text::duration::text;
use longsync_text::said::quoted;

use super::curves::Law;
use super::picture::{laws, plots, undrawn};
use super::{Asked, Portrait};
use crate::wrap::wrapped;

/// The rows of a picture, on a terminal that is narrow and on one that is wide.
const ROWS: [usize; 2] = [10, 14];
const WIDE: usize = 120;

/// The report, with ANSI colours, for a terminal with the given number of columns.
pub fn to_text(portrait: &Portrait, columns: usize) -> String {
    let laws = laws(portrait);
    // Not wrapped: it is there to be copied.
    let mut report = format!("{}\n", portrait.behavior);
    for figures in &portrait.figures {
        report.push('\n');
        if portrait.figures.len() > 1 {
            let _ = writeln!(report, "{}", figures.attempts());
        }
        let _ = write!(report, "{figures}");
    }
    let sentences = sentences(portrait, &laws);
    if !sentences.is_empty() {
        report.push('\n');
    }
    for line in sentences.iter().flat_map(|sentence| wrapped(sentence, columns)) {
        let _ = writeln!(report, "{line}");
    }
    let [narrow, wide] = ROWS;
    let rows = if columns < WIDE { narrow } else { wide };
    for plot in plots(portrait, &laws) {
        report.push('\n');
        report.push_str(&plot.to_text(columns, rows));
    }
    if portrait.fitting.is_some() {
        let _ = writeln!(report, "\nlongsync-server --behavior '{}'", portrait.behavior);
    }
    report
}

/// What is said beside figures and pictures.
pub(super) fn sentences(portrait: &Portrait, laws: &[(String, Law<'_>)]) -> Vec<String> {
    let mut sentences = Vec::new();
    sentences.extend(portrait.fitting.iter().flat_map(super::Fitting::lines));
    for (name, law) in laws {
        let of = if portrait.figures.len() > 1 { format!("{name}: ") } else { String::new() };
        sentences.extend(exact(law).into_iter().map(|sentence| format!("{of}{sentence}")));
    }
    sentences.extend(undrawn(portrait));
    let patience = portrait.patience.iter();
    sentences.extend(patience.flat_map(|patience| patience.lines(&portrait.behavior)));
    if let Some(asked) = &portrait.asked {
        sentences.push(drawn(asked, portrait));
    }
    if let Some(stall) = portrait.behavior.stall() {
        sentences.push(format!(
            "{stall}: a call that comes in one of its windows also waits until that ends, which \
             is in none of these figures"
        ));
    }
    sentences
}

/// What a logarithmic axis cannot show, and what a density cannot.
fn exact(law: &Law<'_>) -> Vec<String> {
    let mut sentences = Vec::new();
    if law.zeros >= 1.0 {
        sentences.push("no call waits".to_owned());
    } else if law.zeros > 0.0 {
        let zeros = Share(law.zeros);
        sentences.push(format!("{zeros} of calls do not wait: a log axis has no place for 0s"));
    }
    // A law that is one delay has said so in its figures.
    for atom in law.atoms.iter().filter(|atom| atom.share < 1.0) {
        let (share, delay) = (Share(atom.share), text(atom.delay));
        sentences.push(format!("{share} of calls wait exactly {delay}"));
    }
    sentences
}

/// What the call draws that was asked about.
fn drawn(asked: &Asked, portrait: &Portrait) -> String {
    let delay = text(asked.draw(&portrait.behavior));
    let Asked { seed, call_id, attempt, index } = asked;
    let message = if *index > 0 { format!("message {index} of ") } else { String::new() };
    let attempt = if *attempt > 1 { format!("attempt {attempt} of ") } else { String::new() };
    format!("with seed {seed}, {message}{attempt}call {} waits {delay}", quoted(call_id))
}
