//! A race as a picture in SVG: the terminal's waterfall, for a README and a browser, in light and dark.

use std::ops::Range;
use std::time::Duration;

use crate::chart::canvas::{Canvas, MARGIN, WIDTH, escaped};
use crate::chart::{Axis, nanoseconds};
use crate::figures::{bytes, rounded};
use crate::race::layout::{Look, MARK, WaterfallLine, axis_end, legend, lines};
use crate::race::lesson::lesson;
use crate::race::outcome::{Race, WayRun};
use crate::race::way::Way;
use crate::race::words::{describe, headline, printable_notes, server, times, wall};
use crate::wrap::wrapped;
use longsync_text::{counted, grouped};

/// Where the time axis begins and ends; before it are the numbers of calls, behind it marks.
const ACROSS: Range<f64> = 56.0..744.0;
const ROW: u32 = 12;
const BAR: u32 = 9;
/// How many characters of a sentence fit on a line.
const CHARACTERS: usize = 104;
/// How many characters of the headline fit on a line.
const HEADLINE_CHARACTERS: usize = 76;

/// The looks of bars, and what stands beside them.
const STYLE: &str = "\
.figures { fill: var(--ink); } .lesson { font-weight: 600; fill: var(--ink); } .number, .mark { font-size: 9px; }
.answered { fill: var(--green); } .failed { fill: var(--red); } .cancelled { fill: var(--violet); }
.projected { fill: url(#hatched); stroke: var(--green); } .unfinished { fill: none; stroke: var(--amber); stroke-dasharray: 3 2; }
.hatching { stroke: var(--green); stroke-width: 1.5; }
@media (max-width: 560px) { .mark { font-size: 12px; } }
";
const HATCHED: &str = r#"<defs><pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatching" x1="3" x2="3" y2="6"/></pattern></defs>
"#;

/// A race as an SVG document.
pub fn to_svg(race: &Race) -> String {
    let axis = Axis::linear(axis_end(race));
    let mut canvas = Canvas::default();
    for line in wrapped(&headline(race), HEADLINE_CHARACTERS) {
        canvas.down(26);
        canvas.text(MARGIN, 0, "headline", &line);
    }
    for line in wrapped(&server(race), CHARACTERS) {
        canvas.down(20);
        canvas.text(MARGIN, 0, "detail", &line);
    }
    canvas.down(10);
    let top = canvas.y;
    for run in &race.runs {
        way(&mut canvas, race, run, axis);
    }
    canvas.down(6);
    canvas.axis_across(axis, ACROSS, top);
    key(&mut canvas, race);
    canvas.down(8);
    for line in wrapped(&lesson(race), CHARACTERS - 8) {
        canvas.down(20);
        canvas.text(MARGIN, 0, "lesson detail", &line);
    }
    canvas.finish(&headline(race), &description(race), STYLE, HATCHED)
}

/// For readers who hear the picture.
fn description(race: &Race) -> String {
    match race.plan.delays.seed() {
        Some(seed) => format!("{} The delays were drawn by seed {seed}.", lesson(race)),
        None => lesson(race),
    }
}

fn way(canvas: &mut Canvas, race: &Race, run: &WayRun, axis: Axis) {
    canvas.down(30);
    canvas.text(MARGIN, 0, "name", &run.way.to_string());
    canvas.text_from_right(f64::from(WIDTH) - MARGIN, 0, "figures", &figures(race, run));
    canvas.down(18);
    canvas.text(MARGIN, 0, "detail", &describe(race, run));
    canvas.down(7);
    for line in lines(race, run, axis_end(race)) {
        row(canvas, axis, &line);
    }
    for note in printable_notes(race, run) {
        for line in wrapped(&note, CHARACTERS - 6) {
            canvas.down(17);
            canvas.text(ACROSS.start, 0, "detail", &line);
        }
    }
}

/// The figures of a way that fit beside its name.
fn figures(race: &Race, run: &WayRun) -> String {
    if run.is_skipped() {
        return String::new();
    }
    let mut figures = vec![wall(run)];
    if race.plan.cancel_after.is_none() {
        figures.extend(race.speed_up(run).map(times));
    } else if run.way != Way::Threads {
        figures.push(format!("{} cancelled", grouped(run.cancelled() as u64)));
    }
    figures.push(counted(run.threads, "thread"));
    figures.push(counted(run.connections, "connection"));
    figures.extend(run.cost.memory_added_bytes.map(|count| format!("{} added", bytes(count))));
    figures.extend(run.cost.switches.map(|count| format!("{} switches", grouped(count))));
    figures.join("  ·  ")
}

fn key(canvas: &mut Canvas, race: &Race) {
    let looks = legend(race);
    let is_marked = race.plan.delays.vary();
    if looks.is_empty() && !is_marked {
        return;
    }
    canvas.down(22);
    let mut x = ACROSS.start;
    for look in looks {
        bar(canvas, x, 24.0, look, look.word());
        canvas.text(x + 30.0, BAR, "", look.word());
        x += 110.0;
    }
    if is_marked {
        canvas.text(x, BAR, "detail", MARK);
    }
    canvas.down(BAR);
}

/// A line of a waterfall.
fn row(canvas: &mut Canvas, axis: Axis, line: &WaterfallLine) {
    if let WaterfallLine::Bar { index, from, to, look, order } = line {
        let (first, last) = (x(axis, *from), x(axis, *to));
        let width = (last - first).max(1.5);
        let (word, starts, ends) = (look.word(), rounded(*from), rounded(*to));
        let tip = format!("call {index}: {word}, from {starts} to {ends}");
        bar(canvas, first, width, *look, &tip);
        if let Some(place) = order {
            canvas.text(first + width + 4.0, BAR - 1, "mark", &place.to_string());
        }
    }
    if let Some(words) = line.words() {
        canvas.text(ACROSS.start, BAR - 1, "number", &words);
    }
    canvas.text_from_right(ACROSS.start - 6.0, BAR - 1, "number detail", &line.label());
    canvas.down(ROW);
}

/// Where a time lies.
fn x(axis: Axis, at: Duration) -> f64 {
    ACROSS.start + axis.position(nanoseconds(at)) * (ACROSS.end - ACROSS.start)
}

fn bar(canvas: &mut Canvas, x: f64, width: f64, look: Look, tip: &str) {
    let (y, class, tip) = (canvas.y, look.word(), escaped(tip));
    canvas.draw(format_args!(
        r#"<rect class="{class}" x="{x:.1}" y="{y}" width="{width:.1}" height="{BAR}" rx="2"><title>{tip}</title></rect>"#
    ));
}
