//! A delay for each attempt of a call.

use std::fmt;

use super::Delay;

/// Attempt i has the i-th delay, and all later ones have the last.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempts {
    before: Box<[Delay]>,
    last: Box<Delay>,
}

impl Attempts {
    /// [`None`] if there is no delay.
    pub(crate) fn new(mut delays: Vec<Delay>) -> Option<Self> {
        let last = Box::new(delays.pop()?);
        // A collected list keeps the allocation of its source, which is several times as large.
        Some(Self { before: delays.into_boxed_slice(), last })
    }

    /// The delay of the given attempt, counted from 1.
    pub(crate) fn of(&self, attempt: u32) -> &Delay {
        self.before.get(attempt.saturating_sub(1) as usize).unwrap_or(&self.last)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Delay> {
        self.before.iter().chain([&*self.last])
    }

    /// The attempt from which on all draw from the same law.
    pub(crate) fn last_attempt(&self) -> u32 {
        let of_list = u32::try_from(self.before.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.all().map(Delay::last_attempt).fold(of_list, u32::max)
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attempts(")?;
        for delay in &self.before {
            write!(f, "{delay}, ")?;
        }
        write!(f, "{})", self.last)
    }
}
