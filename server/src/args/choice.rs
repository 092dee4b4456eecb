//! Which of two equivalent flags was given.

use clap::ArgMatches;
use clap::parser::ValueSource;

/// Which of two flags takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Neither,
    First,
    Second,
}

/// Which of these two flags takes effect: one on the command line takes precedence over both variables.
///
/// # Errors
/// If both are on the command line, or both are set as variables.
pub(super) fn one_of(matches: &ArgMatches, ids: [&str; 2]) -> Result<Choice, String> {
    let source = |id| matches.value_source(id).filter(|it| *it != ValueSource::DefaultValue);
    match ids.map(source) {
        [Some(first), Some(second)] if first == second => {
            let name = if first == ValueSource::CommandLine { flag } else { variable };
            let [first, second] = ids.map(name);
            Err(format!("{first} and {second} are both given: give only one of them"))
        }
        [None | Some(ValueSource::EnvVariable), Some(_)] => Ok(Choice::Second),
        [Some(_), _] => Ok(Choice::First),
        [None, None] => Ok(Choice::Neither),
    }
}

fn flag(id: &str) -> String {
    format!("--{}", id.replace('_', "-"))
}

fn variable(id: &str) -> String {
    format!("LONGSYNC_{}", id.to_uppercase())
}
