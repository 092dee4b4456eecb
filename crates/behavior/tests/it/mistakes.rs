//! Texts that are not understood, and the sentence about each.

use std::fmt::Write as _;
use std::time::Duration;

use longsync_behavior::{Behavior, ParseBehaviorError, Rules};

const HOUR: Duration = Duration::from_secs(3_600);

/// Texts as an operator writes them in `--behavior`.
const WRONG: &[&str] = &[
    // Empty texts, and texts that are not delays.
    "",
    "  ",
    ";",
    "fast",
    "gamma(10ms, 2)",
    "-5ms",
    "\"5ms\"",
    // Durations.
    "250",
    "0.5",
    "5M",
    "5 ms",
    "1e3ms",
    "1_000ms",
    "1,5s",
    ".5s",
    "1.s",
    "5MS",
    "5months",
    "1w",
    "30s 1m",
    "0.5ns",
    "infs",
    "9000h",
    "9000h 1s; hang(1%)",
    "uniform(1ms, 9000h)",
    "2h",
    "constant()",
    "constant(1s",
    "constant 1s",
    // Numbers.
    "pareto(10ms, nan)",
    "pareto(10ms, inf)",
    "pareto(10ms, -1)",
    "pareto(10ms, 1e3)",
    "pareto(10ms, 1.)",
    "pareto(10ms, 2ms)",
    "pareto(10ms, 0)",
    "pareto(10ms)",
    "pareto(1.5, 10ms)",
    // Shapes and their parameters.
    "Uniform(1ms, 2ms)",
    "uniform",
    "uniform(1ms)",
    "uniform(1ms 2ms)",
    "uniform(1ms, 2ms, 3ms)",
    "uniform(2ms, 1ms)",
    "uniform(2ms, 2ms)",
    "normal(0s, 1ms)",
    "normal(10ms, 0)",
    "exponential()",
    "exponential(0)",
    "exponential(mean=5ms)",
    "exponential(2h)",
    // Max.
    "uniform(1ms, 2ms) max 1s",
    "10ms max 1s",
    "replay(\"times.csv\") max 1s",
    "exponential(20ms) max",
    "exponential(20ms) max 2h",
    "exponential(20ms) max 9000h ; hang(1%)",
    "exponential(20ms) max 10ms",
    "exponential(20ms) MAX 1s",
    "exponential(20ms) max 1s max 2s",
    "pareto(10ms, 0.001) max 1s",
    "mix(50%: 1s, rest: exponential(20ms)) max 100ms",
    "mix(50%: 1s, rest: exponential(20ms) max 2h)",
    // Log-normal.
    "lognormal(50=10ms, 99=200ms)",
    "lognormal(p50=10ms)",
    "lognormal(p50=10ms, p99=200ms, p99.9=1s)",
    "lognormal(p50=10ms, p99=10ms)",
    "lognormal(p50=10ms, p99=5ms)",
    "lognormal(p50=10ms, p50=5ms)",
    "lognormal(p50=0s, p99=5ms)",
    "lognormal(p0=10ms, p99=200ms)",
    "lognormal(p50=10ms, p100=200ms)",
    "lognormal(p50=10ms, p101=200ms)",
    "lognormal(p99=10ms, sigma=0.5)",
    "lognormal(sigma=0.5, p50=10ms)",
    "lognormal(p50=10ms, sigma=0)",
    "lognormal(p50=10ms, sigma=5ms)",
    "lognormal(10ms, 0.5)",
    "lognormal(p0.1=10ms, p0.2=20ms) max 20ms",
    // Percentiles.
    "percentiles()",
    "percentiles(50=10ms)",
    "percentiles(0=1ms, 100=10ms)",
    "percentiles(50=10ms, 50=20ms)",
    "percentiles(50=10ms, 99=5ms)",
    "percentiles(50=0s, 99=5ms)",
    "percentiles(50=10ms, 90=20ms, 99=20ms, 100=30ms)",
    "percentiles(50=10ms, 99=80ms) max 70ms",
    "percentiles(50=10ms, 99=80ms, 100=1s) max 500ms",
    "percentiles(p50%=10ms, p99%=20ms)",
    "percentiles(p=10ms)",
    "percentiles(50:10ms, 99:20ms)",
    "percentiles(50=10ms, 99.1234567=20ms)",
    "percentiles(50=10ms; 99=20ms)",
    "percentiles(50=10ms, 99=2h)",
    // Mixes.
    "mix()",
    "mix(100%)",
    "mix(0.2: 1ms, 0.8: 2ms)",
    "mix(20 %: 1ms, rest: 2ms)",
    "mix(20: 1ms, rest: 2ms)",
    "mix(50%: 1ms, 49%: 2ms)",
    "mix(51%: 1ms, 50%: 2ms)",
    "mix(90%: 1ms, 20%: 2ms, rest: 3ms)",
    "mix(rest: 1ms, rest: 2ms)",
    "mix(100%: 1ms, rest: 2ms)",
    "mix(33.3333333%: 1ms, rest: 2ms)",
    "mix(101%: 1ms)",
    "mix(50%: 1ms, 50%: 2ms,)",
    "mix(50%: 1ms, 50%: fail(10%, UNAVAILABLE))",
    "mix(50%=1ms, rest=2ms)",
    "attempts()",
    "attempts(1ms,)",
    "attempts(1ms; 2ms)",
    "attempts(attempts(attempts(attempts(attempts(1ms)))))",
    // Clauses.
    "5ms;; stall(for=1s)",
    "; 5ms",
    "5ms 6ms 1us x",
    "5ms; 10ms",
    "5ms, 10ms",
    "5ms; exponential(10ms)",
    "stall(for=1s); 5ms; stall(for=2s)",
    "queue(workers=8, limit=100); 5ms; queue(workers=8, limit=100)",
    "queue(workers=8, limit=100) 5ms",
    "mix(50%: 5ms, rest: queue(workers=8, limit=100))",
    // Faults: shares.
    "fail",
    "fail()",
    "fail(20%)",
    "fail(0.2, UNAVAILABLE)",
    "fail(20, UNAVAILABLE)",
    "fail(20 %, UNAVAILABLE)",
    "fail(101%, UNAVAILABLE)",
    "fail(0.0000001%, UNAVAILABLE)",
    "fail(UNAVAILABLE, 20%)",
    "5ms; fail(50%, UNAVAILABLE); reset(70%)",
    "fail(50%, 503, \"a\"); hang(30%); fail_first(1, 14); drop(20.000001%, rst)",
    "fail(60%, UNAVAILABLE); hang(40%); reset(rest)",
    "reset(rest); hang(rest)",
    "hang(100%); reset(rest)",
    // Faults: codes and messages.
    "fail(20%, OK)",
    "fail(20%, 0)",
    "fail(20%, 17)",
    "fail(20%, 200)",
    "fail(20%, 399)",
    "fail(20%, 600)",
    "fail(20%, 99999)",
    "fail(20%, 5O3)",
    "fail(20%, NOT_A_CODE)",
    "fail(20%, Unavail)",
    "fail(20%, UNAVAILABLE, busy)",
    "fail(20%, UNAVAILABLE, \"busy)",
    "fail(20%, UNAVAILABLE, \"busy\", \"very\")",
    "reset(10%, 14)",
    "reset(10%, UNAVAILABLE)",
    "reset(10%, 0x8)",
    "goaway(10%, when=before)",
    "goaway(10%, 300)",
    "drop(10%, fin)",
    // Faults: options.
    "fail(20%, UNAVAILABLE, when=during)",
    "fail(20%, UNAVAILABLE, when=before, when=after)",
    "fail(20%, UNAVAILABLE, at=-1)",
    "fail(20%, UNAVAILABLE, at=1.5)",
    "fail(20%, UNAVAILABLE, at=4294967296)",
    "fail(20%, UNAVAILABLE, after=1)",
    "fail(20%, UNAVAILABLE, retry_info=5)",
    "fail(20%, UNAVAILABLE, pushback=soon)",
    "fail(20%, UNAVAILABLE, pushback=1.5ms)",
    "fail(20%, UNAVAILABLE, pushback=600h)",
    "fail(20%, UNAVAILABLE, pushback=2147483648ms)",
    "fail(20%, UNAVAILABLE, pushback=99999999h)",
    "fail(20%, UNAVAILABLE, retry_info=99999999h)",
    "fail(20%, UNAVAILABLE, pushback=-1)",
    "fail(20%, UNAVAILABLE, pushback)",
    "hang(10%, retry_info=1s)",
    "hang(10%, 5s)",
    "reset(10%, CANCEL, pushback=1s)",
    "slow(10%)",
    "slow(10%, 0B/s)",
    "slow(10%, 64KB/s)",
    "slow(10%, 64)",
    "slow(10%, 2000GiB/s)",
    "slow(10%, 1KiB/s, at=1)",
    "late_trailers(10%)",
    "late_trailers(10%, 1KiB/s)",
    "late_trailers(10%, 1s, when=before)",
    "late_trailers(10%, 2h)",
    "late_trailers(10%, 9000h)",
    "fail_first(UNAVAILABLE)",
    "fail_first(0, UNAVAILABLE)",
    "fail_first(1.5, UNAVAILABLE)",
    "fail_first(50%, UNAVAILABLE)",
    "fail_first(2)",
    "fail_first(2, OK)",
    "Fail(10%, UNAVAILABLE)",
    "5ms fail(10%, UNAVAILABLE)",
    "fail(10%, UNAVAILABLE) 5ms",
    "5ms; error(10%)",
    "abort(10%)",
    "5ms; Hang(10%)",
    // Stalls.
    "stall",
    "stall()",
    "stall(1s)",
    "stall(at=10s)",
    "stall(for=0s)",
    "stall(for=1s, for=2s)",
    "stall(for=2s, every=2s)",
    "stall(for=9000h)",
    "stall(for=2s, every=1s)",
    "stall(for=1s, from=start)",
    "stall(for 1s)",
    "stall(for=1s, until=2s)",
    "stall(at=1s, for=1s, every=10s; 5ms",
    // Recordings.
    // Queues.
    "queue",
    "queue()",
    "queue(8, 100)",
    "queue(workers=8)",
    "queue(limit=100)",
    "queue(workers=0, limit=100)",
    "queue(workers=1000001, limit=100)",
    "queue(workers=99999999999, limit=100)",
    "queue(workers=8, limit=1000001)",
    "queue(workers=1.5, limit=100)",
    "queue(workers=-1, limit=100)",
    "queue(workers=8, limit=unlimited)",
    "queue(workers=8, limit=100, order=random)",
    "queue(workers=8, limit=100, order=FIFO)",
    "queue(workers=8, limit=100, abandoned=drop)",
    "queue(workers=8, limit=100, workers=9)",
    "queue(workers=8, limit=100, order=lifo, order=lifo)",
    "queue(workers=8, limt=100)",
    "queue(worker=8, limit=100)",
    "queue(workers=8, limit=100, retry=1s)",
    "queue(workers=8, limit=100, capacity=5)",
    "queue(workers=8, limit=100, Order=lifo)",
    "queue(workers 8, limit=100)",
    "queue(workers=8, limit=100, retry_info=5)",
    "queue(workers=8, limit=100, pushback=1.5ms)",
    "queue(workers=8, limit=100, pushback=9000h)",
    "queue(workers=8, limit=100, pushback=soon)",
    "queue(workers=8, limit=100",
    "queue(workers=8; limit=100)",
    "Queue(workers=8, limit=100)",
    "5ms; Queue(workers=8, limit=100)",
    "replay(times.csv)",
    "replay('times.csv')",
    "replay(\"times.csv)",
    "replay(\"times\\q.csv\")",
    "replay(\"missing.csv\")",
    "replay(\"long.csv\")",
    "replay(\"empty.csv\")",
    // Other tools' forms.
    "50=10ms,99=200ms",
    "p50=10ms,p99=200ms",
    "150us:10,2ms:5",
    "150us:10%, 2ms:90%",
    "10ms:0.5",
    "150us:60,2ms:50",
    "99=10ms",
    // Bytes that are not part of the language.
    "5ms\u{0}",
    "5ms\u{1b}[31m",
    "5ms\r",
    "1s\n1m",
    "5ms\u{a0}",
    "５ms",
    "uniform(1ms，2ms)",
    "délai(5ms)",
    "\u{202e}5ms",
];

