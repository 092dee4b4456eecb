//! Tips for a wrong command line: the equivalents of other programs' flags, which commands have a flag, and
//! how the server is named.

use std::borrow::Cow;

use clap::{Arg, Command};
use longsync_connect::Target;
use longsync_flags::{Mistake, is_named};

use super::elsewhere::{Here, here};

/// A tip that says what would be right.
pub(super) fn tip(mistake: &Mistake<'_>) -> Option<Cow<'static, str>> {
    let word = mistake.word;
    let Some(name) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
        return tip_about_server(mistake).map(Cow::Owned);
    };
    // A flag of ours has a wrong value, and not another program's name.
    let is_ours = mistake.called.get_arguments().any(|arg| is_named(arg, &with_hyphens(word)));
    match here(name).filter(|_| !is_ours) {
        Some(Here::Otherwise(sentence)) => Some(sentence.into()),
        Some(Here::Flag(long)) => Some(instead(mistake, long).into()),
        None if is_threads(mistake) => {
            Some("-t is the deadline here; --workers sets how many threads send".into())
        }
        None => elsewhere(mistake).map(Cow::Owned),
    }
}

/// A tip for a server given without a flag, as other programs take it.
fn tip_about_server(mistake: &Mistake<'_>) -> Option<String> {
    let text = mistake.word;
    if !has_long(mistake.called, "url") {
        None
    } else if text.parse::<Target>().is_ok() {
        Some(format!("the server is named by a flag: write --url {text}"))
    } else if text.contains("://") || text.starts_with(':') {
        Some("the server is named by a flag, such as --url localhost:9000".to_owned())
    } else {
        None
    }
}

/// Whether `-t` was meant to count threads, as in wrk and h2load.
fn is_threads(mistake: &Mistake<'_>) -> bool {
    let Some(value) = mistake.value else { return false };
    let is_count = value.parse::<u32>().is_ok_and(|count| count > 0);
    let is_short =
        mistake.word.strip_prefix("-t").is_some_and(|after| ["", value].contains(&after));
    is_count && is_short && has_long(mistake.called, "workers")
}

/// Names the long flag of ours to write instead of this one.
fn instead(mistake: &Mistake<'_>, long: &str) -> String {
    let word = mistake.word;
    if let Some(arg) = arg_of(mistake.called, long) {
        let short = arg.get_short().map(|short| format!(", or -{short},")).unwrap_or_default();
        return format!("write --{long}{short} instead of {word}");
    }
    match having(mistake.program, |arg| arg.get_long() == Some(long)) {
        Some(having) => format!("instead of {word}, {having} --{long}"),
        None => format!("there is no {word}"),
    }
}

/// Names the commands that have this flag, if the command that is called does not.
fn elsewhere(mistake: &Mistake<'_>) -> Option<String> {
    let flag = with_hyphens(mistake.word);
    let is_it = |arg: &Arg| is_named(arg, &flag);
    if mistake.called.get_arguments().any(is_it) {
        return None;
    }
    having(mistake.program, is_it).map(|having| format!("{having} {flag}"))
}

/// A flag with the hyphens that it has here: programs in Go write long ones with a single hyphen.
fn with_hyphens(word: &str) -> Cow<'_, str> {
    let is_long = !word.starts_with("--") && word.chars().nth(2).is_some();
    if is_long { format!("-{word}").into() } else { word.into() }
}

/// The commands that have such a flag, with `has` or `have`; if some of them call a server, only those.
fn having(program: &Command, is_it: impl Fn(&Arg) -> bool) -> Option<String> {
    let having = program.get_subcommands().filter(|each| each.get_arguments().any(&is_it));
    let (calling, others): (Vec<_>, Vec<_>) = having.partition(|each| has_long(each, "url"));
    let names = if calling.is_empty() { others } else { calling };
    let names: Vec<_> = names.iter().map(|each| format!("`{}`", each.get_name())).collect();
    let (last, before) = names.split_last()?;
    Some(match before {
        [] => format!("{last} has"),
        _ => format!("{} and {last} have", before.join(", ")),
    })
}

fn arg_of<'a>(command: &'a Command, long: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(long))
}

pub(super) fn has_long(command: &Command, long: &str) -> bool {
    arg_of(command, long).is_some()
}
