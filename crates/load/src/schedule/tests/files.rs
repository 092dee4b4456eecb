//! Schedules from files.

use std::fmt::Write as _;

use super::*;

fn points(text: &str) -> Result<Profile, String> {
    Profile::from_csv(text).map_err(|why| why.to_string())
}

fn replay(text: &str) -> Result<Replay, String> {
    Replay::read(text).map_err(|why| why.to_string())
}

proptest! {
    /// A profile from points consists of the lines between them.
    #[test]
    fn a_profile_from_points_is_the_lines_between_them(first in 0_u32..100, rest in prop::collection::vec((1_u32..5_000_000, 0_u32..100), 1..9)) {
        let (mut csv, mut pieces) = (format!("seconds,rate\n0,{first}\n"), Vec::new());
        let (mut micros, mut from) = (0_u64, first);
        for (length, to) in rest {
            micros += u64::from(length);
            writeln!(csv, "{}.{:06}, {to}/s", micros / 1_000_000, micros % 1_000_000).unwrap();
            pieces.push(format!("line(from={from}/s, to={to}/s, in={length}us)"));
            from = to;
        }
        let by_points = Schedule::Open { profile: points(&csv).unwrap(), arrivals: Arrivals::Constant, seed: 0 };
        let by_lines = open(&pieces.join(";"), Arrivals::Constant, 0);
        prop_assert_eq!(by_points.end(), by_lines.end());
        prop_assert_eq!(due_ns(&by_points, 2_000), due_ns(&by_lines, 2_000));
    }

    /// Call n is due at the nth time divided by the speed, rounded down to a nanosecond.
    #[test]
    fn replays_are_exact(mut nanos in prop::collection::vec(0_u64..20_000_000_000, 1..50), speed in 1_u64..100_000_000) {
        nanos.sort_unstable();
        let text: Vec<_> = nanos.iter().map(|it| format!("{}.{:09}\n", it / SECOND_NS, it % SECOND_NS)).collect();
        let speed_text = format!("{}.{:06}", speed / 1_000_000, speed % 1_000_000);
        let replay = replay(&text.concat()).unwrap().at_speed(speed_text.parse().unwrap());
        let Ok(replay) = replay else { return Ok(()) };
        let expected: Vec<_> = nanos.iter().map(|it| u128::from(*it) * 1_000_000 / u128::from(speed)).collect();
        let found = due_ns(&Schedule::Replay(replay), usize::MAX);
        prop_assert_eq!(found.iter().map(|it| u128::from(*it)).collect::<Vec<_>>(), expected);
    }

    /// Any text at all is either read or refused; nothing panics.
    #[test]
    fn any_file_is_read_or_refused(text in "([0-9.]{1,12}(,[0-9]{1,4}(/s|/min)?)?\n|#\\PC{0,3}\n|\\PC{0,6}){0,12}") {
        let _ = (points(&text), replay(&text));
    }
}

#[test]
fn points_are_read_with_comments_and_units() {
    let text =
        "\u{feff}# a ramp\n\nseconds,rate\r\n0, 120/min\r\n 1.5 ,2\n# up\n2.000000001,1k/s\n";
    let profile = points(text).unwrap();
    let canonical = "constant(2/s, for=1.5s); line(from=2/s, to=1000/s, in=500.000001ms)";
    assert_eq!(profile.to_string(), canonical);
    assert_eq!(canonical.parse(), Ok(profile));
}

#[test]
fn a_replay_repeats_its_times() {
    let text = "seconds\n# first\n0.25\n0.25\n\n1.000000003\n";
    assert_eq!(
        due_ns(&Schedule::Replay(replay(text).unwrap()), 9),
        [250_000_000, 250_000_000, 1_000_000_003]
    );
    let twice = replay(text).unwrap().at_speed("2".parse().unwrap()).unwrap();
    let schedule = Schedule::Replay(twice);
    assert_eq!(due_ns(&schedule, 9), [125_000_000, 125_000_000, 500_000_001]);
    assert_eq!(schedule.end(), Some(Duration::from_nanos(500_000_001)));
    assert_eq!(schedule.expected_calls(Moment::from_nanos(500_000_001)), Some(2));
    assert_eq!(schedule.rate_at(Moment::from_nanos(700_000_000)), Some(3.0));
    assert!(schedule.has_calls(None) && !schedule.has_calls(Some(Duration::from_millis(125))));
}

