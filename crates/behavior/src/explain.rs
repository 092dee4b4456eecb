//! What a behavior is like, in figures.

use std::fmt;
use std::time::Duration;

use longsync_text::Percent;
use longsync_text::duration::{rounded, text};

use crate::behavior::Behavior;
use crate::delays::Delays;

/// The percentiles that are shown, in millionths of a percent.
const PERCENTILES: [u32; 10] = [
    1_000_000, 10_000_000, 25_000_000, 50_000_000, 75_000_000, 90_000_000, 95_000_000, 99_000_000,
    99_900_000, 99_990_000,
];

/// The percentiles that are shown.
pub fn percentiles() -> impl Iterator<Item = Percent> {
    PERCENTILES.into_iter().filter_map(Percent::from_millionths)
}

/// Prints the figures of a behavior, a line each. Durations have four digits.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a>(pub &'a Behavior);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(behavior) = self;
        writeln!(f, "{behavior}")?;
        let last = behavior.last_attempt();
        for attempt in 1..=last {
            if last > 1 {
                let later = if attempt == last { " and later" } else { "" };
                writeln!(f, "\nattempt {attempt}{later}")?;
            }
            figures(f, &behavior.delays(attempt))?;
        }
        if let Some(stall) = behavior.stall() {
            writeln!(f, "\n{stall}: calls that come in its windows stand until the window ends")?;
        }
        Ok(())
    }
}

fn figures(f: &mut fmt::Formatter<'_>, delays: &Delays<'_>) -> fmt::Result {
    let (least, greatest) = delays.ends();
    row(f, "mean", delays.mean())?;
    row(f, "min", least)?;
    for percentile in percentiles() {
        let delay = delays.quantile(percentile.fraction());
        row(f, &format!("p{percentile}"), delay)?;
    }
    row(f, "max", greatest)?;
    let beyond = delays.beyond();
    if beyond > 0.0 {
        writeln!(
            f,
            "  of the law as written, {}% lies outside of 0s to {}, and is not drawn",
            percent(beyond),
            text(greatest)
        )?;
    }
    Ok(())
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, delay: Duration) -> fmt::Result {
    writeln!(f, "  {name:<8}{}", rounded(delay))
}

/// A share in percent, with two significant digits.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 0.000_1 {
        return "less than 0.0001".to_owned();
    }
    // The digits before the first that is not 0.
    let leading = (-percent.log10().floor()).max(0.0) as usize;
    format!("{percent:.*}", leading + 1)
}
