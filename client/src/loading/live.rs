//! A running load on a terminal: a few lines that are drawn again each second, and gone when it is over.

use std::io::{self, IsTerminal as _, Write as _};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use longsync_client::load::Settings;
use longsync_client::load::live::{self, Goal, LiveBoard};

use crate::columns;

/// Draws what a board says until it is dropped.
#[derive(Debug)]
pub(super) struct Drawing {
    board: LiveBoard,
    thread: Option<JoinHandle<()>>,
}

impl Drawing {
    /// Draws a run; [`None`] if nobody watches: what is printed goes elsewhere.
    pub(super) fn follow(settings: &Settings) -> Option<Self> {
        if !io::stderr().is_terminal() || !io::stdout().is_terminal() {
            return None;
        }
        let goal = Goal { calls: settings.plan.calls, time: settings.lasts };
        let board = LiveBoard::new(goal, settings.is_closed);
        let warm_up = settings.plan.warm_up;
        // A thread of its own: no terminal holds up what collects the seconds.
        let thread = {
            let board = board.clone();
            thread::Builder::new()
                .name("longsync-live".to_owned())
                .spawn(move || draw_all(&board, warm_up))
        };
        // Without room for it the run is just not seen.
        Some(Self { board, thread: Some(thread.ok()?) })
    }

    /// What is to be told of the run's seconds.
    pub(super) fn board(&self) -> LiveBoard {
        self.board.clone()
    }
}

impl Drop for Drawing {
    fn drop(&mut self) {
        self.board.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn draw_all(board: &LiveBoard, warm_up: Option<Duration>) {
    let beginning = live::beginning(warm_up, columns());
    if draw(0, &beginning).is_err() {
        return;
    }
    let (mut seen, mut drawn) = (0, beginning.len());
    while let Some((seconds, view)) = board.next(seen) {
        seen = seconds;
        let lines = live::lines(&view, columns());
        if draw(drawn, &lines).is_err() {
            return;
        }
        drawn = lines.len();
    }
    // A terminal that cannot be cleared is not a reason to fail.
    let _ = draw(drawn, &[]);
}

/// Replaces this many lines. What is too wide for a terminal that has become narrower is cut, not wrapped: the next
/// lines are to be found where they were.
fn draw(drawn: usize, lines: &[String]) -> io::Result<()> {
    let is_plain = AutoStream::choice(&io::stderr()) == ColorChoice::Never;
    let mut text = String::new();
    if drawn > 0 {
        text = format!("\x1b[{drawn}A\r");
    }
    text.push_str("\x1b[J\x1b[?7l");
    for line in lines {
        if is_plain {
            text.push_str(&anstream::adapter::strip_str(line).to_string());
        } else {
            text.push_str(line);
        }
        text.push_str("\r\n");
    }
    text.push_str("\x1b[?7h");
    io::stderr().lock().write_all(text.as_bytes())
}
