//! Help with a wrong command line: the usage of the command that is wrong, and the equivalents of other
//! programs' flags.

mod line;
mod payload;

use std::ffi::OsString;

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};

use self::line::Line;
pub(super) use self::payload::check as check_payload;

/// The same error with the usage of its command, and with a tip if it is known what would be right.
pub(super) fn explained(
    mut error: clap::Error,
    mut command: Command,
    given: &[OsString],
) -> clap::Error {
    // Asking for help or the version is not a mistake.
    if !error.use_stderr() {
        return error;
    }
    // A command knows its full name only after this.
    command.build();
    let line = Line::of(&command, given);
    let mut wrong = line.called.clone();
    error.insert(ContextKind::Usage, ContextValue::StyledStr(wrong.render_usage()));
    if let Some(tip) = line.tip(&error) {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    }
    error
}
