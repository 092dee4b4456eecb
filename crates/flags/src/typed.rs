//! The flags of a command line as they were typed: which name was used, and with which value. Pure.

use std::borrow::Cow;
use std::ffi::OsString;

use clap::{Arg, Command};

/// The flags in the words of a command line.
#[derive(Debug)]
pub(crate) struct TypedFlags<'a> {
    /// The program, the subcommand that is called, its own subcommand that is called, and so on.
    path: Vec<&'a Command>,
    pub(crate) flags: Vec<TypedFlag<'a>>,
}

/// One flag as it was typed.
#[derive(Debug)]
pub(crate) struct TypedFlag<'a> {
    /// Its word, without a value after `=`: `-plaintext` for each flag that clap sees in it.
    pub(crate) word: String,
    /// Its name with hyphens: `-p`.
    pub(crate) name: String,
    /// Its value; empty if it is missing, or if the flag does not take one.
    pub(crate) value: String,
    /// The flag, if the command knows it.
    arg: Option<&'a Arg>,
    /// The number of commands of the path that precede this word.
    depth: usize,
}

impl<'a> TypedFlags<'a> {
    /// Finds the flags in `words`, the first of which is the program's name, as clap would: a flag belongs to
    /// the command before it, a value is not a flag, and nothing is one after `--`.
    pub(crate) fn of(program: &'a Command, words: &[OsString]) -> Self {
        let mut typed = Self { path: vec![program], flags: Vec::new() };
        let mut may_call = true;
        let mut words = words.iter().skip(1).map(|word| word.to_string_lossy());
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            } else if word.starts_with("--") {
                typed.push_long(&word, &mut words);
            } else if word.starts_with('-') && word.len() > 1 {
                typed.push_shorts(&word, &mut words);
            } else if may_call {
                let below = typed.called().find_subcommand(&*word);
                typed.path.extend(below);
                // After a positional value, clap calls nothing.
                may_call = below.is_some();
            }
        }
        typed
    }

    /// The command that is called: the program itself if there is no subcommand.
    pub(crate) fn called(&self) -> &'a Command {
        self.path[self.path.len() - 1]
    }

    /// The name with which the flag that clap calls `shown` was given this value, alone or as part of a list.
    /// A missing value is an empty one.
    pub(crate) fn given(&self, shown: &str, value: &str) -> Option<&TypedFlag<'a>> {
        self.flags.iter().find(|flag| {
            flag.arg.is_some_and(|arg| {
                let delimiter = arg.get_value_delimiter();
                let is_among = || {
                    delimiter.is_some_and(|mark| flag.value.split(mark).any(|part| part == value))
                };
                is_named(arg, shown) && (flag.value == value || is_among())
            })
        })
    }

    /// The flag that was meant by a word with a single hyphen, as programs in Go write long flags; returned
    /// with two hyphens.
    pub(crate) fn with_two_hyphens(&self, flag: &TypedFlag<'_>) -> Option<String> {
        let long = format!("-{}", flag.word);
        let is_meant = flag.has_long_word() && self.find(flag.depth, &long).is_some();
        is_meant.then_some(long)
    }

    fn push_long<'w>(&mut self, word: &str, rest: &mut impl Iterator<Item = Cow<'w, str>>) {
        let (name, value) = name_and_rest(word);
        let depth = self.path.len();
        let arg = self.find(depth, name);
        let value = match value.strip_prefix('=') {
            Some(value) => value.to_owned(),
            None => next_value(arg, rest),
        };
        let name = name.to_owned();
        self.flags.push(TypedFlag { word: name.clone(), name, value, arg, depth });
    }

    /// The flags in a word such as `-n5`, `-vn=5` or `-n`. What follows an unknown letter cannot be known.
    fn push_shorts<'w>(&mut self, word: &str, rest: &mut impl Iterator<Item = Cow<'w, str>>) {
        let depth = self.path.len();
        let whole = name_and_rest(word).0;
        let mut letters = word[1..].chars();
        while let Some(letter) = letters.next() {
            let name = format!("-{letter}");
            let arg = self.find(depth, &name);
            let is_last = arg.is_none_or(takes_value);
            let after = letters.as_str();
            let value = match after.strip_prefix('=').unwrap_or(after) {
                _ if !is_last => String::new(),
                "" => next_value(arg, rest),
                value => value.to_owned(),
            };
            self.flags.push(TypedFlag { word: whole.to_owned(), name, value, arg, depth });
            if is_last {
                break;
            }
        }
    }

    /// The flag with this name of the last of the first `depth` commands in the path, or a global one of
    /// those above it.
    fn find(&self, depth: usize, name: &str) -> Option<&'a Arg> {
        let mut arguments =
            self.path[..depth].iter().rev().enumerate().flat_map(|(up, command)| {
                command.get_arguments().filter(move |arg| up == 0 || arg.is_global_set())
            });
        arguments.find(|arg| is_named(arg, name))
    }
}

