//! The appearance of loads, from given figures.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use longsync_client::load::{Auto, Report, WrittenConnections, to_csv, to_svg, to_text, write_hdr};
use longsync_load::RunEnd;
use longsync_stats::{Distribution, Figure};

use crate::loads;

fn plain(report: &Report, columns: usize) -> String {
    anstream::adapter::strip_str(&to_text(report, columns)).to_string()
}

fn all() -> Vec<Report> {
    vec![
        loads::open(),
        loads::closed(),
        loads::troubled(),
        loads::queued(),
        loads::behind(),
        loads::empty(),
    ]
}

#[test]
fn loads_as_text() {
    let open = loads::open();
    insta::assert_snapshot!("open_80", plain(&open, 80));
    insta::assert_snapshot!("open_140", plain(&open, 140));
    insta::assert_snapshot!("open_40", plain(&open, 40));
    insta::assert_snapshot!("closed_80", plain(&loads::closed(), 80));
    insta::assert_snapshot!("troubled_80", plain(&loads::troubled(), 80));
    insta::assert_snapshot!("queued_140", plain(&loads::queued(), 140));
    insta::assert_snapshot!("behind_80", plain(&loads::behind(), 80));
    insta::assert_snapshot!("empty_80", plain(&loads::empty(), 80));
}

#[test]
fn a_report_fits_terminals_of_40_columns_and_more_with_every_figure() {
    for report in all() {
        let figures = |columns| {
            let text = plain(&report, columns);
            let begins = |label| text.lines().any(|line| line.starts_with(label));
            ["p50", "p99.99", "max"].map(begins)
        };
        for columns in 40..=160 {
            let text = plain(&report, columns);
            let wide = text.lines().find(|line| line.chars().count() > columns);
            assert_eq!(wide, None, "{columns}:\n{text}");
            assert_eq!(figures(columns), figures(160), "{columns}:\n{text}");
        }
    }
}

#[test]
fn text_from_a_server_cannot_control_a_terminal() {
    let text = plain(&loads::troubled(), 80);
    assert!(text.contains(r"\u{1b}[31m is gone"), "{text}");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text}");
}

/// The texts of a picture, and its descriptions.
fn words(svg: &str) -> (Vec<String>, String) {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = |name| {
        let nodes = document.descendants().filter(move |node| node.has_tag_name(name));
        nodes.filter_map(|node| node.text().map(str::to_owned))
    };
    (texts("text").collect(), texts("desc").collect())
}

#[test]
fn pictures_are_labeled_with_what_they_show() {
    let words = |report: &Report| words(&to_svg(report));
    let (texts, description) = words(&loads::open());
    for text in
        ["p50", "p99.99", "30s", "1,000", "response time", "no good answer", "due", "not sent"]
    {
        assert!(texts.iter().any(|it| it == text), "{text} in {texts:?}");
    }
    insta::assert_snapshot!("open_svg_description", description);
    let (texts, _) = words(&loads::closed());
    for text in ["response time", "due", "failed", "no good answer"] {
        assert!(!texts.iter().any(|it| it.contains(text)), "{text} in {texts:?}");
    }
    let (texts, _) = words(&loads::queued());
    assert!(texts.iter().any(|it| it.starts_with("time in the server's queue")), "{texts:?}");
    let (texts, _) = words(&loads::troubled());
    assert!(!texts.iter().any(|it| it.contains("percentile")), "no call had a value: {texts:?}");
    let (texts, _) = words(&loads::empty());
    assert!(texts.iter().any(|it| it.contains("1000/s for 0s")), "{texts:?}");
}

#[test]
fn a_sample_as_csv() {
    insta::assert_snapshot!("sample", to_csv(&loads::sampled(), Duration::from_secs(2)));
    assert_eq!(to_csv(&[], Duration::ZERO).lines().count(), 1);
}

fn hdr(report: &Report) -> String {
    let mut log = Vec::new();
    write_hdr(report, &mut log).unwrap();
    String::from_utf8(log).unwrap()
}

/// The lines of a log, added up by tag.
fn sums(log: &str) -> BTreeMap<String, Distribution> {
    let mut sums = BTreeMap::<_, Distribution>::new();
    for line in log.lines().filter(|line| !line.starts_with(['#', '"'])) {
        let (tag, rest) = match line.strip_prefix("Tag=") {
            Some(rest) => rest.split_once(',').unwrap(),
            None => ("", line),
        };
        let encoded = rest.rsplit(',').next().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
        let values = Distribution::from_v2_deflate(&bytes).unwrap();
        sums.entry(tag.to_owned()).or_default().merge(&values);
    }
    sums
}

