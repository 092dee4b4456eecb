//! The display of a running load on a terminal.

use std::io::{self, IsTerminal as _};

use anstream::{AutoStream, ColorChoice};
use longsync_client::load::Settings;
use longsync_client::load::live::{LiveBoard, LiveDisplay, RunGoal};

use crate::columns;

/// Draws the content of a board until it is dropped.
#[derive(Debug)]
pub(super) struct Drawing {
    board: LiveBoard,
    _display: LiveDisplay,
}

impl Drawing {
    /// Draws a run; [`None`] if nobody is watching: the output is not a terminal.
    pub(super) fn follow(settings: &Settings) -> Option<Self> {
        if !io::stderr().is_terminal() || !io::stdout().is_terminal() {
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
        let display = LiveDisplay::start(&board, warm_up, io::stderr(), columns, styled).ok()?;
        Some(Self { board, _display: display })
    }

    /// The board to notify of the run's seconds.
    pub(super) fn board(&self) -> LiveBoard {
        self.board.clone()
    }
}
