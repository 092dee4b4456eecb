//! A command line and the environment variables of its flags.

use std::borrow::Cow;
use std::env;
use std::ffi::{OsStr, OsString};

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Error, Id};

use crate::spelling::{name_and_rest, named, typed, whole_word, with_one_hyphen};

/// Returns a tip for a flag or a word that a program does not know, such as `--addr` or `-l`, if there is
/// one.
pub type Tip = fn(&str) -> Option<Cow<'static, str>>;

/// The words of a command line, with the command that parses them.
///
/// The words are parsed twice: first alone, then with the variables for the flags of the subcommand that
/// runs. That shows whether an error comes from a word or a variable, and each subcommand reads only the
/// variables it needs.
#[derive(Debug, Clone)]
pub struct CommandLine {
    command: Command,
    words: Vec<OsString>,
    tip: Tip,
}

impl CommandLine {
    /// A command line of these words, the first of which is the program's name. The flags of `command` name
    /// the variables.
    pub fn new(command: Command, words: impl IntoIterator<Item = OsString>, tip: Tip) -> Self {
        Self { command, words: words.into_iter().collect(), tip }
    }

    /// The same command line, but the flag `id` of the subcommand at the path `commands` has no variable.
    ///
    /// # Panics
    /// If there is no such subcommand or flag.
    #[must_use]
    pub fn without_variable(self, commands: &[&str], id: &str) -> Self {
        Self { command: without_variable_of(self.command, commands, id), ..self }
    }

    /// Parses the words alone, without variables.
    ///
    /// # Errors
    /// If a word is wrong, or requests help. The help text here mentions no variables.
    pub fn words_alone(&self) -> Result<ArgMatches, Error> {
        let alone = without_variables(self.command.clone());
        alone.try_get_matches_from(&self.words).map_err(|error| self.of_a_word(error))
    }

    /// Parses the words together with the variables.
    ///
    /// # Errors
    /// If something is wrong, which the error names as it was given; or if help is requested.
    pub fn read(&self) -> Result<ArgMatches, Error> {
        match self.words_alone() {
            Ok(words) => {
                let mut command = reading_what_runs(self.command.clone(), &words, &[]);
                command
                    .try_get_matches_from_mut(&self.words)
                    .map_err(|error| of_a_variable(error, &command))
            }
            Err(error) if error.use_stderr() => Err(error),
            // Help or the version: parsed again, so that the help mentions the variables.
            Err(_) => self.command.clone().try_get_matches_from(&self.words),
        }
    }

    /// An error about the value of the top-level flag `id`, which could be parsed but is wrong for this
    /// reason.
    ///
    /// # Panics
    /// If there is no flag with this id.
    pub fn refused(&self, id: &str, why: impl Into<String>) -> Error {
        let why = why.into();
        let said = why.clone();
        let refusing = move |_: &str| Err::<String, _>(why.clone());
        // A default would be refused as well, but nobody gave it.
        let given_alone = |arg: Arg| arg.default_value(None::<&str>).value_parser(refusing);
        let command = self.command.clone().mut_arg(id, given_alone);
        let refused = Self { command, ..self.clone() }.read().err();
        // Without an error, the flag was not given.
        refused.unwrap_or_else(|| self.error(ErrorKind::ValueValidation, said))
    }

    /// An error about the command line as a whole.
    pub fn error(&self, kind: ErrorKind, why: impl std::fmt::Display) -> Error {
        self.command.clone().error(kind, why)
    }

    /// Makes an error about a word name the flag as it was typed, and adds a tip if there is one.
    fn of_a_word(&self, mut error: Error) -> Error {
        let context = |kind| string(&error, kind).unwrap_or_default();
        let unknown = match error.kind() {
            ErrorKind::UnknownArgument => {
                whole_word(&self.words, &context(ContextKind::InvalidArg))
            }
            ErrorKind::InvalidSubcommand => context(ContextKind::InvalidSubcommand),
            ErrorKind::ValueValidation | ErrorKind::InvalidValue => self.spell(&mut error),
            _ => return error,
        };
        let tip = (self.tip)(&unknown).or_else(|| self.about_hyphens());
        if let Some(tip) = tip {
            // A tip is better than a flag with a similar name.
            error.remove(ContextKind::SuggestedArg);
            add_tip(&mut error, tip);
        }
        error
    }