/// Texts as a caller writes them in the field, the header or the query.
const WRONG_OF_CALLERS: &[&str] = &[
    "replay(\"times.csv\")",
    "mix(50%: 1ms, rest: replay(\"times.csv\"))",
    "stall(for=1s)",
    "5ms; drop(1%)",
    "fail(1%, UNAVAILABLE); goaway(1%)",
    "goaway(1%, CANCEL)",
    "drop(1%, rst, at=3)",
    "queue(workers=1, limit=0)",
    "5ms; queue(workers=1, limit=0, order=lifo)",
];

fn recording(file: &str) -> Result<Vec<(u64, u64)>, String> {
    match file {
        "times.csv" => Ok(vec![(1_000_000, 3), (2_000_000, 1)]),
        "long.csv" => Ok(vec![(1_000_000, 3), (7_200_000_000_000, 1)]),
        "empty.csv" => Ok(Vec::new()),
        _ => Err(format!("there is no file {file} in the replay folder: put it there")),
    }
}

fn refused(text: &str, rules: &Rules<'_>) -> ParseBehaviorError {
    let Err(why) = Behavior::read(text, rules) else { panic!("{text} is understood") };
    let sentence = why.to_string();
    assert!(why.column() <= text.chars().count() + 1, "{sentence}");
    assert!(sentence.len() <= 1_024, "{sentence}");
    assert!(!sentence.contains(char::is_control), "{sentence:?}");
    why
}

