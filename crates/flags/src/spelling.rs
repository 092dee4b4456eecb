//! How a flag was typed: which of its names was used. Pure.

use std::ffi::OsString;

use clap::{Arg, Command};

/// Splits a flag as clap prints it in an error, such as `--port <PORT>`, after its name.
pub(crate) fn name_and_rest(shown: &str) -> (&str, &str) {
    let end = shown.find([' ', '=', '[']).unwrap_or(shown.len());
    shown.split_at(end)
}

/// The flags with this name of a command and its subcommands.
pub(crate) fn named<'a>(command: &'a Command, name: &str) -> Vec<&'a Arg> {
    let own = command.get_arguments().filter(|arg| spellings(arg).iter().any(|own| own == name));
    let below = command.get_subcommands().flat_map(|command| named(command, name));
    own.chain(below).collect()
}

/// All names of a flag, with their hyphens.
fn spellings(arg: &Arg) -> Vec<String> {
    let long = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
    let short = arg.get_short().into_iter().chain(arg.get_all_short_aliases().unwrap_or_default());
    long.map(|name| format!("--{name}")).chain(short.map(|name| format!("-{name}"))).collect()
}

/// The name of `arg` with which this value was given in `words`, alone or as part of a list; [`None`] if it
/// was not given. A missing value counts as empty.
pub(crate) fn typed(words: &[OsString], arg: &Arg, value: &str) -> Option<String> {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let spellings = spellings(arg);
    words.iter().enumerate().find_map(|(index, word)| {
        let next = words.get(index + 1).map_or("", |next| next);
        let is_given = |spelling: &&String| {
            let given = value_after(word, spelling, next);
            given.is_some_and(|given| given == value || is_among(given, value, arg))
        };
        spellings.iter().find(is_given).cloned()
    })
}

fn is_among(given: &str, value: &str, arg: &Arg) -> bool {
    arg.get_value_delimiter().is_some_and(|mark| given.split(mark).any(|part| part == value))
}

/// The value that `word` gives to the flag with this name, which may be the `next` word; [`None`] if `word`
/// is not that flag.
fn value_after<'a>(word: &'a str, spelling: &str, next: &'a str) -> Option<&'a str> {
    let rest = word.strip_prefix(spelling)?;
    match rest.strip_prefix('=') {
        Some(value) => Some(value),
        None if rest.is_empty() => Some(next),
        // `-p80`
        None if !spelling.starts_with("--") => Some(rest),
        None => None,
    }
}

/// The word with the flag that clap reports as `unknown`: for `-plaintext`, clap reports only `-p`.
pub(crate) fn whole_word(words: &[OsString], unknown: &str) -> String {
    let is_short = unknown.len() > 1 && !unknown.starts_with("--");
    let mut texts = words.iter().map(|word| word.to_string_lossy());
    let found = texts.find(|word| is_short && word.starts_with(unknown));
    let word = found.as_deref().unwrap_or(unknown);
    name_and_rest(word).0.to_owned()
}

/// The first word that is a long flag with a single hyphen, as programs in Go have them; returned with two
/// hyphens.
pub(crate) fn with_one_hyphen(words: &[OsString], command: &Command) -> Option<String> {
    words.iter().skip(1).find_map(|word| {
        let word = word.to_string_lossy();
        let name = word.strip_prefix('-').filter(|name| name.chars().nth(1).is_some())?;
        let long = format!("--{}", name_and_rest(name).0);
        (!named(command, &long).is_empty()).then_some(long)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn command() -> Command {
        let port = Arg::new("port").short('p').long("port").alias("listen-port");
        let ways = Arg::new("ways").long("ways").value_delimiter(',');
        Command::new("test").arg(port).subcommand(Command::new("below").arg(ways))
    }

    fn found(line: &str, name: &str, value: &str) -> Option<String> {
        let words: Vec<_> = line.split(' ').map(OsString::from).collect();
        let command = command();
        named(&command, name).into_iter().find_map(|arg| typed(&words, arg, value))
    }

    #[test]
    fn the_name_that_was_used_is_found() {
        for (line, name, value, used) in [
            ("test --port x", "--port", "x", "--port"),
            ("test --port=x", "--port", "x", "--port"),
            ("test -p x", "--port", "x", "-p"),
            ("test -px", "--port", "x", "-p"),
            ("test -p=x", "--port", "x", "-p"),
            ("test --listen-port x", "--port", "x", "--listen-port"),
            ("test --port 1 -p x", "--port", "x", "-p"),
            ("test --port", "--port", "", "--port"),
            ("test below --ways a,b,c", "--ways", "b", "--ways"),
        ] {
            assert_eq!(found(line, name, value).as_deref(), Some(used), "{line}");
        }
        for (line, name, value) in [
            ("test --port y", "--port", "x"),
            ("test --ports x", "--port", "x"),
            ("test --port a,x", "--port", "x"),
            ("test --other x", "--other", "x"),
        ] {
            assert_eq!(found(line, name, value), None, "{line}");
        }
    }

    #[test]
    fn a_long_flag_with_one_hyphen_is_recognized() {
        let one = |line: &str| {
            let words: Vec<_> = line.split(' ').map(OsString::from).collect();
            with_one_hyphen(&words, &command())
        };
        assert_eq!(one("test -port 80").as_deref(), Some("--port"));
        assert_eq!(one("test -ways=a").as_deref(), Some("--ways"));
        for line in ["test --port 80", "test -p 80", "test -plaintext", "test - 80", "test port"] {
            assert_eq!(one(line), None, "{line}");
        }
        let words = ["test", "-plaintext=true"].map(OsString::from);
        assert_eq!(whole_word(&words, "-p"), "-plaintext");
        assert_eq!(whole_word(&words, "--nonsense=1"), "--nonsense");
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
    }
}
