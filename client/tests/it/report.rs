//! The appearance of reports, from given figures.

use std::collections::BTreeMap;
use std::time::Duration;

use longsync_client::race::{
    CallEnd, ProcessCost, Race, RaceCall, RaceDelays, RacePlan, RacePlanBuilder, ReportedWait,
    ServerView, Way, WayRun, to_json, to_svg, to_text,
};
use longsync_text::TypedDuration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn answered(sent: u64, done: u64) -> RaceCall {
    let waited = Some(millis(done - sent - 1));
    RaceCall { sent: Some(millis(sent)), end: CallEnd::answered(millis(done), None, waited) }
}

fn cancelled(sent: u64, done: u64) -> RaceCall {
    RaceCall { sent: Some(millis(sent)), end: CallEnd::Cancelled { done: millis(done) } }
}

fn way(way: Way, threads: usize, rows: Vec<RaceCall>) -> WayRun {
    WayRun {
        wall: rows.iter().filter_map(RaceCall::done).max().unwrap_or_else(|| millis(80)),
        threads,
        connections: 1,
        streams: 1,
        cost: ProcessCost { memory_added_bytes: Some(2_000_000), switches: Some(1_234) },
        rows,
        trouble: None,
        ..WayRun::skipped(way, String::new())
    }
}

fn race(runs: Vec<WayRun>) -> Race {
    let target = Some("http://127.0.0.1:9000".parse().unwrap());
    let plan = plan_of(&runs).build().unwrap();
    Race { plan, target, is_interrupted: false, runs }
}

fn plan_of(runs: &[WayRun]) -> RacePlanBuilder {
    let calls = runs.iter().map(|run| run.rows.len()).max().unwrap_or_default();
    let target = "http://127.0.0.1:9000".parse().unwrap();
    RacePlan::builder(calls, RaceDelays::Constant(millis(100)))
        .target(target)
        .ways(runs.iter().map(|run| run.way))
}

fn whole() -> Race {
    race(vec![
        way(Way::Sequential, 1, vec![answered(0, 102), answered(102, 204), answered(204, 306)]),
        way(Way::Tasks, 1, vec![answered(0, 101), answered(0, 101), answered(1, 102)]),
    ])
}

fn jittered() -> Race {
    let mut jittered = race(vec![
        way(Way::Threads, 3, vec![answered(0, 112), answered(0, 73), answered(1, 137)]),
        way(Way::Exchange, 1, vec![answered(0, 112), answered(0, 73), answered(1, 136)]),
    ]);
    let delays = RaceDelays::Jittered(millis(100));
    jittered.plan = plan_of(&jittered.runs).delays(delays).build().unwrap();
    jittered
}

/// An answered call with the delay that the server planned for it.
fn drawn_row(sent: u64, planned: u64, done: u64) -> RaceCall {
    let end = CallEnd::answered(millis(done), Some(millis(planned)), Some(millis(planned)));
    RaceCall { sent: Some(millis(sent)), end }
}

fn of_behavior(mut race: Race, seed: Option<u64>) -> Race {
    let behavior = "lognormal(p50=200ms, p99=2s)".parse().unwrap();
    let plan = RacePlan::builder(race.plan.calls().get(), RaceDelays::Drawn { behavior, seed })
        .ways(race.runs.iter().map(|run| run.way));
    let plan = match &race.target {
        Some(target) if seed.is_none() => plan.target(target.clone()),
        _ => plan,
    };
    race.plan = plan.build().unwrap();
    race
}

/// A race whose delays only the server knows.
fn drawn_elsewhere() -> Race {
    let sequential = vec![
        drawn_row(0, 200, 201),
        drawn_row(201, 150, 352),
        drawn_row(352, 400, 753),
        drawn_row(753, 250, 1_004),
    ];
    let tasks = [200, 150, 400, 250].map(|delay| drawn_row(0, delay, delay + 1)).to_vec();
    let runs = vec![way(Way::Sequential, 1, sequential), way(Way::Tasks, 1, tasks)];
    of_behavior(race(runs), None)
}

