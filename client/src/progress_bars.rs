//! Live progress on a terminal: one bar per way.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use longsync_client::race::{ProgressSnapshot, RacePlan, RaceProgress, Way, progress_line};

use crate::columns;

const REFRESH: Duration = Duration::from_millis(50);

/// Bars that follow a race until they are dropped; then they are erased to make room for its picture.
#[derive(Debug)]
pub(crate) struct ProgressBars {
    is_over: Arc<AtomicBool>,
    drawing: Option<JoinHandle<()>>,
}

impl ProgressBars {
    /// Follows a race; [`None`] if nobody is watching: the output is not a terminal.
    pub(crate) fn follow(plan: &RacePlan, progress: &RaceProgress) -> Option<Self> {
        if !std::io::stderr().is_terminal() || !std::io::stdout().is_terminal() {
            return None;
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let drawing = {
            let (is_over, progress) = (Arc::clone(&is_over), progress.clone());
            let all = MultiProgress::new();
            let (mut bars, calls) = (bars(plan, &all), plan.calls().get());
            // On a separate thread: the race's own is busy racing.
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    draw(&mut bars, calls, &progress);
                    thread::park_timeout(REFRESH);
                }
                // A terminal that cannot be cleared is not a reason to fail.
                let _ = all.clear();
            })
        };
        Some(Self { is_over, drawing: Some(drawing) })
    }
}

impl Drop for ProgressBars {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(drawing) = self.drawing.take() {
            drawing.thread().unpark();
            let _ = drawing.join();
        }
    }
}

/// What is drawn for one way.
struct Bar {
    way: Way,
    drawn: ProgressBar,
    start: Option<Instant>,
    /// How it ended, and after how long.
    ended: Option<(ProgressSnapshot, Duration)>,
}

fn bars(plan: &RacePlan, all: &MultiProgress) -> Vec<Bar> {
    let style = ProgressStyle::with_template("{msg}").expect("a constant template that is valid");
    let bar = |way: &Way| Bar {
        way: *way,
        drawn: all.add(ProgressBar::no_length().with_style(style.clone())),
        start: None,
        ended: None,
    };
    plan.ways().iter().map(bar).collect()
}

/// Draws all ways; every way that has begun has also ended, except the last.
fn draw(bars: &mut [Bar], calls: usize, progress: &RaceProgress) {
    let begun = progress.read();
    // A terminal may wrap a line that fills it.
    let columns = columns() - 1;
    for (index, bar) in bars.iter_mut().enumerate() {
        let at = begun.get(index).map(|reading| {
            let start = *bar.start.get_or_insert_with(Instant::now);
            let now = (*reading, start.elapsed());
            if index + 1 < begun.len() { *bar.ended.get_or_insert(now) } else { now }
        });
        bar.drawn.set_message(progress_line(bar.way, calls, at, columns));
    }
}
