//! Flags before a command. They belong to the race, which needs no command; only `--url` means the same to
//! other commands.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// Checks that the flags before a command are meant for it.
///
/// # Errors
/// If one is not: says where the flag belongs, and shows the usage of the command.
pub(super) fn check(command: &Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let Some((name, of_command)) = matches.subcommand() else { return Ok(()) };
    let Some(called) = command.find_subcommand(name) else { return Ok(()) };
    let flags = command.get_arguments().filter(|arg| !arg.is_global_set());
    let before = flags.filter(|arg| is_given(matches, arg.get_id().as_str()));
    let mut longs = before.filter_map(clap::Arg::get_long);
    match longs.find_map(|long| misplaced(long, called, of_command)) {
        Some(why) => Err(called.clone().error(ErrorKind::ArgumentConflict, why)),
        None => Ok(()),
    }
}

/// Whether this argument was typed; an unknown argument was not.
pub(super) fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches.ids().any(|known| known.as_str() == id)
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// Why this flag must not precede the command that is called; [`None`] if it may.
fn misplaced(long: &str, called: &Command, of_command: &ArgMatches) -> Option<String> {
    let name = called.get_name();
    let has_it = called.get_arguments().any(|arg| arg.get_long() == Some(long));
    match long {
        "url" if !has_it => Some(format!("`{name}` does not call a server: leave --url out")),
        "url" if is_given(of_command, "url") => {
            Some(format!("--url is given both before and after `{name}`: give it once"))
        }
        "url" => None,
        _ if has_it => Some(format!(
            "--{long} is given before `{name}`, where only --url and --color are allowed: write it after \
             `{name}`, as in `longsync-client {name} --{long}`"
        )),
        _ => Some(format!(
            "--{long} is a flag of `race`, and `{name}` does not have it: leave it out"
        )),
    }
}