fn projected() -> Race {
    let mut rows: Vec<_> = (0..5).map(|index| answered(index * 102, (index + 1) * 102)).collect();
    rows.extend((5..1_000).map(|index| RaceCall {
        sent: Some(millis(index * 102)),
        end: CallEnd::Projected { done: millis((index + 1) * 102) },
    }));
    let tasks = (0..1_000).map(|index| answered(index / 100, 110 + index / 100)).collect();
    let why = "it needs 4,000 memory maps, and the limit leaves room for 3";
    race(vec![
        way(Way::Sequential, 1, rows),
        WayRun::skipped(Way::Threads, why.to_owned()),
        way(Way::Tasks, 1, tasks),
    ])
}

fn with_cancellation() -> Race {
    let view = |count, p99| ServerView {
        cancelled: count,
        cancelled_after_mean: Some(millis(51)).filter(|_| count > 0),
        cancelled_after_p99: p99,
    };
    let mut race = race(vec![
        way(Way::Threads, 2, vec![answered(0, 101), answered(0, 102)]),
        way(Way::Tasks, 1, vec![cancelled(0, 51), cancelled(0, 51)]),
        way(Way::Exchange, 1, vec![cancelled(0, 51), cancelled(0, 51)]),
    ]);
    race.plan = plan_of(&race.runs).cancel_after(millis(50)).build().unwrap();
    race.runs[0].server = Some(view(0, None));
    race.runs[1].server = Some(view(2, Some(millis(52))));
    race.runs[2].server = Some(view(1, None));
    race
}

fn troubled() -> Race {
    let failed = CallEnd::Failed {
        done: millis(40),
        status: "UNAVAILABLE".to_owned(),
        message: "the server is shutting down".to_owned(),
        reported: None,
    };
    let mut troubled = race(vec![way(
        Way::Threads,
        3,
        vec![
            RaceCall { sent: Some(millis(1)), end: failed },
            RaceCall { sent: Some(millis(2)), end: CallEnd::Unfinished },
            RaceCall::UNSENT,
        ],
    )]);
    troubled.is_interrupted = true;
    troubled.runs[0].wall = millis(80);
    troubled.runs[0].trouble = Some("only 2 of 3 threads could be started: no more".to_owned());
    troubled
}

/// A call that failed as planned, or was answered late.
fn hit_row(sent: u64, done: u64, fault: &str) -> RaceCall {
    let (planned, waited) = (Some(millis(50)), Some(millis(50)));
    let (done, fault) = (millis(done), Some(fault.into()));
    let end = if fault == Some("slow(20%, 1KiB/s)".into()) {
        CallEnd::Answered { done, planned, waited, fault }
    } else {
        let reported = Some(Box::new(ReportedWait { planned, waited, fault }));
        let (status, message) = ("UNAVAILABLE".to_owned(), "planned by longsync".to_owned());
        CallEnd::Failed { done, status, message, reported }
    };
    RaceCall { sent: Some(millis(sent)), end }
}

/// A race whose calls meet planned faults.
fn faulty() -> Race {
    let (fail, slow) = ("fail(25%, UNAVAILABLE)", "slow(20%, 1KiB/s)");
    let sequential = vec![
        drawn_row(0, 50, 51),
        hit_row(51, 102, fail),
        hit_row(102, 253, slow),
        drawn_row(253, 50, 304),
    ];
    let tasks = vec![
        drawn_row(0, 50, 51),
        hit_row(0, 51, fail),
        hit_row(0, 151, slow),
        drawn_row(0, 50, 51),
    ];
    let runs = vec![way(Way::Sequential, 1, sequential), way(Way::Tasks, 1, tasks)];
    let mut race = race(runs);
    let behavior = format!("50ms; {fail}; {slow}").parse().unwrap();
    let plan = RacePlan::builder(4, RaceDelays::Drawn { behavior, seed: Some(42) });
    race.plan = plan.ways([Way::Sequential, Way::Tasks]).build().unwrap();
    race
}

