//! Passing over many calls at once, checked against taking them one by one.

use super::*;
use crate::due_calls::DueCalls;
use crate::stop::StopCondition;

/// Moments, most of which are among the due times of the test's schedules, or at the end of their pieces.
fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let moment = prop_oneof![
        4 => 0_u64..6 * SECOND_NS,
        2 => (0_u64..12).prop_map(|halves| halves * SECOND_NS / 2),
        1 => (0_u64..40, 1_u64..40).prop_map(|(part, rate)| part * SECOND_NS / rate),
    ];
    prop::collection::vec(moment.prop_map(Moment::from_nanos), 1..8).prop_map(|mut moments| {
        moments.sort_unstable();
        moments
    })
}

/// A schedule of few calls per second, and of a few that are due at once.
fn slow() -> impl Strategy<Value = Schedule> {
    let open = (profile(), arrivals(), any::<u64>())
        .prop_map(|((text, _), arrivals, seed)| open(&text, arrivals, seed));
    let replay = prop::collection::vec(0_u64..12, 1..80).prop_map(|mut halves| {
        halves.sort_unstable();
        let lines: Vec<_> = halves.iter().map(|it| format!("{}.{}", it / 2, it % 2 * 5)).collect();
        Schedule::Replay(Replay::read(&lines.join("\n")).unwrap())
    });
    prop_oneof![6 => open, 2 => replay, 1 => Just(Schedule::AtOnce)]
}

fn share() -> impl Strategy<Value = WorkerShare> {
    (0_usize..5, 1_usize..5)
        .prop_map(|(index, of)| WorkerShare::of(index, NonZeroUsize::new(of).unwrap()))
}

fn counted(arrivals: &[Arrival]) -> (u64, u64, Option<Moment>) {
    let warm_up = arrivals.iter().filter(|arrival| arrival.is_warm_up).count() as u64;
    let last = arrivals.last().map(|arrival| arrival.due);
    (warm_up, arrivals.len() as u64 - warm_up, last)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Passing over the calls that are due before a moment counts the same calls as taking them one by one,
    /// and leaves the same next call, wherever one begins and however few are passed over at a time.
    #[test]
    fn calls_are_passed_over_as_they_are_taken(schedule in slow(), share in share(), moments in moments(), warm_up in 0_u64..2 * SECOND_NS, calls in 0_u64..100, most in 1_u64..20, taken in 0_usize..4) {
        let warm_up = Duration::from_nanos(warm_up);
        let times = || schedule.due_times(warm_up, share).unwrap();
        let mut passing = times();
        let mut left: Vec<_> = times().take(1_000).collect();
        for until in moments {
            for _ in 0..taken {
                let next = (!left.is_empty()).then(|| left.remove(0));
                prop_assert_eq!(passing.next(), next);
            }
            let is_passed = |it: &Arrival| it.due < until && (it.is_warm_up || it.number < calls);
            let count = left.iter().take_while(|it| is_passed(it)).count();
            let passed: Vec<_> = left.drain(..count).collect();
            let (mut warm, mut recorded, mut last_due) = (0, 0, None);
            loop {
                let some = passing.pass(until, calls, most);
                warm += some.warm_up;
                recorded += some.recorded;
                last_due = some.last_due.or(last_due);
                if some.is_complete {
                    break;
                }
                prop_assert!(some.warm_up + some.recorded >= most);
            }
            prop_assert_eq!((warm, recorded, last_due), counted(&passed));
        }
        prop_assert_eq!(passing.next(), left.first().copied());
    }

    /// A run passes over exactly the calls that it would make, whether or not it has looked at the next one.
    #[test]
    fn a_run_passes_over_the_calls_it_makes(schedule in slow(), share in share(), moments in moments(), looks in any::<[bool; 8]>(), calls in 0_u64..100, millis in 0_u64..5_000) {
        let time = Duration::from_millis(millis);
        let stop = StopCondition::after_calls_or(calls, time);
        let warm_up = Duration::from_millis(700);
        let mut run = DueCalls::new(&schedule, &stop, warm_up, share).unwrap();
        let all = schedule.due_times(warm_up, share).unwrap().take(1_000);
        let mut left: Vec<_> = all.take_while(|it| stop.allows_arrival(it, warm_up)).collect();
        for (until, looks) in moments.into_iter().zip(looks) {
            if looks {
                prop_assert_eq!(run.peek(), left.first().copied());
            }
            let count = left.iter().take_while(|it| it.due < until).count();
            let passed: Vec<_> = left.drain(..count).collect();
            let it = run.pass(until);
            prop_assert!(it.is_complete);
            prop_assert_eq!((it.warm_up, it.recorded, it.last_due), counted(&passed));
        }
        prop_assert_eq!(run.peek(), left.first().copied());
    }
}

#[test]
fn as_many_calls_as_there_can_be_are_passed_over_in_one_step() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    let fastest = Rate::per_second(1_000_000_000).unwrap();
    for arrivals in [Arrivals::Constant, Arrivals::Uniform] {
        let profile = Profile::constant(fastest);
        let schedule = Schedule::Open { profile, arrivals, seed: 3 };
        let mut times = schedule
            .due_times(Duration::ZERO, WorkerShare::of(1, NonZeroUsize::new(3).unwrap()))
            .unwrap();
        let passed = times.pass(Moment::START + YEAR, u64::MAX, 10);
        assert!(passed.is_complete);
        assert_eq!(passed.recorded, 365 * 24 * 3600 * 1_000_000_000 / 3, "{arrivals:?}");
        let next = times.next().unwrap();
        assert_eq!((next.number % 3, next.due >= Moment::START + YEAR), (1, true));
    }
    let mut at_once = Schedule::AtOnce.due_times(Duration::ZERO, alone()).unwrap();
    assert_eq!(at_once.pass(Moment::from_nanos(1), u64::MAX - 1, 10).recorded, u64::MAX - 1);
}
