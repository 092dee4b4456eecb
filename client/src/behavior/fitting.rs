//! The observed delays of a service, and how closely a fitted behavior matches them.

use std::time::Duration;

use longsync_behavior::Percent;
use longsync_behavior::explain::DisplayShare;
use longsync_behavior::fit::{self, Fit, FitError};
use longsync_stats::Observation;
use longsync_text::duration::{rounded, text};
use longsync_text::grouped;

use super::curves::{middle, pieces, shares};
use crate::chart::nanoseconds;

/// Observed data with the law that was fitted to it.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedData {
    pub(super) observed: Observation,
    pub(super) fitted: Fit,
}

impl FittedData {
    /// Fits a law.
    ///
    /// # Errors
    /// When no law can be fitted to the data.
    pub fn new(observed: Observation) -> Result<Self, FitError> {
        let fitted = match &observed {
            Observation::Recorded(recorded) => fit::values(recorded.values()),
            Observation::Buckets(buckets) => fit::buckets(buckets.bounds(), buckets.total()),
            Observation::Percentiles(percentiles) => fit::percentiles(percentiles.points()),
            _ => Err(FitError::Empty),
        }?;
        Ok(Self { observed, fitted })
    }

    /// The behavior, as text.
    pub fn text(&self) -> String {
        self.fitted.text()
    }

    /// The form of the data, such as `buckets`.
    pub(super) fn form(&self) -> &'static str {
        match self.observed {
            Observation::Recorded(_) => "durations",
            Observation::Buckets(_) => "buckets",
            _ => "percentiles",
        }
    }

    /// The number of values, if the data contains it.
    pub(super) fn count(&self) -> Option<u64> {
        match &self.observed {
            Observation::Recorded(recorded) => Some(recorded.count()),
            Observation::Buckets(buckets) => Some(buckets.total()),
            _ => None,
        }
    }

    /// Lines about the data, the error of the law, and the part that is a guess.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![match &self.observed {
            Observation::Recorded(recorded) => {
                format!("fitted to {} recorded durations", grouped(recorded.count()))
            }
            Observation::Buckets(buckets) => format!(
                "fitted to {} buckets of {}, which count {} durations",
                buckets.bounds().len() + 1,
                buckets.name(),
                grouped(buckets.total())
            ),
            Observation::Percentiles(percentiles) => {
                format!("fitted to {} percentiles", percentiles.points().len())
            }
            _ => "fitted".to_owned(),
        }];
        lines.push(format!(
            "KS distance {:.4}: up to any delay, the shares of calls in the data and in the law differ by at most {}",
            self.fitted.ks,
            DisplayShare(self.fitted.ks)
        ));
        lines.extend(self.worst());
        lines.extend(self.guess());
        lines
    }

    fn worst(&self) -> Option<String> {
        let worst = self.fitted.worst?;
        let [data, law] = [worst.asked_ns, worst.law_ns].map(Duration::from_nanos);
        let off = (nanoseconds(law) / nanoseconds(data) - 1.0).abs();
        Some(if worst.asked_ns == worst.law_ns {
            "no quantile is off".to_owned()
        } else {
            format!(
                "worst quantile p{}: {} in the data, {} in the law, which is {} off",
                shortest(worst.percent),
                rounded(data),
                rounded(law),
                DisplayShare(off)
            )
        })
    }

    fn guess(&self) -> Option<String> {
        let guess = self.fitted.guess_above?;
        let [from, to] =
            [guess.from_ns, guess.to_ns].map(|nanos| text(Duration::from_nanos(nanos)));
        let share = Percent::from_millionths(guess.share).unwrap_or_default();
        let why = match self.observed {
            Observation::Buckets(_) => "the +Inf bucket does not say how long they are",
            _ => "the data has no max",
        };
        Some(format!(
            "a guess: the {share} % of delays above {from}, drawn up to {to}, because {why}"
        ))
    }

    /// The data's quantile curve: shares with delays in nanoseconds.
    pub(super) fn quantiles(&self) -> Vec<(f64, f64)> {
        match &self.observed {
            Observation::Recorded(recorded) => {
                let sums = sums(recorded.values());
                let at = |share: f64| {
                    let index = sums.partition_point(|(_, up_to)| *up_to < share);
                    sums.get(index).or_else(|| sums.last()).map(|(value, _)| (share, *value))
                };
                shares().filter_map(at).collect()
            }
            Observation::Buckets(buckets) => {
                let total = float(buckets.total());
                let bounds = buckets.bounds().iter();
                bounds.map(|(bound, count)| (float(*count) / total, float(*bound))).collect()
            }
            Observation::Percentiles(percentiles) => {
                let points = percentiles.points().iter();
                let points = points.filter_map(|(percent, value)| {
                    Some((Percent::from_millionths(*percent)?, float(*value)))
                });
                let points = points.filter(|(percent, _)| *percent != Percent::ALL);
                points.map(|(percent, value)| (percent.fraction(), value)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The density of recorded values, in the unit of a law's density; empty for other data, whose density is
    /// unknown.
    pub(super) fn density(&self, [least, greatest]: [Duration; 2]) -> Vec<(f64, f64)> {
        let Observation::Recorded(recorded) = &self.observed else { return Vec::new() };
        let sums = sums(recorded.values());
        let up_to = |end: Duration| {
            let index = sums.partition_point(|(value, _)| *value < nanoseconds(end));
            index.checked_sub(1).map_or(0.0, |last| sums[last].1)
        };
        let ends: Vec<_> = pieces(least, greatest).into_iter().step_by(PIECES_AT_ONCE).collect();
        let density = ends.windows(2).map(|ends| {
            let share = up_to(ends[1]) - up_to(ends[0]);
            let width = (nanoseconds(ends[1]) / nanoseconds(ends[0])).ln();
            (middle(ends[0], ends[1]), share / width)
        });
        density.collect()
    }
}

/// The number of pieces that are counted together, because each contains few recorded values.
const PIECES_AT_ONCE: usize = 4;

/// The distinct values in nanoseconds, each with the share of values up to it.
fn sums(values: &[(u64, u64)]) -> Vec<(f64, f64)> {
    let total: f64 = values.iter().map(|(_, count)| float(*count)).sum();
    let mut sum = 0.0;
    let sums = values.iter().map(|(value, count)| {
        sum += float(*count);
        (float(*value), sum / total)
    });
    sums.collect()
}

#[expect(clippy::cast_precision_loss, reason = "a picture shows less than 53 bits")]
fn float(number: u64) -> f64 {
    number as f64
}

/// A percentile with at most four decimals.
fn shortest(percent: f64) -> String {
    let digits = format!("{percent:.4}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}
