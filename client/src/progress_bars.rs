//! Live progress on a terminal: one bar per way.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use longsync_client::race::{RacePlan, RaceProgress};

const REFRESH: Duration = Duration::from_millis(50);

/// Bars that follow a race until they are dropped; then they are gone, and leave room for its picture.
#[derive(Debug)]
pub(crate) struct ProgressBars {
    is_over: Arc<AtomicBool>,
    drawing: Option<JoinHandle<()>>,
}

impl ProgressBars {
    /// Follows a race. [`None`] when nobody watches: what is printed goes elsewhere.
    pub(crate) fn follow(plan: &RacePlan, progress: &RaceProgress) -> Option<Self> {
        if !std::io::stderr().is_terminal() || !std::io::stdout().is_terminal() {
            return None;
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let drawing = {
            let (is_over, progress) = (Arc::clone(&is_over), progress.clone());
            let (bars, all) = bars(plan);
            // A thread of its own: the race's is busy racing.
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    draw(&bars, &progress);
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

fn bars(plan: &RacePlan) -> (Vec<ProgressBar>, MultiProgress) {
    let all = MultiProgress::new();
    let style = ProgressStyle::with_template(
        "{prefix:>10} {bar:30} {human_pos} of {human_len} done {msg} {elapsed}",
    )
    .expect("a constant template that is valid");
    let bars = plan.ways().iter().map(|way| {
        let bar = all.add(ProgressBar::new(plan.calls().get() as u64).with_style(style.clone()));
        bar.set_prefix(way.to_string());
        bar
    });
    (bars.collect(), all)
}

/// Moves the bars of the ways that have begun; all but the last of them have ended.
fn draw(bars: &[ProgressBar], progress: &RaceProgress) {
    let begun = progress.read();
    for (index, (bar, way)) in bars.iter().zip(&begun).enumerate() {
        if bar.is_finished() {
            continue;
        }
        if bar.position() == 0 && bar.message().is_empty() {
            bar.reset_elapsed();
        }
        bar.set_position(way.done as u64);
        if index + 1 < begun.len() {
            bar.abandon_with_message("");
        } else {
            bar.set_message(format!("{} in flight", way.in_flight));
        }
    }
}