impl TypedFlag<'_> {
    /// Whether its word could be a long flag with a single hyphen.
    pub(crate) fn has_long_word(&self) -> bool {
        let name = self.word.strip_prefix('-').filter(|name| !name.starts_with('-'));
        name.is_some_and(|name| name.chars().nth(1).is_some())
    }
}

/// Splits a flag as it is typed or as clap prints it in an error, such as `--port <PORT>`, after its name.
pub(crate) fn name_and_rest(shown: &str) -> (&str, &str) {
    let end = shown.find([' ', '=', '[']).unwrap_or(shown.len());
    shown.split_at(end)
}

/// Whether this is one of the names of a flag, with its hyphens.
pub fn is_named(arg: &Arg, name: &str) -> bool {
    if let Some(long) = name.strip_prefix("--") {
        let mut longs = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
        return longs.any(|own| own == long);
    }
    let Some(letters) = name.strip_prefix('-') else { return false };
    let mut shorts =
        arg.get_short().into_iter().chain(arg.get_all_short_aliases().unwrap_or_default());
    shorts.any(|own| letters.strip_prefix(own) == Some(""))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values()
}

fn next_value<'w>(arg: Option<&Arg>, rest: &mut impl Iterator<Item = Cow<'w, str>>) -> String {
    let value = arg.filter(|arg| takes_value(arg)).and_then(|_| rest.next());
    value.unwrap_or_default().into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;
    use proptest::prelude::*;

    use super::*;

    fn program() -> Command {
        let port = Arg::new("port").short('p').long("port").alias("listen-port");
        let quiet = Arg::new("quiet").short('q').long("quiet").action(ArgAction::SetTrue);
        let color = Arg::new("color").long("color").global(true);
        let ways = Arg::new("ways").short('w').long("ways").alias("way").value_delimiter(',');
        let below = Command::new("below").arg(ways).arg(Arg::new("text"));
        Command::new("test").args([port, quiet, color]).subcommand(below)
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn found(line: &str, shown: &str, value: &str) -> Option<String> {
        let program = program();
        let typed = TypedFlags::of(&program, &words(line));
        typed.given(shown, value).map(|flag| flag.name.clone())
    }

    #[test]
    fn the_name_that_was_used_is_found() {
        for (line, name, value, used) in [
            ("test --port x", "--port", "x", "--port"),
            ("test --port=x", "--port", "x", "--port"),
            ("test -p x", "--port", "x", "-p"),
            ("test -px", "--port", "x", "-p"),
            ("test -p=x", "--port", "x", "-p"),
            ("test -qpx", "--port", "x", "-p"),
            ("test -qp x", "--port", "x", "-p"),
            ("test --listen-port x", "--port", "x", "--listen-port"),
            ("test --port 1 -p x", "--port", "x", "-p"),
            ("test --port", "--port", "", "--port"),
            ("test below --ways a,b,c", "--ways", "b", "--ways"),
            ("test below --color x", "--color", "x", "--color"),
        ] {
            assert_eq!(found(line, name, value).as_deref(), Some(used), "{line}");
        }
        for (line, name, value) in [
            ("test --port y", "--port", "x"),
            ("test --ports x", "--port", "x"),
            ("test --port a,x", "--port", "x"),
            ("test --other x", "--other", "x"),
            ("test below --port x", "--port", "x"),
            ("test --ways x below", "--ways", "x"),
            ("test --color --port x", "--port", "x"),
            ("test -- --port x", "--port", "x"),
        ] {
            assert_eq!(found(line, name, value), None, "{line}");
        }
    }

    #[test]
    fn the_command_that_is_called_is_found() {
        for (line, called) in [
            ("test", "test"),
            ("test below", "below"),
            ("test --port below", "test"),
            ("test -p below below", "below"),
            ("test --color never -q below", "below"),
            ("test --port=1 below below", "below"),
            ("test other below", "test"),
            ("test -- below", "test"),
        ] {
            let program = program();
            assert_eq!(
                TypedFlags::of(&program, &words(line)).called().get_name(),
                called,
                "{line}"
            );
        }
    }

    /// Each line's flags, as word, name and value.
    #[test]
    fn values_are_not_flags() {
        for (line, flags) in [
            ("test -plaintext", &["-plaintext -p laintext"][..]),
            ("test -xyz 1", &["-xyz -x yz"]),
            ("test -qqx", &["-qqx -q ", "-qqx -q ", "-qqx -x "]),
            ("test -p -index -q", &["-p -p -index", "-q -q "]),
            ("test --listen-port -index", &["--listen-port --listen-port -index"]),
            ("test --other -q=1", &["--other --other ", "-q -q ", "-q -= 1"]),
            ("test below --way -index -- -q", &["--way --way -index"]),
            ("test - 1", &[]),
        ] {
            let program = program();
            let typed = TypedFlags::of(&program, &words(line));
            let shown =
                |flag: &TypedFlag<'_>| format!("{} {} {}", flag.word, flag.name, flag.value);
            assert_eq!(typed.flags.iter().map(shown).collect::<Vec<_>>(), flags, "{line}");
        }
    }

    #[test]
    fn a_long_flag_with_one_hyphen_is_recognized() {
        let one = |line: &str| {
            let program = program();
            let typed = TypedFlags::of(&program, &words(line));
            typed.flags.iter().find_map(|flag| typed.with_two_hyphens(flag))
        };
        assert_eq!(one("test -port 80").as_deref(), Some("--port"));
        assert_eq!(one("test below -ways=a").as_deref(), Some("--ways"));
        assert_eq!(one("test below -color=a").as_deref(), Some("--color"));
        for line in [
            "test --port 80",
            "test -p 80",
            "test -plaintext",
            "test - 80",
            "test port",
            "test -ways=a",
            "test below -port 80",
            "test below --ways -color",
            "test below -- -ways",
        ] {
            assert_eq!(one(line), None, "{line}");
        }
    }

    proptest! {
        /// No command line causes a panic, and the result is always one of the flag's names.
        #[test]
        fn the_result_is_a_name_of_the_flag(line in "[-a-z=, p\\PC]{0,24}", value in "[a-z]{0,2}") {
            let names = ["-p", "--port", "--listen-port"];
            if let Some(found) = found(&line, "--port", &value) {
                prop_assert!(names.contains(&found.as_str()), "{}", found);
            }
        }

        /// A flag is found exactly if clap parses one.
        #[test]
        fn the_flags_are_those_that_clap_parses(
            line in prop::collection::vec(prop::sample::select(vec![
                "--port", "-p", "-p7", "--port=7", "-qp", "-q", "--color", "7", "below", "-w", "-wa", "--ways=a", "--",
            ]), 0..6),
        ) {
            let line = ["test"].into_iter().chain(line).map(OsString::from).collect::<Vec<_>>();
            let Ok(matches) = program().try_get_matches_from(&line) else { return Ok(()) };
            let program = program();
            let typed = TypedFlags::of(&program, &line);
            let below = matches.subcommand_matches("below");
            prop_assert_eq!(typed.called().get_name() == "below", below.is_some());
            let ways = below.and_then(|below| below.get_one::<String>("ways"));
            let port = matches.get_one::<String>("port");
            for (shown, parsed) in [("--ways", ways), ("--port", port)] {
                let of_it = |flag: &&TypedFlag<'_>| flag.arg.is_some_and(|arg| is_named(arg, shown));
                let found = typed.flags.iter().find(of_it).map(|flag| &flag.value);
                prop_assert_eq!(found, parsed);
            }
        }
    }
}
