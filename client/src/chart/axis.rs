//! An axis: the positions of values on it, and its ticks at round values. Pure.

use std::f64::consts::LOG10_2;
use std::time::Duration;

use crate::chart::round::{
    amount_text, duration_text, half_percentile_text, percentile_text, place_above, place_below,
    round, steps,
};

/// The most ticks of a linear axis after zero.
const MOST_STEPS: u128 = 7;
/// The room above the highest peak, which shows that it ends there.
const HEADROOM: f64 = 1.04;
/// The greatest amount that an axis can label, in thousandths, and its place among the round numbers.
const MOST_AMOUNT: f64 = 1e18;
const MOST_PLACE: u32 = 54;
/// A logarithmic axis spans at least this many round numbers, which is a power of ten.
const LEAST_SPAN: u32 = 3;

/// An axis of a plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis(Scale);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    /// From zero up to this number of nanoseconds.
    Linear { end: u128 },
    /// Nanoseconds between two round numbers, given by their places.
    Log { from: u32, to: u32 },
    /// Shares below one, positioned at -log10(1 - share).
    Percentiles { nines: u8 },
    /// Amounts from zero, in thousandths.
    Amounts { end: u128 },
    /// Proportions from zero, without ticks.
    Heights { most: f64 },
}

/// A labeled value on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    /// Its position on the axis, from 0 to 1.
    pub(crate) position: f64,
    pub(crate) label: String,
}

/// A duration as a value on an axis of durations, in nanoseconds.
#[expect(clippy::cast_precision_loss, reason = "a picture shows less than 53 bits")]
pub fn nanoseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

impl Axis {
    /// Durations from zero up to `end`, which is at least a nanosecond. Values are in nanoseconds.
    pub fn linear(end: Duration) -> Self {
        Self(Scale::Linear { end: end.as_nanos().max(1) })
    }

    /// Durations on a logarithmic axis that covers all `values` except zeros, which are drawn at its start.
    /// It starts and ends at 1, 2 or 5 times a power of ten, and its end is at least ten times its start.
    /// Without any values it is centered around 1ms. Values are in nanoseconds.
    pub fn log(values: impl IntoIterator<Item = Duration>) -> Self {
        let nanos = values.into_iter().map(|value| value.as_nanos()).filter(|nanos| *nanos > 0);
        let range = nanos.fold(None, |range, nanos| match range {
            None => Some((nanos, nanos)),
            Some((least, greatest)) => Some((nanos.min(least), nanos.max(greatest))),
        });
        let (least, greatest) = range.unwrap_or((1_000_000, 1_000_000));
        let (mut from, mut to) = (place_below(least), place_above(greatest));
        // A narrow range is placed in the middle.
        while to - from < LEAST_SPAN {
            to += 1;
            if to - from < LEAST_SPAN {
                from = from.saturating_sub(1);
            }
        }
        Self(Scale::Log { from, to })
    }

    /// Percentiles, spread out towards 1 so that tails can be seen: from p0 to the percentile with this
    /// number of nines, such as 4 for p99.99, and at least to p90. Values are from 0 to 1.
    pub fn percentiles(nines: u8) -> Self {
        Self(Scale::Percentiles { nines: nines.max(1) })
    }

    /// Heights from zero up to the greatest of `values`, without ticks, because only their proportions
    /// matter.
    pub fn heights(values: impl IntoIterator<Item = f64>) -> Self {
        let most = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
        Self(Scale::Heights { most: if most > 0.0 { most * HEADROOM } else { 1.0 } })
    }

