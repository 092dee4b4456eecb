//! The command `behavior`: it calls nobody, so it needs neither a runtime nor a session.

use longsync_client::behavior;

use crate::args::BehaviorArgs;
use crate::destination::Destination;
use crate::output::print;
use crate::{FAILURE, columns, complained, usage};

/// Prints what a behavior does, and draws it; returns the exit code.
pub(crate) fn run(args: BehaviorArgs) -> u8 {
    let (is_json, svg) = (args.json, args.svg.clone());
    let portrait = args.into_portrait().unwrap_or_else(|why| usage(Some("behavior"), &why));
    let shown = || {
        let picture = svg.map(|svg| Destination::check("--svg", &svg, true)).transpose()?;
        print(&if is_json {
            behavior::to_json(&portrait)?
        } else {
            behavior::to_text(&portrait, columns())
        })?;
        picture.map_or(Ok(()), |picture| picture.writing(behavior::to_svg(&portrait))())
    };
    match shown() {
        Ok(()) => 0,
        Err(error) => complained(FAILURE, &format!("{error:#}")),
    }
}
