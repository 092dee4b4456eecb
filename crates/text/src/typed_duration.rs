//! A duration that remembers how it was typed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::duration::{ParseDurationError, parse, text};

/// A duration that is shown as it was typed: `1500ms` stays `1500ms`. One that nobody has typed is shown as
/// [`text`] does. Two are equal if they are equally long.
#[derive(Debug, Clone)]
pub struct TypedDuration {
    value: Duration,
    typed: Option<String>,
}

impl TypedDuration {
    /// How long it is.
    pub fn value(&self) -> Duration {
        self.value
    }
}

impl From<Duration> for TypedDuration {
    fn from(value: Duration) -> Self {
        Self { value, typed: None }
    }
}

impl FromStr for TypedDuration {
    type Err = ParseDurationError;

    /// Reads what [`parse`] reads.
    fn from_str(typed: &str) -> Result<Self, ParseDurationError> {
        let value = parse(typed)?;
        Ok(Self { value, typed: Some(typed.trim().to_owned()) })
    }
}

impl fmt::Display for TypedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.typed {
            Some(typed) => f.write_str(typed),
            None => f.write_str(&text(self.value)),
        }
    }
}

impl PartialEq for TypedDuration {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for TypedDuration {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is shown is read as the same duration, whether it was typed or not.
        #[test]
        fn what_is_shown_is_read_as_the_same(nanos in 0_u64..31_536_000_000_000_000, unit in 0_usize..3) {
            let value = Duration::from_nanos(nanos);
            let typed = [format!("{nanos}ns"), text(value), format!(" {nanos}ns ")][unit].parse::<TypedDuration>();
            let typed = typed.unwrap();
            prop_assert_eq!(typed.value(), value);
            prop_assert_eq!(parse(&typed.to_string()), Ok(value));
            prop_assert_eq!(parse(&TypedDuration::from(value).to_string()), Ok(value));
        }
    }

    #[test]
    fn it_is_shown_as_it_was_typed() {
        for typed in ["1500ms", "1.5s", "1s 500ms", "0.0015ms", "90s", "1m30s", "0"] {
            assert_eq!(typed.parse::<TypedDuration>().unwrap().to_string(), typed);
        }
        assert_eq!(TypedDuration::from(Duration::from_millis(1_500)).to_string(), "1.5s");
    }
}