#[test]
fn every_mistake_says_what_is_wrong_and_what_would_be_right() {
    let server = Rules::server(HOUR, &recording);
    let mut said = String::new();
    for text in WRONG {
        writeln!(said, "{}\n", refused(text, &server)).unwrap();
    }
    for text in WRONG_OF_CALLERS {
        writeln!(said, "of a caller: {}\n", refused(text, &Rules::caller(HOUR))).unwrap();
    }
    insta::assert_snapshot!(said);
}

/// What a sentence advises to write at most is not refused in its turn.
#[test]
fn the_longest_duration_that_is_advised_is_understood() {
    let rules = Rules::server(HOUR, &recording);
    for text in [
        "@",
        "uniform(1ms, @)",
        "exponential(20ms) max @",
        "percentiles(50=10ms, 99=20ms, 100=@)",
        "lognormal(p50=10ms, p99=@) max @",
        "mix(50%: @, rest: 1ms)",
        "late_trailers(10%, @)",
        "fail(20%, UNAVAILABLE, pushback=@)",
        "fail(20%, UNAVAILABLE, retry_info=@)",
        "queue(workers=8, limit=100, pushback=@)",
        "queue(workers=8, limit=100, retry_info=@)",
        "stall(at=@, for=@)",
    ] {
        let sentence = refused(&text.replace('@', "99999999h"), &rules).to_string();
        let advised = sentence.rsplit("write at most ").next().unwrap();
        if let Err(why) = Behavior::read(&text.replace('@', advised), &rules) {
            panic!("{sentence}\n{why}");
        }
    }
    // Where a year is allowed, it is no server's limit.
    let unlimited = rules.most(Duration::from_secs(365 * 24 * 3_600));
    for text in ["366d", "uniform(1ms, 366d)"] {
        let sentence = refused(text, &unlimited).to_string();
        assert!(
            sentence.ends_with("`366d` is longer than a year: write at most 8760h"),
            "{sentence}"
        );
    }
}