    fn about_hyphens(&self) -> Option<Cow<'static, str>> {
        let long = with_one_hyphen(&self.words, &self.command)?;
        Some(format!("long flags start with two hyphens: {long}").into())
    }

    /// Makes an error name the flag as it was typed. Returns the word with the flag, which may have been
    /// meant as another flag: `-port` is parsed as `-p ort`.
    fn spell(&self, error: &mut Error) -> String {
        let shown = string(error, ContextKind::InvalidArg).unwrap_or_default();
        let value = string(error, ContextKind::InvalidValue).unwrap_or_default();
        let (name, rest) = name_and_rest(&shown);
        let flags = named(&self.command, name);
        let Some(used) = flags.into_iter().find_map(|flag| typed(&self.words, flag, &value)) else {
            return String::new();
        };
        error.insert(ContextKind::InvalidArg, ContextValue::String(format!("{used}{rest}")));
        whole_word(&self.words, &used)
    }
}

fn without_variable(arg: Arg) -> Arg {
    arg.env(None::<&str>)
}

fn without_variable_of(command: Command, commands: &[&str], id: &str) -> Command {
    match commands.split_first() {
        None => command.mut_arg(id, without_variable),
        Some((name, below)) => {
            command.mut_subcommand(name, |command| without_variable_of(command, below, id))
        }
    }
}

fn without_variables(command: Command) -> Command {
    command.mut_args(without_variable).mut_subcommands(without_variables)
}

/// The same command, in which only flags of the subcommand that these words run have variables, and only if
/// they are not already `typed` before the subcommand.
fn reading_what_runs(command: Command, words: &ArgMatches, typed: &[&str]) -> Command {
    let Some((name, below)) = words.subcommand() else {
        let is_typed = |arg: &Arg| typed.contains(&arg.get_id().as_str());
        return command.mut_args(|arg| if is_typed(&arg) { without_variable(arg) } else { arg });
    };
    let ids = words.ids().map(Id::as_str);
    let here = ids.filter(|id| words.value_source(id) == Some(ValueSource::CommandLine));
    let typed: Vec<_> = here.chain(typed.iter().copied()).collect();
    command
        .mut_args(|arg| if arg.is_global_set() { arg } else { without_variable(arg) })
        .mut_subcommand(name, |command| reading_what_runs(command, below, &typed))
}

/// Makes an error name the variable instead of the flag, since every word is right.
fn of_a_variable(mut error: Error, command: &Command) -> Error {
    if error.kind() == ErrorKind::InvalidUtf8 {
        return not_text(command).unwrap_or(error);
    }
    let Some(shown) = string(&error, ContextKind::InvalidArg) else { return error };
    let (flag, _) = name_and_rest(&shown);
    let variable = named(command, flag).into_iter().find_map(Arg::get_env);
    let Some(variable) = variable.map(OsStr::to_string_lossy) else { return error };
    error.insert(ContextKind::InvalidArg, ContextValue::String(variable.clone().into_owned()));
    add_tip(
        &mut error,
        format!("{variable} is an environment variable; {flag} overrides it").into(),
    );
    error
}

/// An error about a variable that is not UTF-8: clap does not say which one it is.
fn not_text(command: &Command) -> Option<Error> {
    let is_text = |name: &OsStr| env::var_os(name).is_none_or(|value| value.to_str().is_some());
    let names =
        command.get_arguments().chain(command.get_subcommands().flat_map(Command::get_arguments));
    let name = names.filter_map(Arg::get_env).find(|name| !is_text(name))?.to_string_lossy();
    let why = format!("the variable {name} is not valid UTF-8: set it to a text in UTF-8");
    Some(command.clone().error(ErrorKind::InvalidUtf8, why))
}

