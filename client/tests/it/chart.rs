//! The appearance of plots, from given points.

use std::f64::consts::TAU;
use std::time::Duration;

use longsync_client::chart::{Axis, Plot, Series, nanoseconds, to_svg};

/// The median and the spread of the logarithm of a wait that is mostly 10ms.
const MEDIAN: f64 = 10e6;
const SPREAD: f64 = 0.8;

fn wait(nanos: f64) -> Duration {
    Duration::from_secs_f64(nanos / 1e9)
}

/// The density of a log-normal wait on a logarithmic scale.
fn density(nanos: f64, median: f64) -> f64 {
    let z = (nanos / median).ln() / SPREAD;
    (-z * z / 2.0).exp() / (SPREAD * TAU.sqrt())
}

/// The density of waits of which most are near 10 ms and a few near a second.
fn shape() -> Plot {
    let waits = (0..=240).map(|step| 1e5 * 10_f64.powf(f64::from(step) / 48.0));
    let points = waits
        .map(|nanos| (nanos, 0.9 * density(nanos, MEDIAN) + 0.1 * density(nanos, 100.0 * MEDIAN)));
    let points: Vec<_> = points.collect();
    Plot {
        title: "how often each delay is drawn".to_owned(),
        x: Axis::log([wait(1e5), wait(1e10)]),
        y: Axis::heights(points.iter().map(|(_, height)| *height)),
        series: vec![Series::area("drawn", points)],
    }
}

/// The quantiles of two kinds of waits, both with an exponential tail.
fn tails() -> Plot {
    let shares = || (0..=160).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / 40.0));
    let quantiles = |mean: f64| shares().map(move |share| (share, 1e6 - mean * (1.0 - share).ln()));
    Plot {
        title: "delay by percentile".to_owned(),
        x: Axis::percentiles(4),
        y: Axis::log([wait(1e6), wait(2e8)]),
        series: vec![
            Series::line("one attempt", quantiles(20e6)),
            Series::line("the best of two", quantiles(10e6)),
        ],
    }
}

/// Calls per second over a minute, ten seconds of which are unknown, within bounds.
fn amounts() -> Plot {
    let second = |second: u32| f64::from(second) * 1e9;
    let rate =
        |second: u32| if (20..30).contains(&second) { f64::NAN } else { 900.0 + f64::from(second) };
    let seconds = || 0..=60;
    Plot {
        title: "calls per second".to_owned(),
        x: Axis::linear(Duration::from_secs(60)),
        y: Axis::amounts([1_200.0]),
        series: vec![
            Series::band("", seconds().map(|it| (second(it), rate(it) - 200.0, rate(it) + 200.0))),
            Series::hatched("unknown", [(second(20), second(30))]).colored(3),
            Series::line("good", seconds().map(|it| (second(it), rate(it)))).colored(0),
        ],
    }
}

fn plain(plot: &Plot, columns: usize, rows: usize) -> String {
    anstream::adapter::strip_str(&plot.to_text(columns, rows)).to_string()
}

#[test]
fn plots_as_text() {
    insta::assert_snapshot!("shape_80", plain(&shape(), 80, 12));
    insta::assert_snapshot!("shape_140", plain(&shape(), 140, 16));
    insta::assert_snapshot!("tails_80", plain(&tails(), 80, 12));
    insta::assert_snapshot!("tails_140", plain(&tails(), 140, 16));
    insta::assert_snapshot!("tails_40", plain(&tails(), 40, 8));
    insta::assert_snapshot!("amounts_80", plain(&amounts(), 80, 12));
}

#[test]
fn plots_as_svg() {
    let svg = to_svg("a delay <with> a tail", "most calls wait 10ms", &[shape(), tails()]);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text())
        .collect();
    for text in ["a delay <with> a tail", "1ms", "10s", "p50", "p99.99", "the best of two"] {
        assert!(texts.contains(&text), "{texts:?}");
    }
    insta::assert_snapshot!("tails_svg", tails().to_svg());
    insta::assert_snapshot!("amounts_svg", amounts().to_svg());
}

#[test]
fn no_row_is_wider_than_the_terminal() {
    for plot in [shape(), tails(), amounts()] {
        for columns in 24..=200 {
            let text = plain(&plot, columns, 10);
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest.is_some_and(|widest| widest <= columns), "{columns}:\n{text}");
        }
    }
}

#[test]
fn values_that_cannot_be_drawn_are_left_out() {
    let nowhere = Plot {
        title: "nothing\u{1b}[31m".to_owned(),
        x: Axis::linear(Duration::ZERO),
        y: Axis::log([]),
        series: vec![
            Series::line("", []),
            Series::area("not a number", [(f64::NAN, 1.0), (1.0, f64::NAN)]),
            Series::line("beyond", [(-1.0, f64::INFINITY), (f64::MAX, f64::NEG_INFINITY)]),
        ],
    };
    let text = plain(&nowhere, 0, 0);
    assert!(text.contains(r"nothing\u{1b}[31m") && text.contains("beyond"), "{text}");
    assert!(roxmltree::Document::parse(&nowhere.to_svg()).is_ok());
    assert!(plain(&shape(), 10_000, 100).lines().count() > 100);
}

#[test]
fn a_constant_wait_is_in_the_middle_of_its_axis() {
    let wait = Duration::from_millis(10);
    let axis = Axis::log([wait]);
    assert!((0.2..0.8).contains(&axis.position(nanoseconds(wait))));
}
