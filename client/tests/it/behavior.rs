//! The command `behavior`, as a user runs it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use longsync_client::behavior::{BehaviorReport, Patience, to_text};
use longsync_client::single::{self, RpcKind, SinglePlan};
use longsync_server::{Behavior, Config, Options, start_with};
use longsync_text::TypedDuration;
use tokio_util::sync::CancellationToken;

use crate::cli::{command, stderr, stdout};

const MIXED: &str = "mix(20%: 0s, 3%: 5ms, rest: lognormal(p50=10ms, p99=200ms))";

fn behavior(args: &[&str], columns: &str, stdin: &str) -> Output {
    let mut command = command(&[&["behavior"], args].concat());
    command.env("COLUMNS", columns).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    // A client that refuses its arguments reads nothing.
    let _ = pipe.write_all(stdin.as_bytes());
    drop(pipe);
    child.wait_with_output().unwrap()
}

fn shown(args: &[&str], columns: &str) -> String {
    let output = behavior(args, columns, "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    stdout(&output)
}

fn json(args: &[&str], stdin: &str) -> serde_json::Value {
    let output = behavior(&[args, &["--json"]].concat(), "80", stdin);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn behaviors_are_shown_at_the_terminals_width() {
    let asked = ["--deadline", "100ms", "--attempts", "3", "--seed", "42", "--call-id", "order-1"];
    let args = [&[MIXED], &asked[..]].concat();
    insta::assert_snapshot!("mixed_80", shown(&args, "80"));
    insta::assert_snapshot!("mixed_140", shown(&args, "140"));
    insta::assert_snapshot!(
        "json",
        stdout(&behavior(&[&args[..], &["--json"]].concat(), "80", ""))
    );
    let attempts = "attempts(lognormal(p50=10ms, p99=200ms), 5ms); stall(for=1s, every=10s)";
    insta::assert_snapshot!("attempts_80", shown(&[attempts, "--deadline", "20ms"], "80"));
}

/// Except for the two lines that are meant to be copied: the behavior, and the server's command line.
#[test]
fn a_report_fits_terminals_of_20_columns_and_more_with_every_figure() {
    // Most of the last one is never drawn, which a sentence among its figures says.
    for text in [MIXED, "attempts(lognormal(p50=10ms, p99=200ms), 5ms)", "exponential(1h)"] {
        let mut report = BehaviorReport::of(text.parse().unwrap());
        let deadline = "0.1s".parse::<TypedDuration>().unwrap();
        report.patience = Some(Patience { deadline, attempts: 3 });
        let plain = |columns| anstream::adapter::strip_str(&to_text(&report, columns)).to_string();
        let figures = |text: &str| {
            let rows = text.lines().filter(|line| line.starts_with("  p"));
            rows.map(str::to_owned).collect::<Vec<_>>()
        };
        for columns in 20..=160 {
            let drawn = plain(columns);
            let wide = drawn.lines().skip(1).find(|line| line.chars().count() > columns);
            assert_eq!(wide, None, "{columns}:\n{drawn}");
            assert_eq!(figures(&drawn), figures(&plain(160)), "{columns}:\n{drawn}");
            assert!(drawn.contains("0.1s"), "{columns}:\n{drawn}");
        }
    }
}

#[test]
fn a_delay_of_zero_is_described_in_words() {
    assert_eq!(shown(&["0s"], "80"), "0s\n\n  always  0s\n\nno call has a delay\n");
}

#[tokio::test]
async fn a_server_with_the_same_seed_draws_the_predicted_delay() {
    let foretold = tokio::task::spawn_blocking(|| {
        json(&["uniform(1ms, 20ms)", "--seed", "42", "--call-id", "order-1"], "")
    });
    let foretold = foretold.await.unwrap()["draw"]["delay_ns"].as_u64().unwrap();
    let behavior = Behavior::uniform(Duration::from_millis(1), Duration::from_millis(20)).unwrap();
    let listen = ([127, 0, 0, 1], 0).into();
    let options = Options { listen, behavior, seed: 42, ..Options::default() };
    let server = start_with(Config::new(options).unwrap()).unwrap();
    let plan = SinglePlan::builder(RpcKind::Unary, server.url().parse().unwrap())
        .call_id("order-1".to_owned())
        .build()
        .unwrap();
    let never = CancellationToken::new();
    let single = single::call(&plan, &never, async |_: &single::ReceivedAnswer| {}).await.unwrap();
    let planned = single::to_json(&single).unwrap();
    assert!(planned.contains(&format!("\"planned_ns\": {foretold}")), "{planned}");
}

/// The quantiles of an exponential law with a mean of 10 ms, as durations.
fn recorded() -> String {
    let mut csv = "us\n".to_owned();
    for index in 0..2_000 {
        let share = (f64::from(index) + 0.5) / 2_000.0;
        writeln!(csv, "{:.3}", -10_000.0 * (1.0 - share).ln()).unwrap();
    }
    csv
}

#[test]
fn a_fitted_behavior_reproduces_the_recorded_delays() {
    let output = behavior(&["--fit", "-"], "80", &recorded());
    let text = stdout(&output);
    insta::assert_snapshot!("fit_80", text);
    let fitted = text.lines().next().unwrap();
    assert_eq!(
        text.lines().last(),
        Some(&*format!("longsync-server --behavior '{fitted}'")),
        "{text}"
    );
    let told = json(&[fitted], "");
    let fit = json(&["--fit", "-"], &recorded());
    assert_eq!((&told["text"], &told["attempts"]), (&fit["text"], &fit["attempts"]));
    assert!(fit["fit"]["ks"].as_f64().is_some_and(|ks| ks < 0.01), "{fit}");
    let p90 = told["attempts"][0]["percentiles"]["p90_ns"].as_f64().unwrap();
    let exact = 10e6 * 10_f64.ln();
    assert!((p90 / exact - 1.0).abs() < 0.02, "{p90} is not near {exact}");
}

#[test]
fn delays_in_an_open_bucket_are_marked_as_a_guess() {
    let buckets = "a_bucket{le=\"0.01\"} 30\na_bucket{le=\"0.1\"} 99\na_bucket{le=\"+Inf\"} 100\n";
    let text = stdout(&behavior(&["--fit", "-"], "200", buckets));
    let said = "a guess: the 1 % of delays above 100ms, drawn up to 1s, because the +Inf bucket";
    assert!(text.contains(said), "{text}");
}

#[test]
fn data_beyond_the_servers_limit_says_how_to_raise_it() {
    let output = behavior(&["--fit", "-"], "80", "p50=1ms,p99=2h");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("1h; raise --max-delay"), "{}", stderr(&output));
}

/// Almost everything is within the guess, and no limit changes that.
#[test]
fn data_that_no_limit_admits_is_refused_without_a_hint_to_raise_it() {
    let buckets = "a_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 1000000\n";
    let output = behavior(&["--fit", "-"], "80", buckets);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("less than 1%") && !said.contains("raise --max-delay"), "{said}");
}

