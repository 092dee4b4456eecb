//! A law for the counts of buckets.

use super::judge::{self, Zeros};
use super::law::FittedLaw;
use super::refine::{self, FitGoal};
use super::step::Step;
use super::{Fit, FitError, GuessAbove, MOST_INNER, WHOLE, float, millionths};

/// If there are more bounds than a law may have points, its shares at the bounds come this close.
const GOAL: f64 = 0.000_5;

/// The law that has the data's share at each bound of a histogram: bounds in nanoseconds, ascending, each
/// with how many values do not exceed it; `total` is the number of all values.
///
/// The part above the last bound is a guess, and is reported as one; the positions of values inside a bucket
/// are guesses, too.
///
/// # Errors
/// If there is no value, bounds do not ascend or counts fall, or all values are above the last bound.
pub fn buckets(bounds: &[(u64, u64)], total: u64) -> Result<Fit, FitError> {
    let rises = bounds.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
    if !rises || bounds.last().is_some_and(|(_, count)| *count > total) {
        return Err(FitError::Unordered);
    }
    if total == 0 {
        return Err(FitError::Empty);
    }
    let (zero_count, bounds) = match bounds {
        [(0, count), bounds @ ..] => (*count, bounds),
        bounds => (0, bounds),
    };
    if zero_count == total {
        return Ok(Fit::constant(WHOLE, 0));
    }
    let zeros = Zeros::new(float(zero_count) / float(total));
    let others = float(total - zero_count);
    let step = |&(value, count): &(u64, u64)| {
        let share = float(count - zero_count) / others;
        Step::new(value, share, share, 0.0)
    };
    let steps: Vec<Step> = bounds.iter().map(step).collect();
    let frame = Bounds::of(&steps).ok_or(FitError::AllAbove)?;
    let points = frame.points();
    let law = FittedLaw::new(frame.min_ns, &points, frame.max_ns);
    let guess_above = frame.max_ns.is_none().then(|| GuessAbove {
        share: zeros.of_all(WHOLE - points.last().map_or(0, |(at, _)| *at)),
        from_ns: points.last().map_or(frame.min_ns, |(_, value)| *value),
        to_ns: law.longest_ns(),
    });
    Ok(Fit {
        zero_share: zeros.millionths(),
        min_ns: frame.min_ns,
        ks: judge::ks(&law, &steps, zeros),
        worst: None,
        points,
        max_ns: frame.max_ns,
        guess_above,
    })
}

/// The bounds between which values lie.
struct Bounds<'a> {
    min_ns: u64,
    /// The bounds that some values exceed and others do not.
    inner: &'a [Step],
    max_ns: Option<u64>,
}

impl<'a> Bounds<'a> {
    /// [`None`] if all values are above the last bound.
    fn of(steps: &'a [Step]) -> Option<Self> {
        let first = steps.partition_point(|step| step.up_to <= 0.0);
        let end = steps.partition_point(|step| step.up_to < 1.0);
        let shortest = steps.get(first)?;
        // In the first bucket, the language itself draws from half of its bound on.
        let half = (shortest.value / 2).max(1);
        let min_ns = first.checked_sub(1).map_or(half, |before| steps[before].value);
        Some(Self {
            min_ns,
            inner: &steps[first..end],
            max_ns: steps.get(end).map(|step| step.value),
        })
    }

    /// The points between 0 and 100 %.
    fn points(&self) -> Vec<(u32, u64)> {
        let mut points: Vec<(u32, u64)> = Vec::new();
        for (index, step) in self.inner.iter().enumerate() {
            let is_within = |index: usize| {
                self.inner
                    .get(index)
                    .is_some_and(|other| other.up_to.total_cmp(&step.up_to).is_eq())
            };
            let after_same = index.checked_sub(1).is_some_and(is_within);
            if after_same && is_within(index + 1) {
                continue;
            }
            // An empty bucket is crossed in the smallest possible share.
            let at = millionths(step.up_to) + u32::from(after_same);
            if at < WHOLE && points.last().is_none_or(|(before, _)| *before < at) {
                points.push((at, step.value));
            }
        }
        if points.len() > MOST_INNER {
            return self.fewer(&points);
        }
        fill(self.min_ns, &mut points, self.max_ns);
        points
    }

    /// As many points as are allowed: those without which the law would be furthest off.
    fn fewer(&self, points: &[(u32, u64)]) -> Vec<(u32, u64)> {
        let step =
            |&(at, value): &(u32, u64)| Step::new(value, super::share(at), super::share(at), 0.0);
        let first = Step::new(self.min_ns, 0.0, 0.0, 0.0);
        let steps: Vec<Step> = [first].into_iter().chain(points.iter().map(step)).collect();
        let nowhere = FitGoal { ks: GOAL, ln: 1.0, from: 1.0, to: 0.0 };
        refine::points(&steps, nowhere)
    }
}

/// Adds points until there are two: each in the middle of the widest share, with the value halfway between
/// its neighbors', as if values were evenly distributed there.
pub(super) fn fill(min_ns: u64, points: &mut Vec<(u32, u64)>, max_ns: Option<u64>) {
    while points.len() < 2 {
        let mut all = vec![(0, min_ns)];
        all.extend(points.iter().copied());
        all.extend(max_ns.map(|max| (WHOLE, max)));
        let gaps = all.windows(2).enumerate();
        let Some((place, gap)) = gaps.max_by_key(|(_, gap)| gap[1].0 - gap[0].0) else { return };
        let middle = (gap[0].0.midpoint(gap[1].0), gap[0].1.midpoint(gap[1].1));
        points.insert(place, middle);
    }
}
