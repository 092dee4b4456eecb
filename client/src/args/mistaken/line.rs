//! A command line as it was typed, and a tip that says what would be right if it is wrong.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use longsync_connect::Target;

use crate::args::elsewhere::{Here, here};

/// A command line: the command it calls, and what was typed.
pub(super) struct Line<'a> {
    whole: &'a Command,
    /// The subcommand, or the program itself if there is none.
    pub(super) called: &'a Command,
    given: Vec<&'a str>,
}

impl<'a> Line<'a> {
    pub(super) fn of(whole: &'a Command, given: &'a [OsString]) -> Self {
        let given: Vec<_> = given.iter().skip(1).filter_map(|text| text.to_str()).collect();
        let mut rest = given.iter();
        let mut called = whole;
        while let Some(text) = rest.next() {
            if takes_next(whole, text) {
                rest.next();
            } else if !text.starts_with('-') {
                called = whole.find_subcommand(text).unwrap_or(whole);
                break;
            }
        }
        Self { whole, called, given }
    }

    /// A tip that says what would be right.
    pub(super) fn tip(&self, error: &clap::Error) -> Option<String> {
        let context = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let (flag, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
        if let Some(tip) = self.words().into_iter().find_map(|word| self.tip_of_word(word)) {
            return Some(tip);
        }
        match error.kind() {
            ErrorKind::UnknownArgument => self.tip_of(flag?),
            ErrorKind::InvalidSubcommand => self.tip_of(context(ContextKind::InvalidSubcommand)?),
            ErrorKind::ValueValidation => self.tip_of_threads(flag?, value?),
            _ => None,
        }
    }

    /// Words after a single hyphen, as Go programs have them; clap reads such a word as a row of short flags.
    fn words(&self) -> Vec<&'a str> {
        let mut words = Vec::new();
        let mut given = self.given.iter();
        while let Some(text) = given.next() {
            let word = text.strip_prefix('-').filter(|word| !word.starts_with('-'));
            let word = word.and_then(|word| word.split('=').next());
            words.extend(word.filter(|word| word.len() > 2));
            if takes_next(self.called, text) || takes_next(self.whole, text) {
                given.next();
            }
        }
        words
    }

    fn tip_of_word(&self, word: &str) -> Option<String> {
        here(word).map(|here| self.said(&format!("-{word}"), here))
    }

    /// A tip for an unknown flag, or for a value that does not belong to a flag.
    fn tip_of(&self, unknown: &str) -> Option<String> {
        let Some(name) = unknown.strip_prefix("--").or_else(|| unknown.strip_prefix('-')) else {
            return self.tip_of_place(unknown);
        };
        if let Some(here) = here(name) {
            return Some(self.said(unknown, here));
        }
        let is_it = |arg: &Arg| spellings(arg).any(|spelling| spelling == unknown);
        self.having(is_it).map(|having| format!("{having} {unknown}"))
    }

    /// A tip for a server given without a flag, as other programs take it.
    fn tip_of_place(&self, text: &str) -> Option<String> {
        if !has_long(self.called, "url") {
            None
        } else if text.parse::<Target>().is_ok() {
            Some(format!("the server is named by a flag: write --url {text}"))
        } else if text.contains("://") || text.starts_with(':') {
            Some("the server is named by a flag, such as --url localhost:9000".to_owned())
        } else {
            None
        }
    }

    /// `-t` counts threads in wrk and h2load.
    fn tip_of_threads(&self, flag: &str, value: &str) -> Option<String> {
        let is_count = value.parse::<u32>().is_ok_and(|count| count > 0);
        let is_short = self.given.contains(&"-t") || self.given.contains(&&*format!("-t{value}"));
        let is_deadline = flag.starts_with("--deadline") || flag.starts_with("-t ");
        let is_meant = is_count && is_short && is_deadline;
        (is_meant && has_long(self.called, "workers"))
            .then(|| "-t is the deadline here; --workers sets how many threads send".to_owned())
    }

    fn said(&self, typed: &str, here: Here) -> String {
        let long = match here {
            Here::Otherwise(sentence) => return sentence.to_owned(),
            Here::Flag(long) => long,
        };
        if let Some(arg) = arg_of(self.called, long) {
            let short = arg.get_short().map(|short| format!(", or -{short},")).unwrap_or_default();
            return format!("write --{long}{short} instead of {typed}");
        }
        match self.having(|arg| arg.get_long() == Some(long)) {
            Some(having) => format!("instead of {typed}, {having} --{long}"),
            None => format!("there is no {typed}"),
        }
    }

    /// The commands that have such a flag, with `has` or `have`; if some of them call a server, only those.
    fn having(&self, is_it: impl Fn(&Arg) -> bool) -> Option<String> {
        let having = self.whole.get_subcommands().filter(|each| each.get_arguments().any(&is_it));
        let (calling, others): (Vec<_>, Vec<_>) = having.partition(|each| has_long(each, "url"));
        let names = if calling.is_empty() { others } else { calling };
        let names: Vec<_> = names.iter().map(|each| format!("`{}`", each.get_name())).collect();
        let (last, before) = names.split_last()?;
        Some(match before {
            [] => format!("{last} has"),
            _ => format!("{} and {last} have", before.join(", ")),
        })
    }
}

fn arg_of<'a>(command: &'a Command, long: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(long))
}

pub(super) fn has_long(command: &Command, long: &str) -> bool {
    arg_of(command, long).is_some()
}

/// All names of a flag, with their hyphens.
fn spellings(arg: &Arg) -> impl Iterator<Item = String> {
    let longs = arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default());
    let longs = longs.map(|long| format!("--{long}"));
    longs.chain(shorts(arg).map(|short| format!("-{short}")))
}

fn shorts(arg: &Arg) -> impl Iterator<Item = char> {
    arg.get_short().into_iter().chain(arg.get_all_short_aliases().unwrap_or_default())
}

/// Whether this is a flag of the command whose value is the next argument.
fn takes_next(command: &Command, text: &str) -> bool {
    let of_long = text.strip_prefix("--").and_then(|long| arg_of(command, long));
    let of_short = || {
        let mut letters = text.strip_prefix('-')?.chars();
        let short = letters.next().filter(|_| letters.next().is_none())?;
        command.get_arguments().find(|arg| shorts(arg).any(|each| each == short))
    };
    of_long.or_else(of_short).is_some_and(|arg| arg.get_action().takes_values())
}
