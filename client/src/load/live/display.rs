//! Lines at the bottom of a terminal, drawn over those before them.

use std::fmt::Write as _;
use std::io;
use std::thread::{self, JoinHandle};

use anstyle::Reset;

use super::lines;
use super::view::LiveBoard;

/// A terminal is never taken for narrower than this.
const FEWEST_COLUMNS: usize = 20;

/// Draws a running load until it is dropped; then its lines are gone, and leave room for the report.
#[derive(Debug)]
pub struct LiveDisplay {
    board: LiveBoard,
    drawing: Option<JoinHandle<()>>,
}

impl LiveDisplay {
    /// Draws what is on the board once a second, on a thread of its own. `out` is a terminal which obeys ANSI
    /// sequences, and `columns` says how wide it is now.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        board: &LiveBoard,
        mut out: impl io::Write + Send + 'static,
        columns: impl Fn() -> usize + Send + 'static,
    ) -> io::Result<Self> {
        let drawn = board.clone();
        let thread = thread::Builder::new().name("longsync-display".to_owned());
        let drawing = thread.spawn(move || {
            let mut seen = 0;
            let mut widths = Vec::new();
            while let Some((seconds, view)) = drawn.next(seen) {
                seen = seconds;
                // The last column stays free: some terminals wrap when it is written.
                let columns = columns().max(FEWEST_COLUMNS);
                let lines = lines(&view, columns - 1);
                if !draw(&mut out, &frame(&widths, &lines, columns)) {
                    return;
                }
                widths = lines.iter().map(|line| width(line)).collect();
            }
            draw(&mut out, &frame(&widths, &[], columns()));
        })?;
        Ok(Self { board: board.clone(), drawing: Some(drawing) })
    }
}

impl Drop for LiveDisplay {
    fn drop(&mut self) {
        self.board.close();
        if let Some(drawing) = self.drawing.take() {
            let _ = drawing.join();
        }
    }
}

/// A terminal that cannot be written is not a reason to fail.
fn draw(out: &mut impl io::Write, frame: &str) -> bool {
    out.write_all(frame.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// What erases lines of these widths, and writes others. A terminal that has become narrower since has wrapped
/// them.
fn frame(widths: &[usize], lines: &[String], columns: usize) -> String {
    let rows: usize = widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
    let mut frame = String::new();
    if rows > 0 {
        // Up to the first of them, and everything from there on erased.
        let _ = write!(frame, "\x1b[{rows}A\r\x1b[J");
    }
    for line in lines {
        let _ = writeln!(frame, "{line}{Reset}");
    }
    frame
}

/// How many columns a line takes: its characters without the sequences that colour it.
fn width(line: &str) -> usize {
    let mut is_sequence = false;
    line.chars()
        .filter(|character| {
            let is_seen = !is_sequence && *character != '\x1b';
            is_sequence = !is_seen && *character != 'm';
            is_seen
        })
        .count()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use longsync_load::{Live, Observer as _};
    use longsync_stats::Figures;

    use super::super::Goal;
    use super::*;

    /// Sends on what is written to it, piece by piece.
    struct Sending(mpsc::Sender<String>);

    impl io::Write for Sending {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(str::from_utf8(bytes).unwrap().to_owned()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_drawn_over_those_before_them_however_they_are_wrapped_now() {
        let lines = ["one".to_owned()];
        assert_eq!(frame(&[], &lines, 80), "one\x1b[0m\n");
        assert_eq!(frame(&[3], &lines, 80), "\x1b[1A\r\x1b[Jone\x1b[0m\n");
        // 79 columns are two rows of 40; an empty line is a row.
        assert_eq!(frame(&[79, 0, 40], &[], 40), "\x1b[4A\r\x1b[J");
    }

    #[test]
    fn colours_take_no_columns() {
        assert_eq!(width("\x1b[1mrate\x1b[0m  \x1b[32m█▏\x1b[0m"), 8);
        assert_eq!(width(""), 0);
    }

    #[test]
    fn a_display_draws_each_second_and_leaves_nothing_behind() {
        let (sender, written) = mpsc::channel();
        let mut board = LiveBoard::new(Goal::default(), false);
        let display = LiveDisplay::start(&board, Sending(sender), || 80).unwrap();
        let figures = Figures::default();
        for second in 1..=2 {
            board.second(&Live::of(Duration::from_secs(second), &figures, &figures));
            let frame = written.recv().unwrap();
            assert!(frame.contains(&format!("{second}s")), "{frame:?}");
            assert_eq!(frame.starts_with("\x1b[7A\r\x1b[J"), second > 1, "{frame:?}");
        }
        drop(display);
        assert_eq!(written.recv().unwrap(), "\x1b[7A\r\x1b[J");
        assert!(written.recv().is_err(), "nothing is written later");
    }
}