/// Texts that are too long for the table.
#[test]
fn texts_beyond_the_limits_are_refused_in_short_sentences() {
    let parts = |count: usize, part: &str| vec![part; count].join(", ");
    let wrong = [
        format!("{}5ms", " ".repeat(4_094)),
        format!("mix(rest: 1ms, {})", parts(64, "1%: 1ms")),
        format!("attempts({})", parts(65, "1ms")),
        format!(
            "percentiles({})",
            (1..=65).map(|it| format!("{it}={it}ms")).collect::<Vec<_>>().join(", ")
        ),
        format!("{}1ms{}", "mix(100%: ".repeat(5), ")".repeat(5)),
        format!("{}5ms fast", " ".repeat(4_000)),
        format!("replay(\"{}", "\u{1}".repeat(4_000)),
        format!("{}, 99=", "9".repeat(400)),
        "hang(1%);".repeat(65),
        format!("fail(1%, UNAVAILABLE, \"{}\")", "a".repeat(1_025)),
        "mix(100%: ".repeat(400),
        "mix(100%: ".repeat(4 << 20),
        "\u{1F600}".repeat(1_000),
    ];
    let mut said = String::new();
    for text in wrong {
        writeln!(said, "{}\n", refused(&text, &Rules::default())).unwrap();
    }
    insta::assert_snapshot!(said);
}

#[test]
fn a_programs_replay_is_refused_with_the_alternatives() {
    insta::assert_snapshot!(refused("replay(\"times.csv\")", &Rules::default()));
}

/// Shares are decimal numbers; in binary, they may add up to less than 100 %.
#[test]
fn shares_that_add_up_to_100_percent_leave_no_rest() {
    let why = "1ms:4.5,2ms:27.1,3ms:40.5,4ms:14.8,5ms:13.1".parse::<Behavior>().unwrap_err();
    assert!(why.to_string().contains("13.1%: 5ms)`?"), "{why}");
}
