//! What a schedule prescribes over time: a rate, or a number of calls in flight.

use std::fmt;

use longsync_text::{Rate, count};

/// An amount that is written in the pieces of a schedule.
pub(super) trait Amount: Copy + fmt::Display {
    /// What an amount looks like, for error messages.
    const EXPECTED: &'static str;
    /// One example piece of each form.
    const CONSTANT: &'static str;
    const STEP: &'static str;
    const LINE: &'static str;

    /// Reads an amount; the error tells what would be right.
    fn read(text: &str) -> Result<Self, String>;

    /// The amount as an integer. For rates at most 62 bits, so that the calls of a year can be counted in 128
    /// bits.
    fn units(self) -> u64;
}

impl Amount for Rate {
    const EXPECTED: &'static str = "a rate such as 1000/s, 120/min or 2k/s";
    const CONSTANT: &'static str = "constant(1000/s, for=60s)";
    const STEP: &'static str = "step(from=100/s, to=1000/s, by=100/s, every=10s)";
    const LINE: &'static str = "line(from=0/s, to=1000/s, in=60s)";

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|why: longsync_text::ParseRateError| why.to_string())
    }

    fn units(self) -> u64 {
        self.millionths_per_hour()
    }
}

impl Amount for u64 {
    const EXPECTED: &'static str = "a number of calls in flight such as 64 or 1k";
    const CONSTANT: &'static str = "constant(64, for=10s)";
    const STEP: &'static str = "step(from=1, to=64, by=1, every=1s)";
    const LINE: &'static str = "line(from=0, to=100, in=60s)";

    fn read(text: &str) -> Result<Self, String> {
        count::parse(text).map_err(|why| why.to_string())
    }

    fn units(self) -> u64 {
        self
    }
}