    /// Amounts, such as calls per second, from zero up to the greatest finite one of `values`, but at most
    /// 10^15.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is clamped, and not negative"
    )]
    pub fn amounts(values: impl IntoIterator<Item = f64>) -> Self {
        let most = values.into_iter().filter(|value| value.is_finite()).fold(0.0, f64::max);
        let end = if most > 0.0 { (most * HEADROOM * 1e3).min(MOST_AMOUNT).ceil() } else { 1e3 };
        Self(Scale::Amounts { end: end as u128 })
    }

    /// The position of a value, from 0 to 1. A value beyond an end of the axis is positioned at that end.
    #[expect(clippy::cast_precision_loss, reason = "a picture shows less than 53 bits")]
    pub fn position(&self, value: f64) -> f64 {
        let position = match self.0 {
            Scale::Linear { end } => value / end as f64,
            Scale::Log { from, to } => {
                let (from, to) = ((round(from) as f64).log10(), (round(to) as f64).log10());
                // A negative value has no logarithm.
                (value.max(0.0).log10() - from) / (to - from)
            }
            Scale::Percentiles { nines } => -(1.0 - value.min(1.0)).log10() / f64::from(nines),
            Scale::Amounts { end } => value * 1e3 / end as f64,
            Scale::Heights { most } => value / most,
        };
        position.clamp(0.0, 1.0)
    }

    /// The ticks of a horizontal axis that is this many characters wide. Labels are centered at their ticks
    /// and do not touch.
    pub(crate) fn ticks_across(&self, characters: f64) -> Vec<Tick> {
        // Ticks may move by up to a character when they are drawn.
        self.ticks(characters, |label| label.chars().count(), 2.0)
    }

    /// The ticks of a vertical axis that is this many lines high.
    pub(crate) fn ticks_up(&self, lines: f64) -> Vec<Tick> {
        self.ticks(lines, |_| 1, 1.0)
    }

    /// The most ticks whose labels, of the given size, are at least the gap apart on an axis of this length;
    /// two ticks, if there is no room for two.
    #[expect(clippy::cast_precision_loss, reason = "a label is short")]
    fn ticks(&self, length: f64, size: impl Fn(&str) -> usize, gap: f64) -> Vec<Tick> {
        let fits = |ticks: &Vec<Tick>| {
            ticks.windows(2).all(|pair| {
                let sizes = (size(&pair[0].label) + size(&pair[1].label)) as f64;
                (pair[1].position - pair[0].position) * length >= sizes / 2.0 + gap
            })
        };
        let mut choices = self.choices();
        let coarsest = choices.last().cloned().unwrap_or_default();
        choices.retain(|ticks| ticks.len() > 1);
        choices.into_iter().find(fits).unwrap_or_else(|| match &coarsest[..] {
            [first, .., last] => vec![first.clone(), last.clone()],
            few => few.to_vec(),
        })
    }

    /// The choices of ticks for this axis, from many to few.
    fn choices(&self) -> Vec<Vec<Tick>> {
        match self.0 {
            Scale::Linear { end } => steps()
                .filter(|step| *step <= end && end / step <= MOST_STEPS)
                .map(|step| (0..=end / step).map(|index| self.duration(index * step)).collect())
                .collect(),
            Scale::Log { from, to } => {
                let places = |every: u32| {
                    let places = (from..=to).filter(move |place| place.is_multiple_of(every));
                    places.map(|place| self.duration(round(place))).collect()
                };
                // All round numbers, then powers of ten, a hundred, a thousand and a million; at last both
                // ends.
                let mut choices: Vec<_> = [1, 3, 6, 9, 18].map(places).into();
                choices.push([from, to].map(|place| self.duration(round(place))).into());
                choices
            }
            Scale::Percentiles { nines } => percentiles(nines.into()),
            Scale::Amounts { end } => (0..=MOST_PLACE)
                .map(round)
                .filter(|step| *step <= end && end / step <= MOST_STEPS)
                .map(|step| (0..=end / step).map(|index| self.amount(index * step)).collect())
                .collect(),
            Scale::Heights { .. } => Vec::new(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a picture shows less than 53 bits")]
    fn amount(&self, thousandths: u128) -> Tick {
        let value = thousandths as f64 / 1e3;
        Tick { position: self.position(value), label: amount_text(thousandths) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a picture shows less than 53 bits")]
    fn duration(&self, nanos: u128) -> Tick {
        Tick { position: self.position(nanos as f64), label: duration_text(nanos) }
    }
}

/// The choices of ticks for an axis of percentiles, from many to few.
fn percentiles(last: u32) -> Vec<Vec<Tick>> {
    let whole = |nines: u32| Tick {
        position: f64::from(nines) / f64::from(last),
        label: percentile_text(nines),
    };
    let half = |nines: u32| Tick {
        position: (f64::from(nines) + LOG10_2) / f64::from(last),
        label: half_percentile_text(nines),
    };
    let halves = (1..last).flat_map(|nines| [whole(nines), half(nines)]);
    let mut choices = vec![[half(0)].into_iter().chain(halves).chain([whole(last)]).collect()];
    choices.extend([1, 2, 3, 4, 6, 8].map(|every| {
        let nines = (1..=last).filter(|nines| nines.is_multiple_of(every));
        [half(0)].into_iter().chain(nines.map(whole)).collect()
    }));
    choices.push(vec![half(0), whole(last)]);
    // The last percentile may have any number of nines, so its label may be too long.
    choices.push(vec![half(0), whole(1)]);
    choices
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A year, the longest duration that can be written as text.
    const LONGEST_NANOS: u64 = 365 * 24 * 3_600 * 1_000_000_000;

    fn axes() -> impl Strategy<Value = Axis> {
        let nanos = || {
            (0_u32..64, 1_u64..u64::MAX)
                .prop_map(|(shift, nanos)| Duration::from_nanos(nanos >> shift))
        };
        prop_oneof![
            nanos().prop_map(Axis::linear),
            proptest::collection::vec(nanos(), 0..4).prop_map(Axis::log),
            (0_u8..15).prop_map(Axis::percentiles),
            (1e-6..1e15).prop_map(|most| Axis::amounts([most])),
            (1e-6..1e3).prop_map(|most| Axis::amounts([most])),
        ]
    }

    fn labels(ticks: &[Tick]) -> String {
        ticks.iter().map(|tick| &*tick.label).collect::<Vec<_>>().join(" ")
    }

    proptest! {
        /// A greater value is never positioned before a smaller one, and all positions are on the axis.
        #[test]
        fn positions_keep_the_order_of_values(axis in axes(), values in proptest::array::uniform2(prop_oneof![-1.0..2.0, 0.0..1e19])) {
            let [one, other]: [f64; 2] = values;
            let (least, greatest) = (axis.position(one.min(other)), axis.position(one.max(other)));
            prop_assert!(0.0 <= least && least <= greatest && greatest <= 1.0);
        }

        /// There are at least two ticks, in ascending order on the axis, and their labels do not touch.
        #[test]
        fn labels_of_ticks_do_not_touch(axis in axes(), characters in 24_u32..200) {
            let length = f64::from(characters);
            let ticks = axis.ticks_across(length);
            prop_assert!(ticks.len() >= 2, "{:?}", ticks);
            prop_assert!(ticks.iter().all(|tick| (0.0..=1.0).contains(&tick.position)));
            for pair in ticks.windows(2) {
                let widths = u32::try_from(pair[0].label.len() + pair[1].label.len()).unwrap();
                let apart = (pair[1].position - pair[0].position) * length - f64::from(widths) / 2.0;
                prop_assert!(apart >= 1.0, "{}", labels(&ticks));
            }
        }

        /// The ticks of a linear axis of any length are at the multiples of one round step, starting at zero
        /// (only at zero and the last multiple, if there is no room for the others), and each label is
        /// exactly the duration at its tick.
        #[test]
        fn ticks_of_a_linear_axis_are_whole_multiples_of_a_round_step(nanos in 1_u64..LONGEST_NANOS, characters in 8_u32..200) {
            let ticks = Axis::linear(Duration::from_nanos(nanos)).ticks_across(characters.into());
            let at = |tick: &Tick| longsync_text::duration::parse(&tick.label).unwrap().as_nanos();
            let places: Vec<_> = ticks.iter().map(at).collect();
            let step = places[1];
            prop_assert_eq!(places[0], 0);
            prop_assert!(places.iter().all(|place| place.is_multiple_of(step)), "{}", labels(&ticks));
            let most = if ticks.len() > 2 { 1 } else { MOST_STEPS };
            let is_of = |round: u128| step.is_multiple_of(round) && step / round <= most;
            prop_assert!(steps().any(is_of), "{}", labels(&ticks));
            let axis = Axis::linear(Duration::from_nanos(nanos));
            for (tick, place) in ticks.iter().zip(places) {
                let exact = Duration::from_nanos(u64::try_from(place).unwrap());
                prop_assert!((tick.position - axis.position(nanoseconds(exact))).abs() < 1e-12);
            }
        }

        /// An axis has two ticks even if it is too short for them, and otherwise never more than it has
        /// lines.
        #[test]
        fn there_are_always_at_least_two_ticks(axis in axes(), length in 0_u32..60) {
            prop_assert!(axis.ticks_across(length.into()).len() >= 2);
            let ticks = axis.ticks_up(length.into());
            prop_assert!((2..=usize::try_from(length).unwrap().max(2)).contains(&ticks.len()));
        }

        /// A logarithmic axis covers its values, and at least a power of ten.
        #[test]
        fn a_logarithmic_axis_covers_its_values(nanos in proptest::collection::vec(1_u64..u64::MAX, 1..5)) {
            let axis = Axis::log(nanos.iter().copied().map(Duration::from_nanos));
            let Axis(Scale::Log { from, to }) = axis else { panic!("{axis:?}") };
            prop_assert!(nanos.iter().all(|nanos| (round(from)..=round(to)).contains(&u128::from(*nanos))));
            prop_assert!(to - from >= LEAST_SPAN);
        }
    }

    #[test]
    fn ticks_are_round() {
        let millis = Duration::from_millis;
        for (axis, characters, named) in [
            (Axis::linear(millis(4_014)), 60.0, "0s 1s 2s 3s 4s"),
            (Axis::linear(millis(502)), 60.0, "0s 100ms 200ms 300ms 400ms 500ms"),
            (Axis::linear(millis(502)), 30.0, "0s 200ms 400ms"),
            (Axis::linear(millis(502)), 10.0, "0s 500ms"),
            (Axis::linear(millis(150_000)), 60.0, "0s 30s 1m 90s 2m 150s"),
            (Axis::log([millis(1), millis(1_000)]), 40.0, "1ms 10ms 100ms 1s"),
            (
                Axis::log([millis(1), millis(1_000)]),
                80.0,
                "1ms 2ms 5ms 10ms 20ms 50ms 100ms 200ms 500ms 1s",
            ),
            (Axis::log([Duration::ZERO, millis(10)]), 60.0, "5ms 10ms 20ms 50ms"),
            (Axis::log([Duration::from_nanos(1), millis(5_000_000)]), 40.0, "1ns 1us 1ms 1s 1000s"),
            (Axis::percentiles(4), 60.0, "p50 p90 p99 p99.9 p99.99"),
            (Axis::percentiles(4), 120.0, "p50 p90 p95 p99 p99.5 p99.9 p99.95 p99.99"),
            (Axis::percentiles(0), 60.0, "p50 p90"),
            (Axis::amounts([1_000.0, f64::INFINITY]), 60.0, "0 200 400 600 800 1,000"),
            (Axis::amounts([20_000.0]), 60.0, "0 5,000 10,000 15,000 20,000"),
            (Axis::amounts([0.05]), 60.0, "0 0.01 0.02 0.03 0.04 0.05"),
            (Axis::amounts([]), 60.0, "0 0.2 0.4 0.6 0.8 1"),
        ] {
            assert_eq!(labels(&axis.ticks_across(characters)), named);
        }
    }

    #[test]
    fn heights_have_no_ticks_and_zero_is_at_the_bottom() {
        let axis = Axis::heights([1.0, 4.0, f64::NAN, f64::INFINITY]);
        assert!((0.9..1.0).contains(&axis.position(4.0)));
        assert!((axis.position(4.0) / 2.0 - axis.position(2.0)).abs() < 1e-12);
        assert!(Axis::heights([]).position(0.0).abs() < 1e-12);
        assert!(Axis::heights([1.0]).ticks_across(80.0).is_empty());
    }
}
