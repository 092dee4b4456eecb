//! A race as an SVG picture: the terminal's waterfall for READMEs and browsers, in light and dark mode.

use std::ops::Range;
use std::time::Duration;

use crate::chart::canvas::{Canvas, HEADLINE_CHARACTERS, LETTER, MARGIN, WIDTH, escaped};
use crate::chart::ruler::as_length;
use crate::chart::{Axis, nanoseconds};
use crate::figures::{bytes, rounded};
use crate::race::layout::{Look, MARK, WaterfallLine, axis_end, legend, lines};
use crate::race::lesson::lesson;
use crate::race::outcome::{Race, WayRun};
use crate::race::way::Way;
use crate::race::words::{describe, headline, printable_notes, server, times, wall};
use crate::wrap::wrapped;
use longsync_text::{counted, grouped};

/// The start and end of the time axis; call numbers are before it, marks after it.
const ACROSS: Range<f64> = 56.0..744.0;
const ROW: u32 = 12;
const BAR: u32 = 9;
/// Separates figures.
const BETWEEN: &str = "  ·  ";
/// The least width of a bar.
const THINNEST: f64 = 1.5;
/// How far the cross of a failed call extends to either side of its end.
const CROSS: f64 = 4.0;
/// The number of characters of a sentence that fit on a line.
const CHARACTERS: usize = 104;

/// The styles of bars and of the text next to them.
const STYLE: &str = "\
.figures { fill: var(--ink); } .lesson { font-weight: 600; fill: var(--ink); } .number, .mark { font-size: 9px; }
.mark, .number { paint-order: stroke; stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round; }
.answered { fill: var(--green); } .failed { stroke: var(--red); } .cancelled { stroke: var(--violet); }
.failed, .cancelled { fill: none; stroke-width: 2.5; }
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
    let mut beside = Vec::new();
    for run in &race.runs {
        beside.extend(way(&mut canvas, race, run, axis));
    }
    if !beside.is_empty() {
        canvas.down(10);
        time(&mut canvas, axis, beside);
        key(&mut canvas, race);
    }
    canvas.down(8);
    for line in wrapped(&lesson(race), CHARACTERS - 8) {
        canvas.down(20);
        canvas.text(MARGIN, 0, "lesson detail", &line);
    }
    canvas.finish(&headline(race), &description(race), STYLE, HATCHED)
}

/// The description for screen readers.
fn description(race: &Race) -> String {
    match race.plan.delays.seed() {
        Some(seed) => format!("{} The delays were drawn by seed {seed}.", lesson(race)),
        None => lesson(race),
    }
}

/// The time axis. Its tick lines are drawn only behind bars, so that none crosses text.
fn time(canvas: &mut Canvas, axis: Axis, mut beside: Vec<Range<u32>>) {
    let (from, to, y) = (ACROSS.start, ACROSS.end, canvas.y);
    canvas.draw(format_args!(
        r#"<line class="line" x1="{from:.1}" x2="{to:.1}" y1="{y}" y2="{y}"/>"#
    ));
    beside.push(y..y + 5);
    canvas.axis_across(axis, ACROSS, &beside);
}

/// Draws a way; returns the vertical range of its bars, unless it was skipped.
fn way(canvas: &mut Canvas, race: &Race, run: &WayRun, axis: Axis) -> Option<Range<u32>> {
    canvas.down(30);
    canvas.text(MARGIN, 0, "name", &run.way.to_string());
    figures(canvas, race, run);
    canvas.down(18);
    canvas.text(MARGIN, 0, "detail", &describe(race, run));
    canvas.down(7);
    let top = canvas.y;
    for line in lines(race, run, axis_end(race)) {
        row(canvas, axis, &line);
    }
    let beside = top..canvas.y;
    for note in printable_notes(race, run) {
        for line in wrapped(&note, CHARACTERS - 6) {
            canvas.down(17);
            canvas.text(ACROSS.start, 0, "detail", &line);
        }
    }
    (!run.is_skipped()).then_some(beside)
}

