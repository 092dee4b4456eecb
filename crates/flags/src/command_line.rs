//! A command line and the environment variables of its flags.

use std::borrow::Cow;
use std::env;
use std::ffi::{OsStr, OsString};

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, Error, Id};
use longsync_text::said::shortened;

use crate::typed::{TypedFlag, TypedFlags, is_named, name_and_rest};

/// How many characters of a typed word, and of a tip, an error shows.
const MOST_OF_A_WORD: usize = 200;
const MOST_OF_A_TIP: usize = 400;

/// What a command line got wrong: a flag or a word that the command does not know, or the value of a flag.
#[derive(Debug, Clone, Copy)]
pub struct Mistake<'a> {
    /// The program.
    pub program: &'a Command,
    /// The subcommand that is called, or the program itself if there is none.
    pub called: &'a Command,
    /// The word as it was typed, such as `--addr` or `-l`, without a value after `=`.
    pub word: &'a str,
    /// The value, if the command knows the flag but not this value of it.
    pub value: Option<&'a str>,
}

/// Returns a tip about a mistake, if there is one.
pub type Tip = fn(&Mistake<'_>) -> Option<Cow<'static, str>>;

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
        let parsed = alone.try_get_matches_from(&self.words);
        let matches = parsed.map_err(|error| self.of_a_word(error))?;
        self.check_hyphens().map(|()| matches)
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

    /// The subcommand that these words call, or the program itself, with the usage that its errors show.
    pub fn called(&self) -> Command {
        let mut program = self.command.clone();
        // A command knows its full name only after this.
        program.build();
        TypedFlags::of(&program, &self.words).called().clone()
    }

    /// The values of the flag with this name, such as `-d`, in the order in which they were typed. Other
    /// names of the same flag do not count.
    pub fn values_of(&self, name: &str) -> Vec<String> {
        let flags = TypedFlags::of(&self.command, &self.words).flags;
        flags.into_iter().filter(|flag| flag.name == name).map(|flag| flag.value).collect()
    }

    /// Refuses a word with a single hyphen that was meant as a long flag but can be parsed: `-data=x` is also
    /// `-d` with the value `ata=x`.
    fn check_hyphens(&self) -> Result<(), Error> {
        let typed = TypedFlags::of(&self.command, &self.words);
        let Some((word, tip)) = self.about_hyphens(&typed) else { return Ok(()) };
        let mut error = Error::new(ErrorKind::UnknownArgument).with_cmd(&self.command);
        error.insert(ContextKind::InvalidArg, ContextValue::String(word));
        let usage = self.called().render_usage();
        error.insert(ContextKind::Usage, ContextValue::StyledStr(usage));
        add_tip(&mut error, &tip);
        Err(error)
    }

    /// Makes an error about a word name the flag as it was typed, and adds a tip if there is one.
    fn of_a_word(&self, mut error: Error) -> Error {
        if !error.use_stderr() {
            return error;
        }
        let typed = TypedFlags::of(&self.command, &self.words);
        let tip = match error.kind() {
            ErrorKind::UnknownArgument => {
                let unknown = string(&error, ContextKind::InvalidArg).unwrap_or_default();
                self.about_unknown(&typed, &unknown)
            }
            ErrorKind::InvalidSubcommand => {
                let unknown = string(&error, ContextKind::InvalidSubcommand).unwrap_or_default();
                self.about_unknown(&typed, &unknown)
            }
            ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
                self.about_value(&typed, &mut error)
            }
            _ => self.about_hyphens(&typed).map(|(_, tip)| tip),
        };
        let is_changed = make_printable(&mut error);
        if tip.is_none() && is_changed {
            // How to write the word as a value would repeat the word itself.
            error.remove(ContextKind::Suggested);
        }
        if let Some(tip) = tip {
            // A tip is better than a flag with a similar name, or how to write this one as a value.
            error.remove(ContextKind::SuggestedArg);
            error.remove(ContextKind::SuggestedSubcommand);
            error.remove(ContextKind::Suggested);
            add_tip(&mut error, &tip);
        }
        error
    }

    /// A tip about a word that clap reports as unknown; of `-plaintext`, it reports only `-p`.
    fn about_unknown(&self, typed: &TypedFlags<'_>, unknown: &str) -> Option<Cow<'static, str>> {
        let flag = typed.flags.iter().find(|flag| flag.name == unknown);
        let about_word = || self.tip(typed, unknown, None);
        // A word after `--` may begin with a hyphen, but is not a flag.
        let is_value = flag.is_none() && unknown.starts_with('-');
        flag.and_then(|flag| self.about_flag(typed, flag, None))
            .or_else(|| Some(self.about_hyphens(typed)?.1))
            .or_else(|| if is_value { None } else { about_word() })
    }

    /// Makes an error about a value name the flag as it was typed. Returns a tip about the flag's word, which
    /// may have been meant as another flag: `-port` is parsed as `-p ort`.
    fn about_value(&self, typed: &TypedFlags<'_>, error: &mut Error) -> Option<Cow<'static, str>> {
        let shown = string(error, ContextKind::InvalidArg).unwrap_or_default();
        let value = string(error, ContextKind::InvalidValue).unwrap_or_default();
        let (name, rest) = name_and_rest(&shown);
        let flag = typed.given(name, &value)?;
        let shown = format!("{}{rest}", flag.name);
        error.insert(ContextKind::InvalidArg, ContextValue::String(shown));
        self.about_flag(typed, flag, Some(&value))
    }

    /// The first word with a single hyphen that was meant as a long flag, and a tip about it. An error may be
    /// about another word: `-data x` is parsed as `-d ata`, so that only `x` is wrong.
    fn about_hyphens(&self, typed: &TypedFlags<'_>) -> Option<(String, Cow<'static, str>)> {
        let mut flags = typed.flags.iter().filter(|flag| flag.has_long_word());
        flags.find_map(|flag| Some((flag.word.clone(), self.about_flag(typed, flag, None)?)))
    }

    /// A tip about the word of a flag.
    fn about_flag(
        &self,
        typed: &TypedFlags<'_>,
        flag: &TypedFlag<'_>,
        value: Option<&str>,
    ) -> Option<Cow<'static, str>> {
        let two = || typed.with_two_hyphens(flag);
        let about_hyphens =
            || Some(format!("long flags start with two hyphens: {}", two()?).into());
        self.tip(typed, &flag.word, value).or_else(about_hyphens)
    }

    fn tip(
        &self,
        typed: &TypedFlags<'_>,
        word: &str,
        value: Option<&str>,
    ) -> Option<Cow<'static, str>> {
        (self.tip)(&Mistake { program: &self.command, called: typed.called(), word, value })
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
        return not_text(command, |name| env::var_os(name)).unwrap_or(error);
    }
    make_printable(&mut error);
    let Some(shown) = string(&error, ContextKind::InvalidArg) else { return error };
    let (flag, _) = name_and_rest(&shown);
    let of_it = |arg: &&Arg| is_named(arg, flag);
    let variable = arguments(command).into_iter().filter(of_it).find_map(Arg::get_env);
    let Some(variable) = variable.map(OsStr::to_string_lossy) else { return error };
    error.insert(ContextKind::InvalidArg, ContextValue::String(variable.clone().into_owned()));
    add_tip(&mut error, &format!("{variable} is an environment variable; {flag} overrides it"));
    error
}

