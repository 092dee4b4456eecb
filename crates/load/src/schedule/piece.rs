//! The pieces of a schedule in their order, and the segments of time that they expand to.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::{LONGEST, text};

use super::amount::Amount;

/// How many segments a schedule may have: more than one per second of a week.
pub(super) const MOST_SEGMENTS: u64 = 1_000_000;

/// A part of a schedule, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SchedulePiece<A> {
    /// The same amount all the time; without a length it never ends.
    Constant { amount: A, length: Option<Duration> },
    /// From one amount towards another, with a step after each interval. The last step lasts that long too,
    /// and is the last one that does not go beyond `to`.
    Step { from: A, to: A, by: A, every: Duration },
    /// From one amount to another at a constant slope.
    Line { from: A, to: A, length: Duration },
}

/// A stretch of time in which an amount is constant or changes linearly. It includes its start and excludes
/// its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) start_ns: u64,
    /// Above zero. At most a year, unless the amount is constant.
    pub(super) length_ns: u64,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// Pieces that fit together, and their segments, which leave no gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pieces<A> {
    written: Vec<SchedulePiece<A>>,
    segments: Vec<Segment>,
    end: Option<Duration>,
}

/// An error in a piece: the key of the wrong value, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PieceError {
    pub(super) key: &'static str,
    pub(super) why: String,
}

impl<A> Default for Pieces<A> {
    fn default() -> Self {
        Self { written: Vec::new(), segments: Vec::new(), end: Some(Duration::ZERO) }
    }
}

impl<A: Amount> Pieces<A> {
    /// The same amount without end.
    pub(super) fn endless(amount: A) -> Self {
        let segment =
            Segment { start_ns: 0, length_ns: u64::MAX, from: amount.units(), to: amount.units() };
        let written = vec![SchedulePiece::Constant { amount, length: None }];
        Self { written, segments: vec![segment], end: None }
    }

    /// Appends a piece.
    pub(super) fn push(&mut self, piece: SchedulePiece<A>) -> Result<(), PieceError> {
        let Some(start) = self.end else {
            let why =
                "the piece before this one has no for= and never ends: write how long it lasts";
            return Err(PieceError::new("", why));
        };
        let start_ns = nanos(start);
        let (length, key) = match piece {
            SchedulePiece::Constant { amount, length: None } => {
                self.room_for(1)?;
                let length_ns = u64::MAX - start_ns;
                self.segments.push(Segment::level(start_ns, length_ns, amount.units()));
                self.written.push(piece);
                self.end = None;
                return Ok(());
            }
            SchedulePiece::Constant { length: Some(length), .. } => (length, "for"),
            SchedulePiece::Step { every, .. } => (every, "every"),
            SchedulePiece::Line { length, .. } => (length, "in"),
        };
        if length.is_zero() {
            return Err(PieceError::new(key, format!("{key}= must be longer than 0s")));
        }
        let count = match piece {
            SchedulePiece::Step { from, to, by, .. } => steps(from, to, by)?,
            _ => 1,
        };
        self.room_for(count)?;
        let end = u32::try_from(count).ok().and_then(|count| length.checked_mul(count));
        let end = end.and_then(|length| start.checked_add(length)).filter(|end| *end <= LONGEST);
        let Some(end) = end else {
            let why = format!(
                "the schedule is longer than a year here: it may last at most {}",
                text(LONGEST)
            );
            return Err(PieceError::new(key, why));
        };
        self.add_segments(&piece, start_ns, nanos(length), count);
        self.written.push(piece);
        self.end = Some(end);
        Ok(())
    }

    fn add_segments(
        &mut self,
        piece: &SchedulePiece<A>,
        start_ns: u64,
        length_ns: u64,
        count: u64,
    ) {
        match piece {
            SchedulePiece::Constant { amount, .. } => {
                self.segments.push(Segment::level(start_ns, length_ns, amount.units()));
            }
            SchedulePiece::Step { from, to, by, .. } => {
                let (from, to, by) = (from.units(), to.units(), by.units());
                self.segments.extend((0..count).map(|index| {
                    let amount = if from < to { from + by * index } else { from - by * index };
                    Segment::level(start_ns + length_ns * index, length_ns, amount)
                }));
            }
            SchedulePiece::Line { from, to, .. } => {
                let (from, to) = (from.units(), to.units());
                self.segments.push(Segment { start_ns, length_ns, from, to });
            }
        }
    }

    fn room_for(&self, segments: u64) -> Result<(), PieceError> {
        if segments > MOST_SEGMENTS - self.segments.len() as u64 {
            let why = format!(
                "the schedule has too many steps here: it may have at most {MOST_SEGMENTS}"
            );
            return Err(PieceError::new("by", why));
        }
        Ok(())
    }
}

impl<A> Pieces<A> {
    /// Whether there are no pieces.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The segments, in the order of time.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// When the last segment ends; [`None`] if it never does.
    pub(super) fn end(&self) -> Option<Duration> {
        self.end
    }

    /// The segment that contains this time.
    pub(super) fn segment_at(&self, at_ns: u64) -> Option<(usize, &Segment)> {
        let index =
            self.segments.partition_point(|segment| segment.start_ns <= at_ns).checked_sub(1)?;
        let segment = &self.segments[index];
        (at_ns - segment.start_ns < segment.length_ns).then_some((index, segment))
    }
}

/// The number of steps.
fn steps<A: Amount>(from: A, to: A, by: A) -> Result<u64, PieceError> {
    let distance = from.units().abs_diff(to.units());
    if by.units() == 0 {
        return Err(PieceError::new("by", "by= must be above 0"));
    }
    if by.units() > distance {
        let why = format!(
            "by={by} does not fit between {from} and {to}: write a smaller step, or a constant"
        );
        return Err(PieceError::new("by", why));
    }
    Ok(distance / by.units() + 1)
}

impl Segment {
    fn level(start_ns: u64, length_ns: u64, amount: u64) -> Self {
        Self { start_ns, length_ns, from: amount, to: amount }
    }
}

impl PieceError {
    fn new(key: &'static str, why: impl Into<String>) -> Self {
        Self { key, why: why.into() }
    }
}

/// The nanoseconds of a time of at most a year.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl<A: Amount> fmt::Display for SchedulePiece<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant { amount, length: None } => write!(f, "constant({amount})"),
            Self::Constant { amount, length: Some(length) } => {
                write!(f, "constant({amount}, for={})", text(*length))
            }
            Self::Step { from, to, by, every } => {
                write!(f, "step(from={from}, to={to}, by={by}, every={})", text(*every))
            }
            Self::Line { from, to, length } => {
                write!(f, "line(from={from}, to={to}, in={})", text(*length))
            }
        }
    }
}

impl<A: Amount> fmt::Display for Pieces<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, piece) in self.written.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            piece.fmt(f)?;
        }
        Ok(())
    }
}
