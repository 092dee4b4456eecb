use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

const EXPOSITION: &str = r#"# HELP rpc_seconds How long calls took, {in seconds}.
# TYPE rpc_seconds histogram
rpc_seconds_bucket{method="a\"}\\",le="0.005"} 3 1700000000000
rpc_seconds_bucket{method="a\"}\\",le="5e-02"} 1.5e+01 # {trace_id="x"} 0.04 1700000000.0
rpc_seconds_bucket{method="a\"}\\",le="+Inf"} 16
rpc_seconds_sum{method="a"} 0.25
rpc_seconds_count{method="a"} 16
rpc_seconds_bucket{le="0.005", method="b",} 0
rpc_seconds_bucket{le="0.05", method="b",} 4
rpc_seconds_bucket{le="+Inf", method="b",} 4
# TYPE up gauge
up 1
# EOF
"#;

fn percentiles(text: &str) -> Vec<(u32, u64)> {
    match Observation::read(text.as_bytes()) {
        Ok(Observation::Percentiles(percentiles)) => percentiles.points().to_vec(),
        other => panic!("{text}: {other:?}"),
    }
}

proptest! {
    /// Any text that looks like one of the forms is read or refused; nothing panics.
    #[test]
    fn any_text_is_read_or_refused(
        text in "(# TYPE |a_bucket\\{le=\"|p50=)?\\PC{0,20}(\\}|\"|\n|=)?[0-9.,a-z\"}{ ]{0,12}",
    ) {
        let _ = Observation::read(text.as_bytes());
    }

    /// The counts of all series are added up, bound by bound.
    #[test]
    fn series_are_added_up(counts in proptest::collection::vec((0_u64..1_000, 0_u64..1_000, 1_u64..9), 1..6)) {
        let mut text = String::new();
        for (index, (first, second, rest)) in counts.iter().enumerate() {
            let (second, all) = (first + second, first + second + rest);
            writeln!(text, "a_ms_bucket{{i=\"{index}\",le=\"1\"}} {first}").unwrap();
            writeln!(text, "a_ms_bucket{{i=\"{index}\",le=\"2.5\"}} {second}").unwrap();
            writeln!(text, "a_ms_bucket{{i=\"{index}\",le=\"+Inf\"}} {all}").unwrap();
        }
        let Ok(Observation::Buckets(buckets)) = Observation::read(text.as_bytes()) else { panic!() };
        let first: u64 = counts.iter().map(|(first, ..)| first).sum();
        let second: u64 = counts.iter().map(|(_, second, _)| second).sum();
        let rest: u64 = counts.iter().map(|(.., rest)| rest).sum();
        prop_assert_eq!(buckets.bounds(), [(1_000_000, first), (2_500_000, first + second)]);
        prop_assert_eq!(buckets.total(), first + second + rest);
    }
}

#[test]
fn a_histogram_of_prometheus_is_read() {
    let Ok(Observation::Buckets(buckets)) = Observation::read(EXPOSITION.as_bytes()) else {
        panic!()
    };
    assert_eq!(buckets.name(), "rpc_seconds");
    assert_eq!(buckets.bounds(), [(5_000_000, 3), (50_000_000, 19)]);
    assert_eq!(buckets.total(), 20);
}

#[test]
fn percentiles_are_read_in_each_form() {
    let expected =
        [(50_000_000, 10_000_000), (99_900_000, 80_000_000), (100_000_000, 1_000_000_000)];
    for text in [
        "p50=10ms,p99.9=80ms,max=1s",
        "# a\n100=1s\n99.900=80ms\n50=10ms\n",
        "50=10ms 99.9=80ms, p100=1s",
    ] {
        assert_eq!(percentiles(text), expected, "{text}");
    }
    assert_eq!(percentiles("min=1ms p0.000001=1ms"), [(0, 1_000_000), (1, 1_000_000)]);
}

#[test]
fn durations_are_read_as_recorded() {
    let Ok(Observation::Recorded(recorded)) = Observation::read(b"10ms\n12ms\n10ms\n") else {
        panic!()
    };
    assert_eq!(recorded.values(), [(10_000_000, 2), (12_000_000, 1)]);
}

#[test]
fn errors_name_their_line() {
    let three = "a_bucket{le=\"1\"} 1\na_bucket{le=\"2\"} 2\na_bucket{le=\"+Inf\"} 3\n";
    for (text, said) in [
        ("# TYPE a gauge\na 1\n".to_owned(), "there is no histogram"),
        (format!("{three}b_bucket{{le=\"+Inf\"}} 3"), "there are 2 histograms: give one of a, b"),
        (format!("{three}a_bucket{{le=\"1\"}} 3"), "line 4: this bound was given before"),
        (format!("{three}a_bucket{{x=\"\",le=\"+Inf\"}} 3"), "different bounds"),
        (three.replace("} 2", "} 9"), "line 3: the counts of this series fall"),
        (three.replace("+Inf", "3"), "line 3: this series has no bucket le=\"+Inf\""),
        (three.replace("} 2", "} 1.5"), "line 2: `1.5` is not a count"),
        (three.replace("} 2", "} many"), "line 2: `many` is not a sample's value"),
        (three.replace("\"2\"", "\"-2\""), "line 2: le=\"-2\" is not a bound"),
        (three.replace("\"2\"", "\"two\""), "line 2: le=`two` is not a number"),
        (three.replace("\"2\"", "2"), "line 2: labels are written"),
        (three.replace("le=\"2\"", "x=\"2\""), "line 2: a bucket has a bound"),
        ("a_bucket{le=\"1\"} 0\na_bucket{le=\"+Inf\"} 0".to_owned(), "all counts are zero"),
        ("p50=10ms,p99".to_owned(), "line 1: `p99` is not a percentile"),
        ("p50=10ms\np101=1s".to_owned(), "line 2: `p101` is not a percentile's name"),
        ("p50=10ms\np99.1234567=1s".to_owned(), "line 2: `p99.1234567` is not"),
        ("p50=10".to_owned(), "line 1: `10` is not a duration"),
        ("p50=10ms,50=11ms".to_owned(), "line 1: `50` is given twice"),
        ("p99=10ms\np50=11ms".to_owned(), "line 1: a value is below that of a lower percentile"),
    ] {
        let why = Observation::read(text.as_bytes()).unwrap_err().to_string();
        assert!(why.contains(said), "{why}");
    }
}