/// The flags of a command and its subcommands.
fn arguments(command: &Command) -> Vec<&Arg> {
    command.get_arguments().chain(command.get_subcommands().flat_map(arguments)).collect()
}

/// An error about a variable that is not UTF-8: clap does not say which one it is.
fn not_text(command: &Command, value: impl Fn(&OsStr) -> Option<OsString>) -> Option<Error> {
    let is_text = |name: &OsStr| value(name).is_none_or(|value| value.to_str().is_some());
    let names = arguments(command).into_iter().filter_map(Arg::get_env);
    let name = names.into_iter().find(|name| !is_text(name))?.to_string_lossy();
    let why = format!("the variable {name} is not valid UTF-8: set it to a text in UTF-8");
    Some(command.clone().error(ErrorKind::InvalidUtf8, why))
}

fn string(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Escapes what could act on a terminal in the words that an error repeats, and shortens long ones. Returns
/// whether any of them was changed.
fn make_printable(error: &mut Error) -> bool {
    let repeated =
        [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue];
    let mut is_changed = false;
    for kind in repeated {
        let Some(word) = string(error, kind) else { continue };
        let shown = shortened(&word, MOST_OF_A_WORD);
        is_changed |= shown != word;
        error.insert(kind, ContextValue::String(shown));
    }
    is_changed
}

fn add_tip(error: &mut Error, tip: &str) {
    let mut tips = match error.remove(ContextKind::Suggested) {
        Some(ContextValue::StyledStrs(tips)) => tips,
        _ => Vec::new(),
    };
    tips.push(StyledStr::from(shortened(tip, MOST_OF_A_TIP)));
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
}

#[cfg(test)]
mod tests {
    use clap::builder::BoolishValueParser;
    use longsync_text::said::is_invisible;

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
        CommandLine::new(command, words.into_iter().map(OsString::from), |wrong| match wrong.word {
            "--addr" | "-l" | "9" => Some("write --port".into()),
            "-plaintext" => Some("there is no TLS".into()),
            "-p" if wrong.value == Some("9") => Some("9 is taken".into()),
            "--unit" => Some(format!("{} lacks it", wrong.called.get_name()).into()),
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

    #[test]
    fn nothing_that_was_typed_acts_on_the_terminal() {
        let wrong = "\u{1b}[31mred\n\u{202e}";
        let shown = r"\u{1b}[31mred\n\u{202e}";
        let (flag, listen) = (format!("--{wrong}"), format!("-p{wrong}"));
        for words in [
            &["--port", wrong][..],
            &[&listen],
            &["--fixed", wrong],
            &["below", "--kind", wrong],
            &["below", wrong],
            &[wrong],
            &[&flag],
            &["below", &flag],
            &["--", &flag],
        ] {
            let said = said(words);
            assert!(said.contains(shown), "{said}");
            let lines = said.lines().flat_map(str::chars);
            assert_eq!(lines.filter(|each| is_invisible(*each)).count(), 0, "{said:?}");
        }
    }

    #[test]
    fn a_long_word_makes_no_long_error() {
        let long = "x".repeat(70_000);
        let flag = format!("--{long}");
        for words in [&["--port", &long][..], &[&long], &[&flag], &["below", "--kind", &long]] {
            let said = said(words);
            assert!(said.contains("xxx... (7000"), "{said}");
            assert!(said.len() < 1_000, "{} bytes", said.len());
        }
    }

    #[test]
    fn a_tip_comes_from_the_whole_word_and_the_command_that_is_called() {
        let below = said(&["below", "--unit"]);
        assert!(below.contains("tip: below lacks it"), "{below}");
        assert!(said(&["--unit=1"]).contains("tip: test lacks it"));
        let hyphen = said(&["below", "-kind", "one"]);
        assert!(hyphen.contains("two hyphens: --kind"), "{hyphen}");
        // `-l` alone has a tip, and so have its attached values.
        assert!(said(&["-l80"]).contains("tip: write --port"));
        // A tip about a value needs the value to be wrong.
        assert!(!said(&["-p", "9", "--nonsense"]).contains("9 is taken"));
    }

    #[test]
    fn a_long_flag_with_one_hyphen_is_refused_even_if_it_can_be_parsed() {
        let read = |words: &[&str]| {
            let data = Arg::new("data").short('d').long("data").visible_alias("doc");
            let command = Command::new("test").arg(data);
            let words = [&["test"], words].concat().into_iter().map(OsString::from);
            CommandLine::new(command, words, |_| None).read()
        };
        for (words, word) in [(["-data=x"], "-data"), (["-data"], "-data"), (["-doc=1"], "-doc")] {
            let said = read(&words).unwrap_err().to_string();
            let right = format!(
                "error: unexpected argument '{word}' found\n\n  tip: long flags start with two hyphens: \
                 -{word}\n\nUsage: test [OPTIONS]\n"
            );
            assert!(said.starts_with(&right), "{said}");
        }
        for words in [&["-date=x"][..], &["-dat"], &["-d", "-data"], &["--data", "-doc=1"]] {
            let said = read(words).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!said.contains("two hyphens"), "{said}");
        }
        assert!(read(&["-date=x"]).is_ok());
    }

    #[test]
    fn a_value_or_a_flag_of_another_command_gets_no_tip() {
        for words in [
            &["-kind", "one"][..],
            &["below", "-port", "1"],
            &["below", "--kind", "-kind"],
            &["--at", "-fixed"],
            &["--nonsense", "--", "-port"],
            &["below", "--", "-plaintext"],
        ] {
            assert!(!said(words).contains("tip:"), "{}", said(words));
        }
    }

    #[test]
    fn the_values_of_a_name_are_found_however_they_are_typed() {
        let words = ["-p", "a", "--fixed", "1", "-pb", "-p=c", "-P", "x", "--port", "d", "-p"];
        assert_eq!(line(&words).values_of("-p"), ["a", "b", "c", ""]);
        assert_eq!(line(&words).values_of("--port"), ["d"]);
    }

    #[test]
    fn the_called_command_has_its_full_usage() {
        for (words, usage) in [
            (&["below", "--kind", "x"][..], "Usage: test below [OPTIONS]"),
            (&["--port", "below"], "Usage: test [OPTIONS] [COMMAND]"),
        ] {
            assert_eq!(line(words).called().render_usage().to_string(), usage, "{words:?}");
        }
    }

    /// A variable that every environment has, and the value of no number.
    const VARIABLE: &str = "PATH";

    /// A command with a numeric flag of its own and of a subcommand, both of which read [`VARIABLE`].
    fn reading(words: &[&str]) -> CommandLine {
        let number = |text: &str| text.parse::<u8>().map_err(|_| "write a small number");
        let port = || Arg::new("port").long("port").env(VARIABLE).value_parser(number);
        let silent = Command::new("silent");
        let below = Command::new("below").arg(port());
        let command = Command::new("test").arg(port()).subcommands([below, silent]);
        let words = [&["test"], words].concat();
        CommandLine::new(command, words.into_iter().map(OsString::from), |_| None)
    }

    #[test]
    fn a_wrong_variable_is_named_in_place_of_its_flag() {
        assert!(env::var_os(VARIABLE).is_some_and(|value| !value.is_empty()));
        for words in [&[][..], &["below"]] {
            let said = reading(words).read().unwrap_err().to_string();
            assert!(said.contains(&format!("for '{VARIABLE}': write a small number")), "{said}");
            let tip = format!("tip: {VARIABLE} is an environment variable; --port overrides it");
            assert!(said.contains(&tip), "{said}");
        }
    }

    #[test]
    fn only_what_runs_reads_a_variable_and_only_if_no_flag_overrides_it() {
        for words in [
            &["silent"][..],
            &["--port", "1"],
            &["below", "--port", "1"],
            &["--port", "1", "below"],
        ] {
            assert!(reading(words).read().is_ok(), "{words:?}");
        }
        // A wrong word is reported first.
        let said = reading(&["--port", "x"]).read().unwrap_err().to_string();
        assert!(said.contains("invalid value 'x' for '--port <port>'"), "{said}");
    }

    #[test]
    fn a_flag_can_be_without_its_variable() {
        let without = |words, commands: &[&str]| reading(words).without_variable(commands, "port");
        assert!(without(&[], &[]).read().is_ok());
        assert!(without(&["below"], &["below"]).read().is_ok());
        assert!(without(&["below"], &[]).read().is_err());
        assert!(without(&[], &["below"]).read().is_err());
        assert!(reading(&[]).words_alone().is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf_8_is_named() {
        use std::os::unix::ffi::OsStringExt as _;

        let command = reading(&[]).command;
        let text = |_: &OsStr| Some(OsString::from("1"));
        assert!(not_text(&command, text).is_none());
        assert!(not_text(&command, |_| None).is_none());
        let bytes = |name: &OsStr| (name == VARIABLE).then(|| OsString::from_vec(b"\xff".to_vec()));
        let said = not_text(&command, bytes).unwrap().to_string();
        assert!(said.contains(&format!("the variable {VARIABLE} is not valid UTF-8")), "{said}");
    }
}
