//! The display of a running load on a terminal.

use std::io::{self, IsTerminal as _};

use anstream::{AutoStream, ColorChoice};
use longsync_client::load::Settings;
use longsync_client::load::live::{LiveBoard, LiveDisplay, RunGoal, TerminalSize};

use crate::columns;

/// Draws the content of a board until it is dropped.
#[derive(Debug)]
pub(super) struct Drawing {
    board: LiveBoard,
    _display: LiveDisplay,
}

impl Drawing {
    /// Draws a run; [`None`] if nobody is watching: the output is not a terminal, or one on which the cursor
    /// cannot be moved.
    pub(super) fn follow(settings: &Settings) -> Option<Self> {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if is_dumb || !io::stderr().is_terminal() || !io::stdout().is_terminal() {
            return None;
        }
        let goal = RunGoal { calls: settings.plan.calls, time: settings.lasts };
        let board = LiveBoard::new(goal, settings.is_closed);
        let is_plain = AutoStream::choice(&io::stderr()) == ColorChoice::Never;
        // The cursor is moved even without colors.
        let styled = move |line: String| {
            if is_plain { anstream::adapter::strip_str(&line).to_string() } else { line }
        };
        let warm_up = settings.plan.warm_up;
        // If its thread cannot be started, the run is just not displayed.
        let display = LiveDisplay::start(&board, warm_up, io::stderr(), size, styled).ok()?;
        Some(Self { board, _display: display })
    }

    /// The board to notify of the run's seconds.
    pub(super) fn board(&self) -> LiveBoard {
        self.board.clone()
    }
}

fn size() -> TerminalSize {
    let rows = terminal_size::terminal_size().map(|(_, height)| usize::from(height.0));
    TerminalSize { columns: columns(), rows: rows.unwrap_or(usize::MAX) }
}
