//! A profile from points: times, and the rates at those times.

use std::time::Duration;

use longsync_text::Rate;

use super::amount::Amount;
use super::lines::{lines, nanos, wrong};
use super::piece::{Pieces, SchedulePiece};
use super::schedule_error::ScheduleError;

const A_LINE: &str = "write a time in seconds, a comma and a rate, such as 2.5,1000";

/// Converts points to the pieces between them.
pub(super) fn read(text: &str) -> Result<Pieces<Rate>, ScheduleError> {
    let mut pieces = Pieces::default();
    let mut before: Option<(u64, Rate)> = None;
    for (index, (line, row)) in lines(text).enumerate() {
        let cells = row.split_once(',').map(|(seconds, rate)| (seconds.trim(), rate.trim()));
        if (index, cells) == (0, Some(("seconds", "rate"))) {
            continue;
        }
        let (at_ns, rate) = point(cells).map_err(|why| wrong(line, why))?;
        match before {
            None if at_ns > 0 => {
                return Err(wrong(
                    line,
                    "the first time must be 0: write the rate at which the run begins",
                ));
            }
            Some((before_ns, _)) if at_ns <= before_ns => {
                return Err(wrong(
                    line,
                    "the time is not later than that of the line before: times must ascend",
                ));
            }
            None => {}
            Some((before_ns, from)) => {
                let length = Duration::from_nanos(at_ns - before_ns);
                pieces.push(between(from, rate, length)).map_err(|why| wrong(line, why.why))?;
            }
        }
        before = Some((at_ns, rate));
    }
    if pieces.is_empty() {
        let why = format!("a schedule file needs at least two lines, one for its end: {A_LINE}");
        return Err(ScheduleError::new(why));
    }
    Ok(pieces)
}

fn between(from: Rate, to: Rate, length: Duration) -> SchedulePiece<Rate> {
    if from == to {
        SchedulePiece::Constant { amount: from, length: Some(length) }
    } else {
        SchedulePiece::Line { from, to, length }
    }
}

fn point(cells: Option<(&str, &str)>) -> Result<(u64, Rate), String> {
    let (seconds, rate) = cells.ok_or(A_LINE)?;
    Ok((nanos(seconds)?, Rate::read(rate)?))
}
