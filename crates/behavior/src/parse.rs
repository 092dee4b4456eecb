//! The text of a behavior, read: clauses, separated by semicolons.

mod foreign;
mod shape;
mod stall;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::DEFAULT_MOST;
use crate::behavior::Behavior;
use crate::delay::{Constant, Delay};
use crate::mistake::{Mistake, NotABehavior};
use crate::stall::Stall;
use crate::words::Words;

pub(crate) use self::shape::{Form, Share, Written};

/// How long a text may be, as it is written and as it is printed.
const MOST_BYTES: usize = 4_096;

/// Reads what was recorded in a file: distinct values in nanoseconds, ascending, each with how often it
/// occurred. If it cannot, it says why in a sentence.
pub type Recordings<'a> = dyn Fn(&str) -> Result<Vec<(u64, u64)>, String> + 'a;

/// What a text may say.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    most: Duration,
    scope: Scope<'a>,
}

/// Who has written the text.
#[derive(Clone, Copy)]
enum Scope<'a> {
    /// The server's operator.
    Server(&'a Recordings<'a>),
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
    /// Of a program, with delays of up to [`DEFAULT_MOST`].
    fn default() -> Self {
        Self { most: DEFAULT_MOST, scope: Scope::Program }
    }
}

impl<'a> Rules<'a> {
    /// Of the operator of a server that allows delays up to `most`.
    pub fn server(most: Duration, recordings: &'a Recordings<'a>) -> Self {
        Self { most, scope: Scope::Server(recordings) }
    }

    /// Of a caller of a server that allows delays up to `most`.
    pub fn caller(most: Duration) -> Self {
        Self { most, scope: Scope::Caller }
    }

    /// With delays up to `most`.
    #[must_use]
    pub fn most(self, most: Duration) -> Self {
        Self { most, ..self }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.most
    }

    /// The values that were recorded in `file`.
    pub(crate) fn recording(&self, file: &str) -> Result<Vec<(u64, u64)>, String> {
        match self.scope {
            Scope::Server(read) => read(file),
            Scope::Program => Err("a program has no folder of recordings: start a server with \
                                   --behavior, or use Behavior::replay"
                .to_owned()),
            // What a caller may not say is refused before.
            Scope::Caller => Err(not_for_callers("replay")),
        }
    }

    /// Refuses what callers may not say.
    pub(crate) fn allows(&self, at: usize, name: &str) -> Result<(), Mistake> {
        match self.scope {
            Scope::Caller => Err(Mistake::wrong(at, not_for_callers(name))),
            Scope::Server(_) | Scope::Program => Ok(()),
        }
    }
}

fn not_for_callers(name: &str) -> String {
    format!("only the server's own --behavior may have a {name}: leave it out")
}

const FAULTS: [&str; 9] =
    ["fail", "reset", "hang", "goaway", "drop", "slow", "late_trailers", "fail_first", "queue"];

impl FromStr for Behavior {
    type Err = NotABehavior;

    /// Reads a behavior under the default rules.
    fn from_str(text: &str) -> Result<Self, NotABehavior> {
        Self::read(text, &Rules::default())
    }
}

impl Behavior {
    /// Reads a behavior.
    ///
    /// # Errors
    /// When `text` is not one, or says what `rules` do not allow.
    pub fn read(text: &str, rules: &Rules<'_>) -> Result<Self, NotABehavior> {
        if text.len() > MOST_BYTES {
            return Err(NotABehavior::too_long(text, MOST_BYTES));
        }
        let mut words = Words::new(text);
        if words.is_end() {
            return Err(NotABehavior::empty());
        }
        let read = clauses(&mut words, rules)
            .map_err(|mistake| foreign::recognized(text).unwrap_or(mistake));
        let Clauses { delay, stall } = read.map_err(|mistake| NotABehavior::new(text, mistake))?;
        // Without one, calls are answered at once.
        let delay = delay.unwrap_or(Delay::Constant(Constant(Duration::ZERO)));
        let behavior = Self::new(delay, stall, rules.limit());
        if behavior.text().len() > MOST_BYTES {
            return Err(NotABehavior::too_long_printed(behavior.text().len(), MOST_BYTES));
        }
        Ok(behavior)
    }
}

#[derive(Default)]
struct Clauses {
    delay: Option<Delay>,
    stall: Option<Stall>,
}

fn clauses(words: &mut Words<'_>, rules: &Rules<'_>) -> Result<Clauses, Mistake> {
    let mut clauses = Clauses::default();
    loop {
        clause(words, rules, &mut clauses)?;
        let has_more = words.takes(';');
        if words.is_end() {
            return Ok(clauses);
        }
        if !has_more {
            return Err(words.expected("`;` and a further clause, or nothing more"));
        }
    }
}

fn clause(words: &mut Words<'_>, rules: &Rules<'_>, clauses: &mut Clauses) -> Result<(), Mistake> {
    let at = words.next();
    let name = words.clone().name();
    if name == "stall" {
        if clauses.stall.is_some() {
            return Err(Mistake::wrong(at, "a behavior has at most one stall: leave this one out"));
        }
        rules.allows(at, "stall")?;
        clauses.stall = Some(stall::read(words)?);
        return Ok(());
    }
    if FAULTS.contains(&name) {
        let expected = format!("a delay or a stall: `{name}` is not understood yet");
        return Err(Mistake::expected(at, expected));
    }
    if words.rest().starts_with(';') {
        return Err(Mistake::expected(at, "a delay or a stall, before this semicolon"));
    }
    let shape = shape::read(words, 0);
    if clauses.delay.is_some() {
        let why = "a behavior has at most one delay: leave this one out, or write a mix of both";
        return Err(match shape {
            Ok(_) => Mistake::wrong(at, why),
            Err(_) => Mistake::expected(at, "nothing more, or a stall: the delay has been given"),
        });
    }
    clauses.delay = Some(Delay::build(shape?, None, rules)?);
    Ok(())
}
