//! Lines at the bottom of a terminal, each frame drawn over the one before.

use std::fmt::Write as _;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anstyle::Reset;

use super::view::LiveBoard;
use super::{beginning, lines};

/// The minimum width that is assumed of a terminal.
const FEWEST_COLUMNS: usize = 20;

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    /// The width.
    pub columns: usize,
    /// The height; [`usize::MAX`] if it is not known.
    pub rows: usize,
}

/// Draws a running load until it is dropped; then its lines are erased to make room for the report.
#[derive(Debug)]
pub struct LiveDisplay {
    board: LiveBoard,
    drawing: Option<JoinHandle<()>>,
}

impl LiveDisplay {
    /// Draws the content of the board once a second, on a separate thread. Until the first recorded second
    /// has passed, it draws that the run is starting, perhaps with a warm-up. `out` is a terminal that obeys
    /// ANSI sequences, `size` returns its current size, and `styled` gives each line its colors or takes them
    /// away. Lines that do not fit above the cursor's are left out: they would scroll away and never be erased.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(
        board: &LiveBoard,
        warm_up: Option<Duration>,
        mut out: impl io::Write + Send + 'static,
        size: impl Fn() -> TerminalSize + Send + 'static,
        styled: impl Fn(String) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let drawn = board.clone();
        let thread = thread::Builder::new().name("longsync-display".to_owned());
        let drawing = thread.spawn(move || {
            let mut seen = 0;
            let mut widths: Vec<usize> = Vec::new();
            let mut show = |content: &dyn Fn(usize) -> Vec<String>| {
                let TerminalSize { columns, rows } = size();
                let columns = columns.max(FEWEST_COLUMNS);
                // The last column stays free: some terminals wrap when it is written.
                let lines = content(columns - 1).into_iter().take(rows.saturating_sub(1));
                let lines: Vec<_> = lines.map(|line| styled(format!("{line}{Reset}"))).collect();
                let is_drawn = draw(&mut out, &frame(&widths, &lines, columns));
                widths = lines.iter().map(|line| width(line)).collect();
                is_drawn
            };
            if !show(&|columns| beginning(warm_up, columns)) {
                return;
            }
            while let Some((seconds, view)) = drawn.next(seen) {
                seen = seconds;
                if !show(&|columns| lines(&view, columns)) {
                    return;
                }
            }
            show(&|_| Vec::new());
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

/// A terminal that cannot be written to is not a reason to fail.
fn draw(out: &mut impl io::Write, frame: &str) -> bool {
    out.write_all(frame.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// Erases lines of these widths, and writes others. If the terminal has become narrower since, it has wrapped
/// them.
fn frame(widths: &[usize], lines: &[String], columns: usize) -> String {
    let rows: usize = widths.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
    let mut frame = String::new();
    if rows > 0 {
        // Up to the first of them, then erase everything from there on.
        let _ = write!(frame, "\x1b[{rows}A\r\x1b[J");
    }
    for line in lines {
        let _ = writeln!(frame, "{line}");
    }
    frame
}

/// How many columns a line takes: its characters without the color sequences.
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

    use longsync_load::{Live, Observer as _};
    use longsync_stats::Figures;

    use super::super::RunGoal;
    use super::*;

    /// Forwards everything that is written to it, piece by piece.
    struct LineSender(mpsc::Sender<String>);

    impl io::Write for LineSender {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(str::from_utf8(bytes).unwrap().to_owned()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frame_erases_the_one_before_even_if_its_lines_now_wrap() {
        let lines = ["one".to_owned()];
        assert_eq!(frame(&[], &lines, 80), "one\n");
        assert_eq!(frame(&[3], &lines, 80), "\x1b[1A\r\x1b[Jone\n");
        // 79 columns are two rows of 40; an empty line is a row.
        assert_eq!(frame(&[79, 0, 40], &[], 40), "\x1b[4A\r\x1b[J");
    }

    #[test]
    fn colors_take_no_columns() {
        assert_eq!(width("\x1b[1mrate\x1b[0m  \x1b[32m█▏\x1b[0m"), 8);
        assert_eq!(width(""), 0);
    }

    #[test]
    fn a_display_draws_each_second_and_erases_itself_at_the_end() {
        let (sender, written) = mpsc::channel();
        let mut board = LiveBoard::new(RunGoal::default(), false);
        let size = || TerminalSize { columns: 80, rows: usize::MAX };
        let display = LiveDisplay::start(&board, None, LineSender(sender), size, |it| it).unwrap();
        assert!(written.recv().unwrap().contains("starting"));
        let figures = Figures::default();
        for second in 1..=2 {
            board.second(&Live::of(Duration::from_secs(second), &figures, &figures));
            let frame = written.recv().unwrap();
            assert!(frame.contains(&format!("{second}s")), "{frame:?}");
            let before = if second > 1 { 7 } else { 1 };
            assert!(frame.starts_with(&format!("\x1b[{before}A\r\x1b[J")), "{frame:?}");
        }
        drop(display);
        assert_eq!(written.recv().unwrap(), "\x1b[7A\r\x1b[J");
        assert!(written.recv().is_err(), "something was written after the end");
    }

    #[test]
    fn a_low_terminal_shows_the_lines_that_can_be_erased_again_and_plain_ones_have_no_sequences() {
        let (sender, written) = mpsc::channel();
        let mut board = LiveBoard::new(RunGoal::default(), false);
        let size = || TerminalSize { columns: 80, rows: 4 };
        let plain = |line: String| anstream::adapter::strip_str(&line).to_string();
        let display = LiveDisplay::start(&board, None, LineSender(sender), size, plain).unwrap();
        assert!(!written.recv().unwrap().contains('\x1b'));
        let figures = Figures::default();
        board.second(&Live::of(Duration::from_secs(1), &figures, &figures));
        let frame = written.recv().unwrap();
        let lines = frame.strip_prefix("\x1b[1A\r\x1b[J").unwrap();
        assert!(lines.lines().count() == 3 && !lines.contains('\x1b'), "{lines:?}");
        drop(display);
        assert_eq!(written.recv().unwrap(), "\x1b[3A\r\x1b[J");
    }
}