/// The figures of a way, next to its name: its time and its cost.
fn figures(canvas: &mut Canvas, race: &Race, run: &WayRun) {
    if run.is_skipped() {
        return;
    }
    let mut took = vec![wall(run)];
    if race.plan.cancel_after.is_none() {
        took.extend(race.speed_up(run).map(times));
    } else if run.way != Way::Threads {
        took.push(format!("{} cancelled", grouped(run.cancelled() as u64)));
    }
    let mut cost = vec![counted(run.threads, "thread"), counted(run.connections, "connection")];
    cost.extend(run.cost.memory_added_bytes.map(|count| format!("{} added", bytes(count))));
    cost.extend(run.cost.switches.map(|count| format!("{} switches", grouped(count))));
    let (took, cost) = (took.join(BETWEEN), cost.join(BETWEEN));
    let (x, y) = (f64::from(WIDTH) - MARGIN, canvas.y);
    canvas.draw(format_args!(
        r#"<text class="figures" x="{x:.0}" y="{y}" text-anchor="end">{took}<tspan class="detail">{BETWEEN}{cost}</tspan></text>"#
    ));
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
        let width = 54.0 + LETTER.0 * as_length(look.word().len());
        if x > ACROSS.start && x + width > ACROSS.end {
            x = ACROSS.start;
            canvas.down(22);
        }
        bar(canvas, x..x + 24.0, look, look.word());
        canvas.text(x + 30.0, BAR, "", look.word());
        x += width;
    }
    if is_marked {
        if x > ACROSS.start {
            canvas.down(22);
        }
        canvas.text(ACROSS.start, BAR, "detail", MARK);
    }
    canvas.down(BAR);
}

/// A line of a waterfall.
fn row(canvas: &mut Canvas, axis: Axis, line: &WaterfallLine) {
    if let WaterfallLine::Bar { index, from, to, look, fault, order } = line {
        let (first, last) = (x(axis, *from), x(axis, *to));
        let last = last.max(first + THINNEST);
        let (word, starts, ends) = (look.word(), rounded(*from), rounded(*to));
        let hit = fault.as_ref().map(|fault| format!(", hit by {fault}")).unwrap_or_default();
        let tip = format!("call {index}: {word}, from {starts} to {ends}{hit}");
        bar(canvas, first..last, *look, &tip);
        if let Some(place) = order {
            canvas.text(last + 4.0, BAR - 1, "mark", &place.to_string());
        }
    }
    if let Some(words) = line.words() {
        canvas.text(ACROSS.start, BAR - 1, "number", &words);
    }
    canvas.text_from_right(ACROSS.start - 6.0, BAR - 1, "number detail", &line.label());
    canvas.down(ROW);
}

/// The position of a time.
fn x(axis: Axis, at: Duration) -> f64 {
    ACROSS.start + axis.position(nanoseconds(at)) * (ACROSS.end - ACROSS.start)
}

/// A bar, whose shape shows how its call ended: solid if answered, a line to a stop if cancelled, a dashed
/// line to a cross if failed.
fn bar(canvas: &mut Canvas, across: Range<f64>, look: Look, tip: &str) {
    let (class, tip, top) = (look.word(), escaped(tip), canvas.y);
    let Range { start, end } = across;
    let (bottom, middle) = (top + BAR, f64::from(top) + f64::from(BAR) / 2.0);
    match look {
        Look::Answered | Look::Projected | Look::Unfinished => canvas.draw(format_args!(
            r#"<rect class="{class}" x="{start:.1}" y="{top}" width="{:.1}" height="{BAR}" rx="2"><title>{tip}</title></rect>"#,
            end - start
        )),
        Look::Cancelled => canvas.draw(format_args!(
            r#"<path class="{class}" d="M{start:.1} {middle}H{end:.1}M{end:.1} {top}V{bottom}"><title>{tip}</title></path>"#
        )),
        Look::Failed => {
            let (left, right) = (end - CROSS, end + CROSS);
            canvas.draw(format_args!(
                r#"<g class="{class}"><title>{tip}</title><path stroke-dasharray="5 3" d="M{start:.1} {middle}H{end:.1}"/><path d="M{left:.1} {top}L{right:.1} {bottom}M{left:.1} {bottom}L{right:.1} {top}"/></g>"#
            ));
        }
    }
}
