//! A fitted law as the text of a behavior.

use std::time::Duration;

use longsync_text::{Percent, duration};

use super::{Fit, WHOLE};

pub(super) fn of(fitted: &Fit) -> String {
    match fitted.zero_share {
        WHOLE => duration::text(Duration::ZERO),
        0 => positive(fitted),
        zeros => format!("mix({}%: 0s, rest: {})", percent(zeros), positive(fitted)),
    }
}

/// The law of all values but the zeros.
fn positive(fitted: &Fit) -> String {
    let nanos = |nanos| duration::text(Duration::from_nanos(nanos));
    let Some(&(_, last)) = fitted.points.last() else {
        return nanos(fitted.min_ns);
    };
    let mut keys = vec![format!("0={}", nanos(fitted.min_ns))];
    let inner = fitted.points.iter();
    keys.extend(inner.map(|(at, value)| format!("{}={}", percent(*at), nanos(*value))));
    // Two equal points at the end are flat up to 100 %, and the language refuses an explicit `100=` there.
    let is_flat = fitted.points.iter().rev().nth(1).is_some_and(|(_, value)| *value == last);
    if let (Some(max), false) = (fitted.max_ns, is_flat) {
        keys.push(format!("100={}", nanos(max)));
    }
    format!("percentiles({})", keys.join(", "))
}

fn percent(millionths: u32) -> Percent {
    // No percentage is over 100 %.
    Percent::from_millionths(millionths).unwrap_or(Percent::ALL)
}
