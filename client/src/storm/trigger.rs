//! What happens once, and is then over. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use longsync_text::duration::{parse, text};

/// What happens once to the server, and is then over. There may be other kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// No service begins for this long.
    Stall(Duration),
}

/// What is wrong with a trigger, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write `stall` and how long it lasts, such as 'stall 1s'")]
pub struct ParseTriggerError(());

impl Trigger {
    /// How long it lasts.
    pub fn lasts(self) -> Duration {
        match self {
            Self::Stall(lasts) => lasts,
        }
    }

    /// For sentences.
    pub(super) fn in_words(self) -> String {
        match self {
            Self::Stall(lasts) => format!("stall of {}", text(lasts)),
        }
    }
}

impl FromStr for Trigger {
    type Err = ParseTriggerError;

    fn from_str(written: &str) -> Result<Self, ParseTriggerError> {
        let lasts = written.trim().strip_prefix("stall");
        let lasts = lasts.filter(|lasts| lasts.starts_with([' ', '\t']));
        let lasts = lasts.and_then(|lasts| parse(lasts.trim_start()).ok());
        lasts.map(Self::Stall).ok_or(ParseTriggerError(()))
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stall(lasts) => write!(f, "stall {}", text(*lasts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_is_a_stall_of_some_length() {
        for (written, shown) in [("stall 1s", "stall 1s"), ("  stall   1500ms ", "stall 1.5s")] {
            assert_eq!(written.parse::<Trigger>().unwrap().to_string(), shown);
        }
        for wrong in ["", "stall", "stall1s", "stall soon", "crash 1s", "1s", "stall(for=1s)"] {
            assert_eq!(wrong.parse::<Trigger>(), Err(ParseTriggerError(())), "{wrong}");
        }
    }
}