#[test]
fn the_picture_has_the_density_above_the_quantiles() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("behavior.svg");
    shown(&[MIXED, "--svg", file.to_str().unwrap()], "80");
    let svg = std::fs::read_to_string(&file).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<_> = document.descendants().filter_map(|node| node.text()).collect();
    let place = |text: &str| texts.iter().position(|it| *it == text).unwrap();
    assert!(place("how often each delay is drawn") < place("delay by percentile"));
    assert!(texts.contains(&"exactly 5ms"), "{texts:?}");
}

#[test]
fn wrong_usage_is_refused_with_a_sentence() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    for (args, said) in [
        (&[][..], "there is no behavior"),
        (&["5x"], "is not a duration"),
        (&["2h"], "ask for at most 1h; raise --max-delay here and on the server"),
        (&["uniform(1s, 3h)"], "ask for at most 1h; raise --max-delay here and on the server"),
        (&["5ms", "--max-delay", "1ms"], "over the limit"),
        (&["replay(\"nowhere\")"], "`nowhere`"),
        (&["5ms", "--replay-dir", "/nowhere"], "there is no such folder"),
        (&["5ms", "--attempts", "3"], "give --deadline too, such as --deadline 100ms"),
        (&["5ms", "--deadline", "1s", "--attempts", "0"], "from 1 to 1000"),
        (&["5ms", "--seed", "1"], "such as --call-id order-1"),
        (&["5ms", "--call-id", "a"], "such as --seed 42"),
        (&["5ms", "--call-id", "", "--seed", "1"], "an empty --call-id names no call"),
        (&["5ms", "--attempt", "2"], "--seed and --call-id"),
        (&["5ms", "--fit", "-"], "not both"),
        (&["--fit", folder], "it is a directory: name a file"),
        (&["--fit", "/nowhere"], "cannot be read"),
        (&["--fit", env!("CARGO_BIN_EXE_longsync-client")], "this is not text"),
        (&["--fit", "-"], "there is not a single value"),
    ] {
        let output = behavior(args, "80", "");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
        assert!(stdout(&output).is_empty());
    }
}
