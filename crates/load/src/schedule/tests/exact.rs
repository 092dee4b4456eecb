//! Due times to the nanosecond, checked against a search that knows only areas.

use super::super::curve::{CALL, RateCurve};
use super::super::piece::{Pieces, SchedulePiece, Segment};
use super::*;

/// One call per second, in millionths of a call per hour.
const PER_SECOND: u128 = 3_600_000_000;

/// Whether the area of these stretches up to a time is at most `reached`, counted twice like [`CALL`].
fn is_at_most(stretches: &[Stretch], until_ns: u64, reached: u128) -> bool {
    let (mut before, mut start_ns) = (0_u128, 0_u64);
    for (from, to, length) in stretches {
        let (from, to) = (u128::from(*from) * PER_SECOND, u128::from(*to) * PER_SECOND);
        let t = u128::from((until_ns - start_ns).min(*length));
        let length_ns = u128::from(*length);
        // 2 from t + (to - from) t^2 / T, multiplied by T. The loop ends with this stretch, so there is
        // only one fraction to multiply out.
        if t < length_ns {
            let area = 2 * from * t * length_ns + to * t * t - from * t * t;
            return before * length_ns + area <= reached * length_ns;
        }
        before += (from + to) * length_ns;
        start_ns += length;
    }
    before <= reached
}

/// The latest time at which the area is at most `reached`, if it ever exceeds that.
fn found(stretches: &[Stretch], reached: u128) -> Option<u64> {
    let end: u64 = stretches.iter().map(|(_, _, length)| length).sum();
    if is_at_most(stretches, end, reached) {
        return None;
    }
    let (mut is, mut is_not) = (0, end);
    while is_not - is > 1 {
        let middle = is + (is_not - is) / 2;
        if is_at_most(stretches, middle, reached) { is = middle } else { is_not = middle }
    }
    Some(is)
}

