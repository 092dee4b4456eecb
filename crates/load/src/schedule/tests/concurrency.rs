//! How many calls are in flight over time.

use super::*;

fn at(schedule: &Concurrency, nanos: u64) -> u64 {
    schedule.at(Moment::from_nanos(nanos))
}

/// The text of short pieces, so that every nanosecond can be checked.
fn text() -> impl Strategy<Value = String> {
    let piece =
        (0_u64..20, 0_u64..20, 1_u64..60, 0_u8..3).prop_map(
            |(from, to, length, form)| match form {
                0 => format!("constant({from}, for={length}ns)"),
                1 if from != to => format!("step(from={from}, to={to}, by=1, every={length}ns)"),
                _ => format!("line(from={from}, to={to}, in={length}ns)"),
            },
        );
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.join("; "))
}

proptest! {
    /// The next change is the first nanosecond at which the number is a different one.
    #[test]
    fn the_next_change_is_the_first(text in text()) {
        let schedule: Concurrency = text.parse().unwrap();
        let end = u64::try_from(schedule.end().unwrap().as_nanos()).unwrap();
        let numbers: Vec<_> = (0..=end).map(|nanos| at(&schedule, nanos)).collect();
        prop_assert_eq!(numbers.last(), Some(&0));
        for (now, number) in numbers.iter().enumerate() {
            let first = numbers[now..].iter().position(|other| other != number).map(|more| (now + more) as u64);
            let next = schedule.next_change(Moment::from_nanos(now as u64)).map(Moment::as_nanos);
            prop_assert_eq!(next, first, "{} at {}", schedule, now);
        }
        prop_assert!(numbers.iter().all(|number| *number <= schedule.most()));
    }

    /// Along a line the number is the nearest whole number.
    #[test]
    fn along_a_line_it_is_the_nearest_number(from in 0_u64..1_000, to in 0_u64..1_000, length in 1_u64..10_000_000, now in any::<prop::sample::Index>()) {
        let schedule: Concurrency = format!("line(from={from}, to={to}, in={length}ns)").parse().unwrap();
        let now = now.index(usize::try_from(length).unwrap()) as u64;
        let (from, to, length, now_i) = (i128::from(from), i128::from(to), i128::from(length), i128::from(now));
        // The distance between the number and the amount, multiplied by the length.
        let off = i128::from(at(&schedule, now)) * length - (from * length + (to - from) * now_i);
        prop_assert!(2 * off <= length && 2 * off > -length, "{} {}", off, length);
    }
}

#[test]
fn the_number_changes_in_steps_and_along_lines() {
    let schedule: Concurrency =
        "constant(64, for=10s); step(from=1, to=3, by=1, every=1s); line(from=0, to=100, in=60s)"
            .parse()
            .unwrap();
    let seconds = |seconds: u64| at(&schedule, seconds * SECOND_NS);
    assert_eq!([0, 9, 10, 11, 12, 13, 43, 72, 73].map(seconds), [64, 64, 1, 2, 3, 0, 50, 98, 0]);
    let change = |seconds: u64| {
        schedule.next_change(Moment::from_nanos(seconds * SECOND_NS)).map(Moment::as_nanos)
    };
    assert_eq!(change(0), Some(10 * SECOND_NS));
    assert_eq!(change(13), Some(13 * SECOND_NS + 300_000_000));
    assert_eq!(change(73), None);
    assert_eq!(schedule.most(), 100);
    let endless = Concurrency::constant(NonZeroUsize::new(50).unwrap());
    assert_eq!(
        (at(&endless, u64::MAX - 1), endless.end(), endless.next_change(Moment::START)),
        (50, None, None)
    );
}
