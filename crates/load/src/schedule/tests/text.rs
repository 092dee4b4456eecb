//! Texts of schedules.

use std::fmt::Write as _;

use super::*;

fn read(text: &str) -> Result<String, String> {
    text.parse::<Profile>().map(|profile| profile.to_string()).map_err(|why| why.to_string())
}

proptest! {
    /// A printed profile is read back as the same profile.
    #[test]
    fn print_then_read_is_the_same((text, _) in profile(), rate in proptest::option::of(0_u64..=3_600_000_000_000_000_000)) {
        let last = rate.map(|millionths| Rate::from_millionths_per_hour(millionths).unwrap());
        let text = text + &last.map_or(String::new(), |last| format!("; constant({last})"));
        let profile: Profile = text.parse().unwrap();
        prop_assert_eq!(profile.to_string().parse(), Ok(profile));
    }

    /// Any text at all, made of the letters and marks of the language, is either read or refused in a short
    /// sentence without control characters; a text that was read can be printed and read back. Nothing
    /// panics.
    #[test]
    fn any_text_is_read_or_refused(
        text in "((constant|step|line)\\(|[0-9.]{1,9}(/s|/min|k/s|M/s|ns|ms|s|h|d)?|from=|to=|by=|every=|in=|for=|, |; ?|\\)|\\PC|[\\x00-\\x20]){0,24}",
    ) {
        for said in [text.parse::<Profile>().err(), text.parse::<Concurrency>().err()].into_iter().flatten() {
            let said = said.to_string();
            prop_assert!(said.len() <= 1_024 && !said.contains(char::is_control), "{}", said);
        }
        if let Ok(profile) = text.parse::<Profile>() {
            prop_assert_eq!(profile.to_string().parse(), Ok(profile));
        }
        if let Ok(concurrency) = text.parse::<Concurrency>() {
            prop_assert_eq!(concurrency.to_string().parse(), Ok(concurrency));
        }
    }
}

#[test]
fn a_profile_is_printed_in_its_canonical_form() {
    for (text, printed) in [
        ("constant(1000/s, for=60s)", "constant(1000/s, for=1m)"),
        ("constant(2k)", "constant(2000/s)"),
        (" constant( 120/min,for=1m30s ) ;", "constant(2/s, for=90s)"),
        (
            "step(every=10s, by=100/s, to=1k/s, from=100)",
            "step(from=100/s, to=1000/s, by=100/s, every=10s)",
        ),
        (
            "line(from=0, to=1000, in=60s);constant(0/h, for=5s)\n;constant(1/h)",
            "line(from=0/s, to=1000/s, in=1m); constant(0/s, for=5s); constant(1/h)",
        ),
    ] {
        assert_eq!(read(text), Ok(printed.to_owned()));
    }
    let closed: Concurrency = "constant(1k, for=10s);line(from=0,to=100,in=60s)".parse().unwrap();
    assert_eq!(closed.to_string(), "constant(1000, for=10s); line(from=0, to=100, in=1m)");
}

#[test]
fn mistakes_are_reported_with_their_column() {
    let mut said = String::new();
    for text in [
        "",
        " ",
        ";",
        "1000/s",
        "ramp(1/s)",
        "constant",
        "constant(",
        "constant(/s)",
        "constant(10/m)",
        "constant(10/s",
        "constant(10/s for=1s)",
        "constant(10/s, 1s)",
        "constant(10/s, for=1)",
        "constant(10/s, for=0s)",
        "constant(10/s, for=1s, for=1s)",
        "constant(10/s); constant(5/s)",
        "constant(1/s, for=1s) constant(1/s)",
        "constant(1/s, for=8760h); constant(1/s, for=1ns)",
        "step(from=1/s, to=2/s, every=1s)",
        "step(from=1/s, to=2/s, by=0/s, every=1s)",
        "step(from=1/s, to=2/s, by=2/s, every=1s)",
        "step(from=0/s, to=1M/s, by=1/s, every=1s)",
        "step(from=1/s, to=100/s, by=1/s, every=8000h)",
        "line(from=1/s, from=2/s, in=1s)",
        "line(from=1/s, to=2/s, in=0)",
        "line(from=1/s; to=2/s)",
        "line(1/s, 2/s, 1s)",
        "line(from=1/s, to=2000M/s, in=1s)",
        "constant(1\u{1b}[31m/s)",
        "constant(1/s, for=1s); é",
    ] {
        writeln!(said, "{}", read(text).unwrap_err()).unwrap();
    }
    assert_eq!(said, include_str!("mistakes.txt"));
    for (text, said) in [
        (
            "constant(10/s)",
            "`constant(10/s)` is wrong at column 10: `10/s` is not a count: write a whole number such as 10000, 10k or 1M",
        ),
        (
            "step(from=1, to=64, every=1s)",
            "`step(from=1, to=64, every=1s)` is wrong at column 1: it has no by=: write, for example, step(from=1, to=64, by=1, every=1s)",
        ),
    ] {
        assert_eq!(text.parse::<Concurrency>().unwrap_err().to_string(), said);
    }
}