#[test]
fn a_wrong_line_is_named() {
    let a_line = "write a time in seconds, a comma and a rate, such as 2.5,1000";
    for (text, said) in [
        ("", format!("a schedule file needs at least two lines, one for its end: {a_line}")),
        (
            "seconds,rate\n0,1\n",
            format!("a schedule file needs at least two lines, one for its end: {a_line}"),
        ),
        ("0,1\n2\n", format!("line 2: {a_line}")),
        (
            "0,1\n1,1,1\n",
            "line 2: `1,1` is not a rate: write one such as 2000/s, 120/min or 2k/s".to_owned(),
        ),
        (
            "# x\n\n1,5\n2,5\n",
            "line 3: the first time must be 0: write the rate at which the run begins".to_owned(),
        ),
        (
            "0,5\n1,5\n1,6\n",
            "line 3: the time is not later than that of the line before: times must ascend"
                .to_owned(),
        ),
        (
            "0,5\n1,5\nseconds,rate\n",
            "line 3: `seconds` is not a time in seconds: write digits alone, such as 12.5"
                .to_owned(),
        ),
        (
            "0,5\n-1,5\n",
            "line 2: `-1` is not a time in seconds: write digits alone, such as 12.5".to_owned(),
        ),
        (
            "0,5\n1.0000000001,5",
            "line 2: `1.0000000001` is finer than a nanosecond: write at most nine decimals"
                .to_owned(),
        ),
        (
            "0,5\n31536001,5",
            "line 2: `31536001` is longer than a year: write at most 31536000".to_owned(),
        ),
        (
            "0,5\n1,-5",
            "line 2: `-5` is not a rate: write one such as 2000/s, 120/min or 2k/s".to_owned(),
        ),
        (
            "0,\u{1b}[31m\n",
            "line 1: `\\u{1b}[31m` is not a rate: write one such as 2000/s, 120/min or 2k/s"
                .to_owned(),
        ),
    ] {
        assert_eq!(points(text), Err(said), "{text:?}");
    }
    for (text, said) in [
        (
            "# nothing\n",
            "a replay needs at least one time: write one per line in seconds, such as 2.5",
        ),
        ("0\n2\n1\n", "line 3: the time is earlier than that of the line before: sort the file"),
        ("0\n1s\n", "line 2: `1s` is not a time in seconds: write digits alone, such as 12.5"),
        ("1,2\n", "line 1: `1,2` is not a time in seconds: write digits alone, such as 12.5"),
    ] {
        assert_eq!(replay(text), Err(said.to_owned()), "{text:?}");
    }
}

#[test]
fn a_speed_is_a_number_above_zero() {
    for (text, printed) in
        [("2", "2"), (" 0.50 ", "0.5"), ("1000000", "1000000"), ("0.000001", "0.000001")]
    {
        assert_eq!(text.parse::<Speed>().unwrap().to_string(), printed);
    }
    for text in ["", "0", "0.0", "-1", "2x", "1e3", "0.0000001", "1000001", &"9".repeat(60)] {
        let why = text.parse::<Speed>().unwrap_err().to_string();
        assert!(why.ends_with("with at most six decimals, such as 2 or 0.5"), "{why}");
    }
    let slow = replay("31536000").unwrap().at_speed("0.5".parse().unwrap()).unwrap_err();
    assert_eq!(
        slow.to_string(),
        "at a speed of 0.5 the replay takes longer than a year: make it faster"
    );
}

#[test]
fn more_points_than_are_kept_are_refused() {
    let lines: Vec<_> = (0..1_000_003).map(|second| format!("{second},1")).collect();
    let text = lines.join("\n");
    let why = points(&text).unwrap_err();
    assert_eq!(
        why,
        "line 1000002: the schedule has too many steps here: it may have at most 1000000"
    );
}
