//! The same delay for each call.

use std::fmt;
use std::time::Duration;

use longsync_text::duration::text;

use crate::shape::{Law, nanos};

/// All calls take this long.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Constant(pub(crate) Duration);

impl Law for Constant {
    fn at(&self, _: f64) -> f64 {
        nanos(self.0)
    }

    fn share_to(&self, value: f64) -> f64 {
        f64::from(u8::from(value >= nanos(self.0)))
    }

    fn mean(&self) -> f64 {
        nanos(self.0)
    }

    fn ends(&self) -> (f64, f64) {
        (nanos(self.0), nanos(self.0))
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(self.0))
    }
}