fn rate_is_zero_at(stretches: &[Stretch], at_ns: u64) -> bool {
    let mut start_ns = 0;
    for (from, to, length) in stretches {
        if at_ns - start_ns < *length {
            return (*from, *to) == (0, 0);
        }
        start_ns += length;
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// In any chain of pieces, call n is due at the latest nanosecond up to which the integral of the rate is
    /// at most n; and if the integral never exceeds n, there is no call n.
    #[test]
    fn constant_arrivals_are_exact((text, stretches) in profile()) {
        let schedule = open(&text, Arrivals::Constant, 0);
        let due = due_ns(&schedule, 400);
        for number in 0..=due.len().min(399) {
            let expected = found(&stretches, number as u128 * CALL);
            prop_assert_eq!(due.get(number).copied(), expected, "{} of {}", number, text);
        }
    }

    /// No call is due while the rate is 0, nor at the end or later, under any law.
    #[test]
    fn no_call_is_due_while_the_rate_is_zero((text, stretches) in profile(), arrivals in arrivals(), seed in any::<u64>()) {
        let schedule = open(&text, arrivals, seed);
        let end: u64 = stretches.iter().map(|(_, _, length)| length).sum();
        prop_assert_eq!(schedule.end(), Some(Duration::from_nanos(end)));
        for at in due_ns(&schedule, 400) {
            prop_assert!(at < end, "{} {}", at, text);
            prop_assert!(!rate_is_zero_at(&stretches, at), "{} {}", at, text);
        }
    }

    /// The number of calls expected until a time is the number of those that are due before it.
    #[test]
    fn as_many_calls_are_due_as_are_expected((text, stretches) in profile(), share in 0.0_f64..1.2) {
        let schedule = open(&text, Arrivals::Constant, 0);
        let due = due_ns(&schedule, 1_000_000);
        let end: u64 = stretches.iter().map(|(_, _, length)| length).sum();
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any time will do")]
        let until = (end as f64 * share) as u64;
        for until in [until, end, 0, u64::MAX].into_iter().chain(due.first().copied()) {
            let expected = schedule.expected_calls(Moment::from_nanos(until));
            prop_assert_eq!(expected, Some(due.partition_point(|at| *at < until) as u64));
        }
    }

    /// The same for the most extreme rates and times that are allowed: at the due time of any number of calls
    /// the area is at most that number, and a nanosecond later it is greater.
    #[test]
    fn extreme_lines_are_exact(
        from in 0_u64..=3_600_000_000_000_000_000,
        to in 0_u64..=3_600_000_000_000_000_000,
        shift in 0_u32..55,
        length in 1_u64..=31_536_000_000_000_000,
        share in any::<u64>(),
        is_from_zero in any::<bool>(),
    ) {
        let of = |millionths| Rate::from_millionths_per_hour(millionths).unwrap();
        let (from, to) = if is_from_zero { (0, to) } else { (from, to >> shift) };
        let length = (length >> shift).max(1);
        let (from, to) = if share.is_multiple_of(2) { (from, to) } else { (to, from) };
        let mut pieces = Pieces::default();
        let piece = SchedulePiece::Line { from: of(from), to: of(to), length: Duration::from_nanos(length) };
        pieces.push(piece).unwrap();
        let segment = pieces.segments()[0];
        let curve = RateCurve::new(pieces);
        let area = (u128::from(from) + u128::from(to)) * u128::from(length);
        let (reached, _) = wide::ratio(area, share, u64::MAX);
        match curve.time_of(reached, &mut 0) {
            None => prop_assert!(reached >= area),
            Some(at) => {
                let (area, is_more) = segment.area_to(at);
                prop_assert!(area < reached || (area == reached && !is_more), "{} {}", at, reached);
                let (area, is_more) = segment.area_to(at + 1);
                prop_assert!(area > reached || (area == reached && is_more), "{} {}", at, reached);
            }
        }
    }

    /// The area under a line is rounded down, and it is reported whether anything was rounded off.
    #[test]
    fn areas_are_rounded_down(from in 0_u64..1_000, to in 0_u64..1_000, length in 1_u64..1_000, now in any::<prop::sample::Index>()) {
        let now = now.index(usize::try_from(length).unwrap()) as u64;
        let segment = Segment { start_ns: 0, length_ns: length, from, to };
        let product = 2 * from * now * length + to * now * now - from * now * now;
        let expected = (u128::from(product / length), !product.is_multiple_of(length));
        prop_assert_eq!(segment.area_to(now), expected);
    }

    /// Call n of a constant rate is due at n / rate, rounded down, however late in the run: errors do not
    /// accumulate.
    #[test]
    fn a_constant_rate_does_not_drift(calls in 1_u64..=1_000_000_000, second in 0_u64..31_536_000, more in 0_u64..1_000_000_000) {
        let profile = Profile::constant(Rate::per_second(calls).unwrap());
        let number = u128::from(calls) * u128::from(second) + u128::from(more);
        let nanos = number * u128::from(SECOND_NS) / u128::from(calls);
        prop_assert_eq!(profile.curve().time_of(number * CALL, &mut 0).map(u128::from), Some(nanos));
    }
}

#[test]
fn the_calls_of_a_line_are_due_at_square_roots() {
    // 10 t^2 calls have been due after t seconds.
    let due = due_ns(&open("line(from=0/s, to=20/s, in=1s)", Arrivals::Constant, 0), 20);
    let expected =
        [0, 316_227_766, 447_213_595, 547_722_557, 632_455_532, 707_106_781, 774_596_669];
    assert_eq!(due[..7], expected);
    assert_eq!(due.len(), 10);
    // The same line backwards: the first call is due at once, and 10 - n calls are left at 10 (1 - t)^2.
    let due = due_ns(&open("line(from=20/s, to=0/s, in=1s)", Arrivals::Constant, 0), 20);
    assert_eq!(due[..2], [0, 51_316_701]);
    assert_eq!((due.len(), due[9]), (10, 683_772_233));
}

#[test]
fn each_piece_makes_the_calls_that_it_would_make_on_its_own() {
    let text =
        "constant(2/s, for=1s); constant(0/s, for=5s); step(from=1/s, to=4/s, by=2/s, every=1s)";
    let due = due_ns(&open(text, Arrivals::Constant, 0), 20);
    let expected = [0, 500_000_000, 6_000_000_000, 7_000_000_000, 7_333_333_333, 7_666_666_666];
    assert_eq!(due, expected);
}

#[test]
fn a_profile_that_begins_with_a_rate_of_zero_has_its_first_call_after_that() {
    let text = "constant(0/s, for=5s); constant(1/s, for=2s); constant(0/s)";
    assert_eq!(due_ns(&open(text, Arrivals::Constant, 0), 9), [5_000_000_000, 6_000_000_000]);
}

#[test]
fn a_rate_of_zero_throughout_has_no_calls_and_does_not_hang() {
    for arrivals in [Arrivals::Constant, Arrivals::Poisson, Arrivals::Uniform] {
        for text in ["constant(0/s)", "line(from=0/s, to=0/s, in=8760h)"] {
            assert_eq!(due_ns(&open(text, arrivals, 1), 2), Vec::<u64>::new());
        }
        // A call every hundred years or so, until 64 bits of nanoseconds have passed.
        let due = due_ns(&open("constant(0.000001/h)", arrivals, 1), 100);
        assert!((1..=20).contains(&due.len()), "{due:?}");
        let silent = open("constant(0/s)", arrivals, 1);
        assert!(!silent.has_calls(None) && !silent.has_calls(Some(Duration::MAX)));
    }
}

#[test]
fn rate_at_is_the_rate_at_that_time() {
    let schedule = open("line(from=0/s, to=100/s, in=10s); constant(7/min)", Arrivals::Poisson, 1);
    let at =
        |seconds: f64| schedule.rate_at(Moment::START + Duration::from_secs_f64(seconds)).unwrap();
    for (seconds, expected) in [(0.0, 0.0), (2.5, 25.0), (10.0, 7.0 / 60.0), (1e6, 7.0 / 60.0)] {
        assert!((at(seconds) - expected).abs() < 1e-9, "{seconds}");
    }
    assert_eq!(
        open("constant(5/s, for=1s)", Arrivals::Constant, 0).rate_at(Moment::from_nanos(SECOND_NS)),
        Some(0.0)
    );
    assert_eq!(Schedule::closed(NonZeroUsize::MIN).rate_at(Moment::START), None);
    assert_eq!(Schedule::AtOnce.expected_calls(Moment::START), None);
}