fn string(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

fn add_tip(error: &mut Error, tip: Cow<'static, str>) {
    let mut tips = match error.remove(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips,
        _ => Vec::new(),
    };
    tips.push(StyledStr::from(tip));
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
}

/// Variables are tested with the programs, since a test must not change its own environment.
#[cfg(test)]
mod tests {
    use clap::builder::BoolishValueParser;

    use super::*;

    fn read(words: &[&str]) -> Result<ArgMatches, Error> {
        line(words).read()
    }

    fn line(words: &[&str]) -> CommandLine {
        let number = |text: &str| text.parse::<u8>().map_err(|_| "write a small number");
        let port = Arg::new("port").short('p').long("port").visible_alias("at").value_name("PORT");
        let port = port.value_parser(number).default_value("1");
        let fixed = Arg::new("fixed").long("fixed").value_parser(BoolishValueParser::new());
        let kind = Arg::new("kind").long("kind").value_parser(["one", "two"]);
        let below = Command::new("below").arg(kind);
        let command = Command::new("test").args([port, fixed]).subcommand(below);
        let words = [&["test"], words].concat();
        CommandLine::new(command, words.into_iter().map(OsString::from), |word| match word {
            "--addr" | "-l" | "9" => Some("write --port".into()),
            "-plaintext" => Some("there is no TLS".into()),
            _ => None,
        })
    }

    fn said(words: &[&str]) -> String {
        read(words).unwrap_err().to_string()
    }

    #[test]
    fn valid_words_are_parsed() {
        let matches = read(&["-p", "7", "--fixed", "yes"]).unwrap();
        assert_eq!(matches.get_one::<u8>("port"), Some(&7));
        let matches = read(&["below", "--kind", "two"]).unwrap();
        let below = matches.subcommand_matches("below").unwrap();
        assert_eq!(below.get_one::<String>("kind").map(String::as_str), Some("two"));
    }

    #[test]
    fn a_wrong_value_names_the_flag_as_it_was_typed() {
        for (words, flag) in [
            (&["--port", "x"][..], "--port <PORT>"),
            (&["--at=x"], "--at <PORT>"),
            (&["-p", "x"], "-p <PORT>"),
            (&["-px"], "-p <PORT>"),
            (&["--fixed", "x"], "--fixed <fixed>"),
            (&["below", "--kind", "x"], "--kind <kind>"),
        ] {
            let said = said(words);
            assert!(said.contains(&format!("invalid value 'x' for '{flag}'")), "{said}");
        }
        assert!(said(&["--at"]).contains("a value is required for '--at <PORT>'"));
    }

    #[test]
    fn an_error_about_a_parsed_value_looks_the_same() {
        let refused = |words: &[&str]| line(words).refused("port", "it is taken").to_string();
        for (words, flag) in [(["--at", "7"], "--at <PORT>"), (["-p", "7"], "-p <PORT>")] {
            let said = refused(&words);
            assert!(
                said.contains(&format!("invalid value '7' for '{flag}': it is taken")),
                "{said}"
            );
        }
    }

    #[test]
    fn a_flag_of_another_program_gets_a_tip() {
        for words in [&["--addr", "x"][..], &["--addr=x"], &["-l"], &["9"]] {
            assert!(said(words).contains("  tip: write --port\n"), "{}", said(words));
        }
        let hyphen = said(&["-port", "7"]);
        assert!(hyphen.contains("long flags start with two hyphens: --port"), "{hyphen}");
        assert!(said(&["--prot"]).contains("a similar argument exists: '--port'"));
        assert!(!said(&["--unlike"]).contains("tip:"));
        assert!(said(&["-plaintext"]).contains("tip: there is no TLS"));
        assert!(!said(&["-p", "laintext"]).contains("tip:"));
    }
}