fn plain(race: &Race, columns: usize) -> String {
    anstream::adapter::strip_str(&to_text(race, columns)).to_string()
}

#[test]
fn races_as_text() {
    insta::assert_snapshot!("text", plain(&whole(), 80));
    insta::assert_snapshot!("text_jittered", plain(&jittered(), 80));
    insta::assert_snapshot!("text_projected", plain(&projected(), 80));
    insta::assert_snapshot!("text_cancelled", plain(&with_cancellation(), 80));
    insta::assert_snapshot!("text_drawn", plain(&drawn_elsewhere(), 80));
    insta::assert_snapshot!("text_troubled", plain(&troubled(), 80));
    insta::assert_snapshot!("text_faulty", plain(&faulty(), 80));
    for columns in [40, 60, 140] {
        insta::assert_snapshot!(format!("text_{columns}"), plain(&troubled(), columns));
        insta::assert_snapshot!(
            format!("text_cancelled_{columns}"),
            plain(&with_cancellation(), columns)
        );
    }
}

fn all() -> [Race; 7] {
    [whole(), jittered(), projected(), with_cancellation(), troubled(), drawn_elsewhere(), faulty()]
}

/// The cells of a race's table, by way: the words after its name.
fn cells(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut cells = BTreeMap::<_, Vec<_>>::new();
    let (_, below) = text.split_once("\nway ").unwrap();
    // The sentence that follows the table may contain the same words.
    let (below, _) = below.rsplit_once("\n\n").unwrap();
    for line in below.lines() {
        let mut words = line.split_whitespace();
        if let Some(way @ ("sequential" | "threads" | "tasks" | "exchange")) = words.next() {
            cells.entry(way).or_default().extend(words);
        }
    }
    cells
}

#[test]
fn a_race_fits_terminals_of_40_columns_and_more_with_every_cell() {
    for race in all() {
        let whole = plain(&race, 160);
        for columns in 40..=160 {
            let text = plain(&race, columns);
            let wide = text.lines().find(|line| line.chars().count() > columns);
            assert_eq!(wide, None, "{columns}:\n{text}");
            assert_eq!(cells(&text), cells(&whole), "{columns}:\n{text}");
        }
    }
}

/// Both use the same axis, and have about the same room.
#[test]
fn a_terminal_of_80_columns_has_the_same_ticks_as_the_picture() {
    for race in all() {
        let text = plain(&race, 80);
        let labels = text.lines().skip_while(|line| !line.contains('└')).nth(1).unwrap();
        let svg = to_svg(&race);
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts =
            document.descendants().filter(|it| it.attribute("text-anchor") == Some("middle"));
        let drawn: Vec<_> = texts.filter_map(|it| it.text()).collect();
        assert_eq!(labels.split_whitespace().collect::<Vec<_>>(), drawn);
    }
}

