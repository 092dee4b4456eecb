//! What the text of a behavior may contain, depending on who has written it.

use std::fmt;
use std::time::Duration;

use crate::DEFAULT_MOST;
use longsync_text::parse_error::ParseError;

/// Reads a file of recorded values: distinct nanoseconds, ascending, each with how often it occurred. If it
/// cannot, the error is a sentence that says why.
pub type ReadRecording<'a> = dyn Fn(&str) -> Result<Vec<(u64, u64)>, String> + 'a;

/// What a text may contain.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    most: Duration,
    scope: Scope<'a>,
}

/// Who wrote the text.
#[derive(Clone, Copy)]
enum Scope<'a> {
    /// The server's operator.
    Server(&'a ReadRecording<'a>),
    /// A program, which has no folder of recordings.
    Program,
    /// A caller, in a field, header or query.
    Caller,
}

impl fmt::Debug for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Default for Rules<'_> {
    /// For a program, with delays up to [`DEFAULT_MOST`].
    fn default() -> Self {
        Self { most: DEFAULT_MOST, scope: Scope::Program }
    }
}

impl<'a> Rules<'a> {
    /// For the operator of a server that allows delays up to `most`.
    pub fn server(most: Duration, recordings: &'a ReadRecording<'a>) -> Self {
        Self { most, scope: Scope::Server(recordings) }
    }

    /// For a caller of a server that allows delays up to `most`.
    pub fn caller(most: Duration) -> Self {
        Self { most, scope: Scope::Caller }
    }

    /// The same rules with delays up to `most`.
    #[must_use]
    pub fn most(self, most: Duration) -> Self {
        Self { most, ..self }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.most
    }

    /// The recorded values in `file`.
    pub(crate) fn recording(&self, file: &str) -> Result<Vec<(u64, u64)>, String> {
        match self.scope {
            Scope::Server(read) => read(file),
            Scope::Program => Err("a program has no folder of recordings: start a server with \
                                   --behavior, or use Behavior::replay"
                .to_owned()),
            // A caller's `replay` was refused before.
            Scope::Caller => Err(not_for_callers("replay")),
        }
    }

    /// Refuses the clauses that callers may not have.
    pub(crate) fn allows(&self, at: usize, name: &str) -> Result<(), ParseError> {
        match self.scope {
            Scope::Caller => Err(ParseError::wrong(at, not_for_callers(name))),
            Scope::Server(_) | Scope::Program => Ok(()),
        }
    }
}

fn not_for_callers(name: &str) -> String {
    format!("only the server's own --behavior may have a {name}: leave it out")
}
