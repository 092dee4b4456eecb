//! A race as a picture in SVG: the terminal's waterfall, for a README and a browser, in light and dark.

use std::fmt::{self, Write as _};
use std::time::Duration;

use longsync_text::duration::text;

use crate::figures::{bytes, rounded};
use crate::race::delays::Delays;
use crate::race::layout::{Line, Look, axis_end, legend, lines};
use crate::race::outcome::{Race, WayRun};
use crate::race::way::Way;
use crate::race::words::{
    describe, headline, lesson, printable_notes, server, times, wall, wrapped,
};
use longsync_text::said::printable;
use longsync_text::{counted, grouped};

const WIDTH: u32 = 800;
/// Where the time axis begins and ends; before it are the numbers of calls, behind it marks.
const AXIS: (f64, f64) = (56.0, 744.0);
const ROW: u32 = 12;
const BAR: u32 = 9;
/// How many characters of a sentence fit on a line.
const CHARACTERS: usize = 104;

/// Colours for light and dark; on a narrow screen, which draws all of it smaller, larger letters and
/// only the words that are needed.
const STYLE: &str = "
svg { --ground: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --answered: #1a7f37; --failed: #cf222e; --cancelled: #8250df; --unfinished: #9a6700; }
@media (prefers-color-scheme: dark) { svg { --ground: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --line: #3d444d; --answered: #3fb950; --failed: #f85149; --cancelled: #ab7df8; --unfinished: #d29922; } }
text { font: 13px system-ui, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; fill: var(--soft); }
.ground { fill: var(--ground); } .line { stroke: var(--line); }
.headline { font-size: 17px; font-weight: 600; fill: var(--ink); }
.way { font-weight: 600; fill: var(--ink); } .figures { fill: var(--ink); }
.lesson { font-weight: 600; fill: var(--ink); } .number, .mark { font-size: 9px; }
.answered { fill: var(--answered); } .failed { fill: var(--failed); } .cancelled { fill: var(--cancelled); }
.projected { fill: url(#hatched); stroke: var(--answered); } .unfinished { fill: none; stroke: var(--unfinished); stroke-dasharray: 3 2; }
.hatching { stroke: var(--answered); stroke-width: 1.5; }
@media (max-width: 560px) { text { font-size: 20px; } .headline { font-size: 25px; } .detail { display: none; } .mark { font-size: 12px; } }
";

/// A race as an SVG document.
pub fn to_svg(race: &Race) -> String {
    let mut canvas = Canvas::new(axis_end(race));
    canvas.text(16.0, 26, "headline", &headline(race));
    canvas.down(26);
    for line in wrapped(&server(race), CHARACTERS) {
        canvas.down(20);
        canvas.text(16.0, 0, "detail", &line);
    }
    canvas.down(10);
    let top = canvas.y;
    for run in &race.runs {
        way(&mut canvas, race, run);
    }
    canvas.axis(top);
    key(&mut canvas, race);
    canvas.down(8);
    for line in wrapped(&lesson(race), CHARACTERS - 8) {
        canvas.down(20);
        canvas.text(16.0, 0, "lesson detail", &line);
    }
    canvas.finish(&headline(race), &lesson(race))
}

fn way(canvas: &mut Canvas, race: &Race, run: &WayRun) {
    canvas.down(30);
    canvas.text(16.0, 0, "way", &run.way.to_string());
    canvas.text_from_right(f64::from(WIDTH) - 16.0, "figures", &figures(race, run));
    canvas.down(18);
    canvas.text(16.0, 0, "detail", &describe(race, run));
    canvas.down(7);
    for line in lines(race, run, canvas.end) {
        canvas.row(&line);
    }
    for note in printable_notes(race, run) {
        for line in wrapped(&note, CHARACTERS - 6) {
            canvas.down(17);
            canvas.text(AXIS.0, 0, "detail", &line);
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
    let is_marked = matches!(race.plan.delays, Delays::Jittered(_));
    if looks.is_empty() && !is_marked {
        return;
    }
    canvas.down(22);
    let mut x = AXIS.0;
    for look in looks {
        canvas.bar(x, 24.0, look, look.word());
        canvas.text(x + 30.0, BAR, "", look.word());
        x += 110.0;
    }
    if is_marked {
        let what = "the number behind a bar: its place in the order of answers";
        canvas.text(x, BAR, "detail", what);
    }
    canvas.down(BAR);
}

/// A drawing that grows downwards.
struct Canvas {
    end: Duration,
    y: u32,
    drawn: String,
}

impl Canvas {
    fn new(end: Duration) -> Self {
        Self { end, y: 0, drawn: String::new() }
    }

    fn down(&mut self, by: u32) {
        self.y += by;
    }

    /// Adds an element. Writing to a string does not fail.
    fn draw(&mut self, element: fmt::Arguments<'_>) {
        let _ = writeln!(self.drawn, "{element}");
    }

    fn text(&mut self, x: f64, below: u32, class: &str, words: &str) {
        let (y, words) = (self.y + below, escaped(words));
        self.draw(format_args!(r#"<text class="{class}" x="{x:.0}" y="{y}">{words}</text>"#));
    }

    fn text_from_right(&mut self, x: f64, class: &str, words: &str) {
        let (y, words) = (self.y, escaped(words));
        self.draw(format_args!(
            r#"<text class="{class}" x="{x:.0}" y="{y}" text-anchor="end">{words}</text>"#
        ));
    }

    /// Where a time lies.
    fn x(&self, at: Duration) -> f64 {
        let share = (at.as_secs_f64() / self.end.as_secs_f64()).min(1.0);
        AXIS.0 + share * (AXIS.1 - AXIS.0)
    }

    fn bar(&mut self, x: f64, width: f64, look: Look, tip: &str) {
        let (y, class, tip) = (self.y, look.word(), escaped(tip));
        self.draw(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y}" width="{width:.1}" height="{BAR}" rx="2"><title>{tip}</title></rect>"#
        ));
    }

    /// A line of a waterfall.
    fn row(&mut self, line: &Line) {
        let number = match line {
            Line::Fold(_) => "⋮".to_owned(),
            Line::Bar { index, .. } | Line::NotSent { index } | Line::Beyond { index, .. } => {
                index.to_string()
            }
        };
        let words = match line {
            Line::Bar { .. } => None,
            Line::NotSent { .. } => Some("not sent".to_owned()),
            Line::Beyond { from, .. } => Some(format!("▸ from {} on, projected", rounded(*from))),
            Line::Fold(hidden) => Some(format!("{} more", grouped(*hidden as u64))),
        };
        if let Line::Bar { index, from, to, look, order } = line {
            let (first, last) = (self.x(*from), self.x(*to));
            let width = (last - first).max(1.5);
            let tip = format!(
                "call {index}: {}, from {} to {}",
                look.word(),
                rounded(*from),
                rounded(*to)
            );
            self.bar(first, width, *look, &tip);
            if let Some(place) = order {
                self.text(first + width + 4.0, BAR - 1, "mark", &place.to_string());
            }
        }
        if let Some(words) = words {
            self.text(AXIS.0, BAR - 1, "number", &words);
        }
        let (x, y) = (AXIS.0 - 6.0, self.y + BAR - 1);
        self.draw(format_args!(
            r#"<text class="number detail" x="{x:.0}" y="{y}" text-anchor="end">{number}</text>"#
        ));
        self.down(ROW);
    }

    /// The time axis below all ways, and its ticks through all of them.
    fn axis(&mut self, top: u32) {
        self.down(6);
        let bottom = self.y;
        let mut ticks = String::new();
        let step = tick_step(self.end);
        let mut at = Duration::ZERO;
        while at <= self.end {
            let (x, label) = (self.x(at), text(at));
            let _ = writeln!(
                ticks,
                r#"<line class="line" x1="{x:.1}" x2="{x:.1}" y1="{top}" y2="{bottom}"/><text x="{x:.1}" y="{}" text-anchor="middle">{label}</text>"#,
                bottom + 18
            );
            at += step;
        }
        // Below the bars, so that these are drawn over the ticks.
        self.drawn.insert_str(0, &ticks);
        self.down(22);
    }

    fn finish(self, title: &str, description: &str) -> String {
        let (height, drawn) = (self.y + 16, self.drawn);
        let (title, description) = (escaped(title), escaped(description));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" style="max-width: 100%; height: auto" role="img" aria-labelledby="title description">
<title id="title">{title}</title>
<desc id="description">{description}</desc>
<style>{STYLE}</style>
<defs><pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatching" x1="3" x2="3" y2="6"/></pattern></defs>
<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>
{drawn}</svg>
"#
        )
    }
}

/// Ticks at 1, 2 or 5 times a power of ten, so that there are three to seven of them after zero.
fn tick_step(end: Duration) -> Duration {
    let nanos = end.as_nanos();
    let power = 10_u128.pow((nanos / 3).max(1).ilog10());
    let step = [5, 2, 1].into_iter().map(|factor| factor * power).find(|step| nanos / step >= 3);
    Duration::from_nanos(u64::try_from(step.unwrap_or(power)).unwrap_or(u64::MAX))
}

fn escaped(words: &str) -> String {
    let words = printable(words);
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Ticks are neither few nor many.
        #[test]
        fn there_are_three_to_seven_ticks(nanos in 3_u64..u64::MAX / 2) {
            let end = Duration::from_nanos(nanos);
            let ticks = end.as_nanos() / tick_step(end).as_nanos();
            prop_assert!((3..=7).contains(&ticks), "{} of {:?}", ticks, end);
        }
    }

    #[test]
    fn ticks_are_round() {
        for (end, step) in [(4_014, 1_000), (502, 100), (1_000, 200), (12_500, 2_000), (1_600, 500)]
        {
            assert_eq!(tick_step(Duration::from_millis(end)), Duration::from_millis(step), "{end}");
        }
    }

    #[test]
    fn words_do_not_break_the_document() {
        assert_eq!(escaped(r#"a<b> & "c""#), "a&lt;b&gt; &amp; &quot;c&quot;");
    }
}
