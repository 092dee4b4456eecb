//! The shares of workers in a run with a warm-up.

use super::*;

fn with_warm_up(
    schedule: &Schedule,
    warm_up: Duration,
    share: WorkerShare,
    most: usize,
) -> Vec<Arrival> {
    schedule.due_times(warm_up, share).unwrap().take(most).collect()
}

proptest! {
    /// Due times never decrease, in the warm-up, after it and at the transition; and the numbers of both
    /// parts count up.
    #[test]
    fn due_times_never_decrease(schedule in schedules(), warm_up in 0_u64..2 * SECOND_NS) {
        let warm_up = Duration::from_nanos(warm_up);
        let all = with_warm_up(&schedule, warm_up, alone(), 300);
        prop_assert!(all.is_sorted_by_key(|arrival| arrival.due));
        for is_warm_up in [true, false] {
            let numbers = all.iter().filter(|arrival| arrival.is_warm_up == is_warm_up).map(|arrival| arrival.number);
            prop_assert!(numbers.eq((0..).take(all.iter().filter(|arrival| arrival.is_warm_up == is_warm_up).count())));
        }
        for arrival in all {
            prop_assert_eq!(arrival.is_warm_up, arrival.due < Moment::START + warm_up);
        }
    }

    /// However many workers share a run, its calls have the same numbers and due times, and each belongs to
    /// one worker: worker k of N has the calls k, k + N, k + 2 N...
    #[test]
    fn workers_share_the_same_calls(schedule in schedules(), workers in 1_usize..9) {
        const EACH: usize = 40;
        let workers = NonZeroUsize::new(workers).unwrap();
        let mut shared = Vec::new();
        for index in 0..workers.get() {
            let its = with_warm_up(&schedule, Duration::ZERO, WorkerShare::of(index, workers), EACH);
            let numbers = (index as u64..).step_by(workers.get()).take(its.len());
            prop_assert!(its.iter().map(|arrival| arrival.number).eq(numbers));
            shared.extend(its);
        }
        shared.sort_unstable_by_key(|arrival| arrival.number);
        prop_assert_eq!(shared, with_warm_up(&schedule, Duration::ZERO, alone(), EACH * workers.get()));
    }

    /// The same for complete runs that end, including their warm-up.
    #[test]
    fn the_union_of_all_shares_is_the_entire_run((text, _) in profile(), arrivals in arrivals(), seed in any::<u64>(), workers in 1_usize..9) {
        let schedule = open(&text, arrivals, seed);
        let warm_up = Duration::from_millis(300);
        let workers = NonZeroUsize::new(workers).unwrap();
        let all = |share| with_warm_up(&schedule, warm_up, share, usize::MAX);
        let mut shared: Vec<_> = (0..workers.get()).flat_map(|index| all(WorkerShare::of(index, workers))).collect();
        shared.sort_unstable_by_key(|arrival| (!arrival.is_warm_up, arrival.number));
        prop_assert_eq!(shared, all(alone()));
    }

    /// Portions add up to the total.
    #[test]
    fn portions_add_up_to_the_total(total in 0_usize..10_000, workers in 1_usize..40) {
        let workers = NonZeroUsize::new(workers).unwrap();
        let portions: Vec<_> = (0..workers.get()).map(|index| WorkerShare::of(index, workers).portion(total)).collect();
        prop_assert_eq!(portions.iter().sum::<usize>(), total);
        let (least, most) = (portions.iter().min().unwrap(), portions.iter().max().unwrap());
        prop_assert!(most - least <= 1);
    }
}

#[test]
fn a_warm_up_has_the_first_rate_of_the_schedule_and_numbers_of_its_own() {
    let schedule = open("line(from=2/s, to=4/s, in=1s)", Arrivals::Constant, 0);
    let all = with_warm_up(&schedule, Duration::from_millis(1_500), alone(), 20);
    let warm = |number: u64, millis: u64| (true, number, millis * 1_000_000);
    let expected = [
        warm(0, 0),
        warm(1, 500),
        warm(2, 1_000),
        (false, 0, 1_500_000_000),
        (false, 1, 1_914_213_562),
        (false, 2, 2_232_050_807),
    ];
    let all: Vec<_> = all.iter().map(|it| (it.is_warm_up, it.number, it.due.as_nanos())).collect();
    assert_eq!(all, expected);
}

#[test]
fn a_warm_up_is_drawn_separately_and_does_not_change_the_recorded_calls() {
    for arrivals in [Arrivals::Poisson, Arrivals::Uniform] {
        let schedule = open("constant(1000/s)", arrivals, 1);
        let warm_up = Duration::from_secs(1);
        let all = with_warm_up(&schedule, warm_up, alone(), 3_000);
        let ns = |is_warm_up| {
            let of = all.iter().filter(move |arrival| arrival.is_warm_up == is_warm_up);
            of.map(|arrival| arrival.due.as_nanos()).collect::<Vec<_>>()
        };
        let (warm, recorded) = (ns(true), ns(false));
        let without: Vec<_> =
            due_ns(&schedule, recorded.len()).iter().map(|at| at + SECOND_NS).collect();
        assert_eq!(recorded, without);
        assert!(
            warm[..10].iter().zip(&recorded).all(|(warm, recorded)| warm + SECOND_NS != *recorded)
        );
    }
}

#[test]
fn a_schedule_without_a_first_rate_has_no_warm_up() {
    let lacks = |schedule: Schedule| schedule.lacks_warm_up().is_some();
    assert!(lacks(open("line(from=0/s, to=5/s, in=1s)", Arrivals::Constant, 0)));
    assert!(lacks(Schedule::Replay(Replay::read("0\n1").unwrap())));
    assert!(lacks(Schedule::AtOnce));
    let closed =
        |text: &str| Schedule::Closed { concurrency: text.parse().unwrap(), think: Duration::ZERO };
    assert!(lacks(closed("line(from=0, to=5, in=1s)")));
    assert!(!lacks(closed("line(from=1, to=5, in=1s)")));
    assert!(!lacks(Schedule::constant(rate("1/h"))));
}