#[test]
fn the_intervals_of_a_log_add_up_to_the_run() {
    for report in [loads::open(), loads::closed(), loads::troubled(), loads::queued()] {
        let sums = sums(&hdr(&report));
        let is_closed = report.settings.is_closed;
        let main = if is_closed { Figure::ServiceTime } else { Figure::ResponseTime };
        for figure in Figure::ALL {
            let tag = if figure == main { "" } else { figure.name() };
            let whole = report.load.figures.get(figure);
            let summed: Vec<_> = sums.get(tag).map(|it| it.buckets().collect()).unwrap_or_default();
            assert_eq!(whole.buckets().collect::<Vec<_>>(), summed, "{tag}");
        }
        assert!(!sums.contains_key(main.name()));
    }
}

#[test]
fn a_log_counts_the_calls_that_have_no_value() {
    let log = hdr(&loads::open());
    let comments: Vec<_> = log.lines().filter(|line| line.starts_with("#[longsync")).collect();
    assert_eq!(
        comments[..2],
        [
            "#[longsync not_sent=400 unfinished=0 failed=10 schema=longsync.load/v1]",
            "#[longsync interval=0 not_sent=0 unfinished=0 failed=1 schema=longsync.load/v1]",
        ]
    );
    assert_eq!(comments.len(), 31);
    assert!(!hdr(&loads::empty()).contains("interval="));
}

#[test]
fn a_rate_without_a_unit_is_per_second_in_the_first_line() {
    let mut open = loads::open();
    for (typed, shown) in [("1000", "open loop, 1000/s for"), ("120/min", "open loop, 120/min for")]
    {
        open.settings.plan.rate = Some(typed.to_owned());
        let text = plain(&open, 160);
        assert!(text.contains(shown), "{text}");
    }
}

#[test]
fn connections_that_are_opened_on_demand_are_shown_as_initial() {
    let mut open = loads::open();
    assert!(plain(&open, 160).contains(", 4 connections to http"));
    open.settings.plan.connections = Some(WrittenConnections::Auto(Auto::Auto));
    assert!(plain(&open, 160).contains(", 4 connections at first to http"));
}

#[test]
fn a_stopped_run_names_the_calls_its_figures_are_of() {
    for (mut report, calls) in [(loads::open(), "due"), (loads::closed(), "sent")] {
        report.load.end = RunEnd::Stopped;
        let text = plain(&report, 160);
        let said = format!("stopped early: the figures are of the calls {calls} until then\n");
        assert!(text.contains(&said), "{text}");
    }
}

#[test]
fn in_very_narrow_terminals_bars_have_counts_without_shares() {
    let text = plain(&loads::open(), 20);
    let bars = text.split("one)\n").nth(1).unwrap().split("statuses").next().unwrap();
    assert!(bars.lines().count() > 3 && !bars.contains('%'), "{text}");
}

/// Points: across and down.
type Path = Vec<(f64, f64)>;

/// The lines of a picture with these classes.
fn paths(svg: &str, classes: &str) -> Vec<Path> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let all = document.descendants().filter(|node| node.attribute("class") == Some(classes));
    let path = |node: roxmltree::Node<'_, '_>| {
        let numbers = node.attribute("d").unwrap().split([' ', 'M', 'L', 'Z']);
        let numbers: Vec<f64> =
            numbers.filter(|it| !it.is_empty()).map(|it| it.parse().unwrap()).collect();
        numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
    };
    all.map(path).collect()
}

/// The height of a line at a place; [`None`] outside of it.
fn height(line: &[(f64, f64)], at: f64) -> Option<f64> {
    line.windows(2).find_map(|ends| {
        let [(from, high), (to, low)] = [ends[0], ends[1]];
        let part = (at - from) / (to - from);
        (from < to && (0.0..=1.0).contains(&part)).then_some(high + (low - high) * part)
    })
}

/// The interval of a percentile contains its value: so the band must contain its curve at every percentile,
/// to 1.5 pixels where it is straight between two of its points.
#[test]
fn the_band_of_a_curve_contains_it_at_every_percentile() {
    let svg = to_svg(&loads::open());
    let mut held = 0;
    for hue in ["green", "violet", "amber"] {
        let curve = paths(&svg, &format!("curve {hue}")).swap_remove(0);
        for band in paths(&svg, &format!("band {hue}")) {
            let (upper, lower) = band.split_at(band.len() / 2);
            let lower: Path = lower.iter().rev().copied().collect();
            for (across, down) in &curve {
                let (Some(high), Some(low)) = (height(upper, *across), height(&lower, *across))
                else {
                    continue;
                };
                held += 1;
                assert!(
                    high - 1.5 <= *down && *down <= low + 1.5,
                    "{hue} at {across}: {high} {down} {low}"
                );
            }
        }
    }
    assert!(held > 200, "only {held} points of curves were checked");
}
