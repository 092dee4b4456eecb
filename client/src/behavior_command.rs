//! The command `behavior`. It makes no calls, so it needs neither a runtime nor a session.

use longsync_client::behavior;

use crate::args::BehaviorArgs;
use crate::destination::{Destination, is_printed_alone};
use crate::output::print;
use crate::{FAILURE, columns, complained, usage};

/// Prints what a behavior does, and draws it; returns the exit code.
pub(crate) fn run(args: BehaviorArgs) -> u8 {
    let (is_json, svg) = (args.json, args.svg.clone());
    let files: Vec<_> = svg.iter().map(|svg| ("--svg", svg.as_path())).collect();
    let is_alone = is_printed_alone(is_json, &files).unwrap_or_else(|why| wrong(&why));
    let report = args.into_report().unwrap_or_else(|why| wrong(&why));
    let shown = || {
        let picture = svg.map(|svg| Destination::check("--svg", &svg, true)).transpose()?;
        if is_json {
            print(&behavior::to_json(&report)?)?;
        } else if !is_alone {
            print(&behavior::to_text(&report, columns()))?;
        }
        picture.map_or(Ok(()), |picture| picture.writing(behavior::to_svg(&report))())
    };
    match shown() {
        Ok(()) => 0,
        Err(error) => complained(FAILURE, &format!("{error:#}")),
    }
}

fn wrong(why: &str) -> ! {
    usage(Some("behavior"), why)
}