#[test]
fn cancellations_that_the_server_noticed_are_reported_as_far_as_known() {
    let said = |view: Option<ServerView>| {
        let mut race = with_cancellation();
        race.runs[1].server = view;
        plain(&race, 200)
    };
    let view = |cancelled, mean: Option<u64>| {
        let cancelled_after_mean = mean.map(millis);
        Some(ServerView { cancelled, cancelled_after_mean, cancelled_after_p99: None })
    };
    for (view, words) in [
        (None, "2 calls cancelled; the server does not report what it noticed\n"),
        (view(0, None), "2 calls cancelled; the server noticed none of them end\n"),
        (view(1, Some(51)), "the server noticed 1 of them end, after 51ms\n"),
        (
            view(5, Some(51)),
            "noticed 5 calls end, including those of other clients, on average after 51ms\n",
        ),
    ] {
        let text = said(view);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn no_bar_is_wider_than_the_terminal() {
    for race in all() {
        for columns in [60, 80, 120] {
            let text = plain(&race, columns);
            let bars = text.lines().filter(|line| line.contains(['█', '┫', '░', '╱', '×', '┴']));
            for bar in bars {
                assert!(bar.chars().count() <= columns, "{bar}");
            }
        }
    }
}

#[test]
fn on_a_narrow_terminal_times_are_separated_and_words_wrapped() {
    for race in all() {
        for columns in 20..=60 {
            let text = plain(&race, columns);
            let mut lines = text.lines().skip_while(|line| !line.contains('└'));
            let ticks = lines.next().unwrap().matches(['└', '┴', '┘']).count();
            let times: Vec<_> = lines.next().unwrap().split_whitespace().collect();
            assert_eq!(times.len(), ticks, "{text}");
            assert!(
                times.iter().all(|time| longsync_text::duration::parse(time).is_ok()),
                "{times:?}"
            );

            let (picture, _) = text.split_once("\nway ").unwrap();
            // An address is one word, and a projection one label.
            for line in picture.lines().filter(|line| !line.contains(['/', '▸'])) {
                assert!(line.chars().count() <= columns.max(24), "{columns}: {line}");
            }
        }
    }
    insta::assert_snapshot!("text_narrow", plain(&jittered(), 30));
}

#[test]
fn races_as_json() {
    insta::assert_snapshot!("json", to_json(&whole()).unwrap());
    insta::assert_snapshot!("json_jittered", to_json(&jittered()).unwrap());
    insta::assert_snapshot!("json_cancelled", to_json(&with_cancellation()).unwrap());
    insta::assert_snapshot!("json_troubled", to_json(&troubled()).unwrap());
    insta::assert_snapshot!("json_faulty", to_json(&faulty()).unwrap());
}

#[test]
fn a_race_as_svg() {
    insta::assert_snapshot!("svg", to_svg(&jittered()));
}

#[test]
fn every_picture_is_well_formed_and_its_words_are_text() {
    for race in all() {
        let svg = to_svg(&race);
        let document = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<_> = document
            .descendants()
            .filter(|node| node.has_tag_name("text"))
            .filter_map(|node| node.text())
            .collect();
        for run in &race.runs {
            assert!(texts.contains(&&*run.way.to_string()), "{texts:?}");
        }
        let title = document.descendants().find(|node| node.has_tag_name("title"));
        assert!(title.and_then(|node| node.text()).is_some_and(|title| title.contains("calls of")));
    }
}

/// The shapes of the bars of calls that ended this way: the element name of each.
fn shapes(svg: &str, end: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let bars = document.descendants().filter(|node| node.attribute("class") == Some(end));
    bars.map(|bar| bar.tag_name().name().to_owned()).collect()
}

#[test]
fn ends_differ_in_shape_and_are_named_in_the_key() {
    let mut race = with_cancellation();
    race.runs[0].rows = troubled().runs.swap_remove(0).rows;
    let (svg, text) = (to_svg(&race), plain(&race, 80));
    for (end, shape, bar, times) in [
        ("cancelled", "path", "━━┫ ", 4),
        ("failed", "g", "╍╍× ", 1),
        ("unfinished", "rect", "░░░ ", 1),
    ] {
        // One of them is in the key.
        assert_eq!(shapes(&svg, end), vec![shape; times + 1], "{end}");
        assert!(text.contains(&format!("{bar}{end}")), "{text}");
    }
    assert!(shapes(&svg, "answered").is_empty() && !text.contains("answered"), "{text}");
    let both = with_cancellation();
    assert!(plain(&both, 80).contains("███ answered   ━━┫ cancelled\n"));
    assert_eq!(shapes(&to_svg(&both), "answered").len(), 2 + 1);
    // A race in which all calls were answered needs no key.
    assert!(!plain(&whole(), 80).contains("answered"));
    assert_eq!(shapes(&to_svg(&whole()), "answered").len(), 6);
}

#[test]
fn a_picture_names_the_fault_of_each_call_that_one_hit() {
    let svg = to_svg(&faulty());
    assert_eq!(shapes(&svg, "failed").len(), 2 + 1);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let tips = document.descendants().filter(|node| node.has_tag_name("title"));
    let tips: Vec<_> =
        tips.filter_map(|tip| tip.text()).filter(|tip| tip.contains("hit by")).collect();
    assert_eq!(
        tips[..2],
        [
            "call 1: failed, from 51ms to 102ms, hit by fail(25%, UNAVAILABLE)",
            "call 2: answered, from 102ms to 253ms, hit by slow(20%, 1KiB/s)",
        ]
    );
    assert_eq!(tips.len(), 4);
}

#[test]
fn planned_failures_and_others_are_counted_apart() {
    let mut both = faulty();
    both.runs[1].rows[3].end = CallEnd::Failed {
        done: millis(9),
        status: "INTERNAL".to_owned(),
        message: "oh".to_owned(),
        reported: None,
    };
    let text = plain(&both, 120);
    for words in [
        "1 call failed, as planned by fail(25%, UNAVAILABLE)\n",
        "1 other call failed: INTERNAL: oh\n",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let cells = cells(&text);
    assert_eq!(cells["sequential"][cells["sequential"].len() - 2..], ["1", "0"], "{text}");
    assert_eq!(cells["tasks"][cells["tasks"].len() - 2..], ["1", "1"], "{text}");
    assert_eq!(
        lesson(&both),
        "4 calls of 50ms took 304ms one after another: each waits for the one before. 1 of 4 failed, as \
         planned: fail(25%, UNAVAILABLE)."
    );
    // Nothing but planned failures is nothing that failed.
    both.runs.truncate(1);
    both.runs[0].rows = vec![hit_row(0, 51, "fail(25%, UNAVAILABLE)"); 4];
    assert!(!both.has_failed() && both.runs[0].is_whole());
}

/// Except for the small numbers and words in the rows of bars, which have a background.
#[test]
fn no_line_of_a_picture_crosses_its_words() {
    for race in all() {
        let svg = to_svg(&race);
        let document = roxmltree::Document::parse(&svg).unwrap();
        let number = |node: roxmltree::Node<'_, '_>, name| -> f64 {
            node.attribute(name).unwrap().parse().unwrap()
        };
        let of =
            |name: &'static str| document.descendants().filter(move |node| node.has_tag_name(name));
        let ticks = of("line").filter(|line| line.attribute("x1") == line.attribute("x2"));
        let ticks: Vec<_> = ticks.filter(|line| line.attribute("class") == Some("line")).collect();
        let is_grounded = |text: &roxmltree::Node<'_, '_>| {
            text.attribute("class").is_some_and(|class| class.contains("number") || class == "mark")
        };
        for text in of("text").filter(|text| !is_grounded(text)) {
            // Letters are this high, and reach this far below their baseline.
            let (top, bottom) = (number(text, "y") - 12.0, number(text, "y") + 4.0);
            for tick in &ticks {
                let is_apart = number(*tick, "y2") <= top || number(*tick, "y1") >= bottom;
                assert!(is_apart, "{:?} over {tick:?}", text.text());
            }
        }
    }
}

#[test]
fn durations_are_shown_as_they_were_typed() {
    let mut race = with_cancellation();
    let plan = plan_of(&race.runs).cancel_after("0.05s".parse::<TypedDuration>().unwrap());
    race.plan = plan.build().unwrap();
    let text = plain(&race, 160);
    assert!(
        text.starts_with("2 calls of 100ms each, to be cancelled 0.05s after each was sent\n"),
        "{text}"
    );
    let mut projected = projected();
    let plan = plan_of(&projected.runs).sequential_max("500ms".parse::<TypedDuration>().unwrap());
    projected.plan = plan.build().unwrap();
    let text = plain(&projected, 160);
    assert!(text.contains("(--sequential-max 500ms)"), "{text}");
}

#[test]
fn a_cancellation_after_all_answers_is_reported_as_having_nothing_to_cancel() {
    let mut late = whole();
    late.plan = plan_of(&late.runs).cancel_after(millis(500)).build().unwrap();
    let text = plain(&late, 160);
    let said = "nothing was left to cancel after 500ms: every call had ended";
    assert_eq!(text.matches(said).count(), late.runs.len(), "{text}");
    assert!(
        text.contains("\nNothing was left to cancel after 500ms: every call had ended. Use"),
        "{text}"
    );
    // For threads, the duration of their calls tells.
    let mut threads = with_cancellation();
    threads.plan = plan_of(&threads.runs).cancel_after(millis(101)).build().unwrap();
    assert!(!plain(&threads, 160).contains("nothing was left"));
    threads.plan = plan_of(&threads.runs).cancel_after(millis(102)).build().unwrap();
    assert_eq!(plain(&threads, 160).matches("nothing was left").count(), 1);
}

#[test]
fn the_cost_of_tasks_is_explained_only_if_it_is_visible() {
    let sent_at = |millis_per_thousand: u64, count: u64| {
        (0..count)
            .map(|it| it * millis_per_thousand / 1_000)
            .map(|it| answered(it, it + 500))
            .collect()
    };
    let said = |tasks, exchange, count| {
        let runs = vec![
            way(Way::Tasks, 1, sent_at(tasks, count)),
            way(Way::Exchange, 1, sent_at(exchange, count)),
        ];
        plain(&race(runs), 160).contains("the last message of the exchange after")
    };
    assert!(said(40, 2, 2_000));
    assert!(!said(40, 30, 2_000), "tasks are about as fast");
    assert!(!said(1, 0, 2_000), "a millisecond is invisible next to half a second");
    assert!(!said(40, 2, 900), "there are too few calls");
}

#[test]
fn a_long_waterfall_folds_in_the_middle() {
    let rows = (0..1_000).map(|index| answered(index, index + 100)).collect();
    let text = plain(&race(vec![way(Way::Tasks, 1, rows)]), 60);
    assert!(text.contains("976 more"), "{text}");
    assert!(text.lines().count() < 50);
}

#[test]
fn a_seed_is_in_every_form_of_a_race() {
    let seeded = of_behavior(drawn_elsewhere(), Some(42));
    let said = "4 calls of lognormal(p50=200ms, p99=2s), seed 42";
    assert!(plain(&seeded, 80).starts_with(said));
    assert!(to_json(&seeded).unwrap().contains("\n  \"seed\": 42,\n"));
    let svg = to_svg(&seeded);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let of = |name| document.descendants().find(|node| node.has_tag_name(name)).unwrap().text();
    assert_eq!(of("title"), Some(said));
    assert!(of("desc").unwrap().ends_with(" The delays were drawn by seed 42."));
}

#[test]
fn a_long_headline_of_a_picture_takes_several_lines() {
    let mut long = drawn_elsewhere();
    let parts = (1..=40).map(|part| format!("1%: {part}ms")).collect::<Vec<_>>().join(", ");
    let behavior = format!("mix({parts}, rest: 0s)").parse().unwrap();
    let plan = RacePlan::builder(4, RaceDelays::Drawn { behavior, seed: Some(1) });
    long.plan = plan.ways([Way::Sequential, Way::Tasks]).build().unwrap();
    let svg = to_svg(&long);
    let document = roxmltree::Document::parse(&svg).unwrap();
    let lines = document.descendants().filter(|node| node.attribute("class") == Some("headline"));
    let lengths: Vec<_> = lines.map(|line| line.text().unwrap().len()).collect();
    assert!(lengths.len() > 5 && lengths.iter().all(|length| *length <= 52), "{lengths:?}");
}

fn lesson(race: &Race) -> String {
    let json: serde_json::Value = serde_json::from_str(&to_json(race).unwrap()).unwrap();
    json["lesson"].as_str().unwrap().to_owned()
}

#[test]
fn the_lesson_claims_only_what_its_figures_show() {
    let alone = race(vec![
        way(Way::Sequential, 1, vec![answered(0, 102)]),
        way(Way::Tasks, 1, vec![answered(0, 101)]),
    ]);
    insta::assert_snapshot!("lesson_alone", lesson(&alone));

    let short = |delay, ways| {
        let mut race = race(ways);
        race.plan = plan_of(&race.runs).delays(RaceDelays::Constant(delay)).build().unwrap();
        race
    };
    let no_gain = || {
        vec![
            way(Way::Sequential, 1, vec![answered(0, 2), answered(2, 4)]),
            way(Way::Tasks, 1, vec![answered(0, 3), answered(0, 3)]),
        ]
    };
    insta::assert_snapshot!("lesson_no_gain", lesson(&short(millis(1), no_gain())));
    insta::assert_snapshot!("lesson_no_delay", lesson(&short(Duration::ZERO, no_gain())));
    let only_tasks = no_gain().split_off(1);
    insta::assert_snapshot!("lesson_no_delay_tasks", lesson(&short(Duration::ZERO, only_tasks)));
    let gain = vec![
        way(Way::Sequential, 1, vec![answered(0, 2), answered(2, 4)]),
        way(Way::Tasks, 1, vec![answered(0, 2), answered(0, 2)]),
    ];
    insta::assert_snapshot!("lesson_no_delay_gain", lesson(&short(Duration::ZERO, gain)));

    insta::assert_snapshot!("lesson_drawn", lesson(&drawn_elsewhere()));
    let mut only_tasks = drawn_elsewhere();
    only_tasks.runs.remove(0);
    insta::assert_snapshot!("lesson_drawn_tasks", lesson(&only_tasks));
    for row in &mut only_tasks.runs[0].rows {
        row.end = CallEnd::answered(row.done().unwrap(), None, None);
    }
    insta::assert_snapshot!("lesson_drawn_untold", lesson(&only_tasks));
    let one_long = of_behavior(
        race(vec![
            way(Way::Sequential, 1, vec![drawn_row(0, 100, 101), drawn_row(101, 900, 1_002)]),
            way(Way::Tasks, 1, vec![drawn_row(0, 100, 101), drawn_row(0, 900, 901)]),
        ]),
        None,
    );
    insta::assert_snapshot!("lesson_drawn_one_long", lesson(&one_long));

    let mut in_vain = whole();
    in_vain.plan = plan_of(&in_vain.runs).cancel_after(millis(500)).build().unwrap();
    insta::assert_snapshot!("lesson_cancelled_in_vain", lesson(&in_vain));

    let mut threads = with_cancellation();
    threads.runs.truncate(1);
    insta::assert_snapshot!("lesson_cancelled_threads", lesson(&threads));
    let in_turn = vec![cancelled(0, 51), cancelled(51, 102)];
    threads.runs = vec![way(Way::Sequential, 1, in_turn)];
    insta::assert_snapshot!("lesson_cancelled_in_turn", lesson(&threads));
}

/// Sequential calls for which there was no time.
fn unmade(calls: u64) -> WayRun {
    let end = |index| CallEnd::Projected { done: millis((index + 1) * 100) };
    let row = |index| RaceCall { sent: Some(millis(index * 100)), end: end(index) };
    way(Way::Sequential, 1, (0..calls).map(row).collect())
}

#[test]
fn a_race_teaches_nothing_about_calls_that_were_not_made() {
    let refused = |calls| {
        let end = CallEnd::Failed {
            done: millis(1),
            status: "INVALID_ARGUMENT".to_owned(),
            message: "too long".to_owned(),
            reported: None,
        };
        way(Way::Tasks, 1, vec![RaceCall { sent: Some(millis(0)), end }; calls])
    };
    let not_made = "No call was made: see the notes above.";
    let not_all = "No way had all its calls answered: see the notes above.";
    for (runs, words) in [
        (vec![unmade(1)], not_made),
        (vec![unmade(3)], not_made),
        (vec![unmade(1), refused(1)], not_all),
        (vec![unmade(3), refused(3)], not_all),
    ] {
        let mut race = race(runs);
        assert_eq!(lesson(&race), words, "{:?}", race.runs);
        assert!(race.has_failed() && race.speed_up(&race.runs[0]).is_none());
        let plan = plan_of(&race.runs).cancel_after(millis(150));
        race.plan = plan.build().unwrap();
        let not_cancelled = "No call was cancelled: see the notes above.";
        assert_eq!(lesson(&race), if words == not_made { not_made } else { not_cancelled });
    }
    // What the others measured is compared with the sum of the delays.
    let others = race(vec![unmade(3), way(Way::Tasks, 1, vec![answered(0, 101); 3])]);
    let words = "3 calls of 100ms would take at least 300ms one after another, but took 101ms";
    assert!(lesson(&others).contains(words), "{}", lesson(&others));
    let text = plain(&others, 160);
    for note in [
        "no call was made, because the first would not end in time: 3 calls are projected from the planned \
         delays alone (--sequential-max 10s)",
        "~300ms - 0 ",
    ] {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(note), "{text}");
    }
    let one = plain(&race(vec![unmade(1)]), 200);
    let note = "because it would not end in time: 1 call is projected from";
    assert!(one.contains(note), "{one}");
}

#[test]
fn of_one_call_a_report_speaks_in_the_singular() {
    let view = ServerView {
        cancelled: 1,
        cancelled_after_mean: Some(millis(51)),
        cancelled_after_p99: Some(millis(52)),
    };
    let mut one = race(vec![
        way(Way::Threads, 1, vec![answered(0, 101)]),
        way(Way::Tasks, 1, vec![cancelled(0, 51)]),
    ]);
    one.plan = plan_of(&one.runs).cancel_after(millis(50)).build().unwrap();
    one.runs[1].server = Some(view);
    assert_eq!(
        lesson(&one),
        "A task can be stopped while it waits: 1 task of 1 ended when it was cancelled, 51ms in total. A \
         thread cannot: 1 thread waited until its call had ended, 101ms in total; a deadline would have \
         ended it sooner."
    );
    let said = plain(&one, 160);
    assert!(said.contains("1 call cancelled; the server noticed its end, after 51ms\n"), "{said}");
    one.runs[1].server = Some(ServerView { cancelled: 0, cancelled_after_mean: None, ..view });
    let said = plain(&one, 160);
    assert!(said.contains("1 call cancelled; the server did not notice its end\n"), "{said}");

    let mut two = race(vec![way(Way::Sequential, 1, vec![answered(0, 102), answered(102, 204)])]);
    two.runs[0].rows[1].end = CallEnd::Projected { done: millis(204) };
    let said = plain(&two, 160);
    assert!(said.contains("1 call measured, in 102ms; the other is projected ("), "{said}");
}

#[test]
fn a_race_without_results_has_failed() {
    let failed = || CallEnd::Failed {
        done: millis(1),
        status: "INTERNAL".to_owned(),
        message: String::new(),
        reported: None,
    };
    let row = |end| RaceCall { sent: Some(millis(0)), end };
    let skipped = || WayRun::skipped(Way::Threads, "too many".to_owned());
    for (ways, has_failed) in [
        (vec![way(Way::Tasks, 1, vec![row(failed()), answered(0, 100)])], false),
        (vec![way(Way::Tasks, 1, vec![row(failed()), cancelled(0, 50)])], false),
        (vec![way(Way::Tasks, 1, vec![row(failed()), row(failed())])], true),
        (vec![skipped(), way(Way::Tasks, 1, vec![row(failed())])], true),
        (vec![skipped(), way(Way::Tasks, 1, vec![answered(0, 100)])], false),
        // No call was made.
        (vec![way(Way::Tasks, 1, vec![RaceCall::UNSENT])], true),
        (vec![way(Way::Sequential, 1, vec![row(CallEnd::Projected { done: millis(9) })])], true),
    ] {
        let race = race(ways);
        assert_eq!(race.has_failed(), has_failed, "{:?}", race.runs);
    }
    let mut none = whole();
    none.runs = vec![skipped(), skipped()];
    assert!(none.has_failed());
    // It was ended before its first way began.
    none.runs = Vec::new();
    assert!(!none.has_failed());
}
