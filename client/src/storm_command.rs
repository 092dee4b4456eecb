//! The command `storm`.

use std::io::Write as _;
use std::time::Duration;

use longsync_client::storm::{self, Storm, StormError, StormPlan};
use longsync_text::duration::text;

use crate::args::StormArgs;
use crate::destination::is_printed_alone;
use crate::output::printing;
use crate::session::Session;
use crate::{FAILURE, INTERRUPTED, columns, complained, exit_code, prepared, printed_last, usage};

/// Runs a storm, and returns the exit code.
pub(crate) fn run(args: StormArgs) -> u8 {
    let (is_json, svg) = (args.json, args.svg.clone());
    let files: Vec<_> = svg.iter().map(|svg| ("--svg", svg.as_path())).collect();
    let is_alone = is_printed_alone(is_json, &files).unwrap_or_else(|why| wrong(&why));
    let plan = args.into_plan().unwrap_or_else(|why| wrong(&why));
    let (picture, session) = match prepared(svg) {
        Ok(prepared) => prepared,
        Err(error) => return unrun(&plan, is_json, None, &format!("{error:#}")),
    };
    match raised(&plan, &session) {
        Some(Ok(storm)) => {
            let code = if storm.is_interrupted { INTERRUPTED } else { 0 };
            let text = || storm::to_text(&storm, columns());
            let text = if is_json { Some(document(&storm)) } else { (!is_alone).then(text) };
            let mut rest: Vec<_> = text.map(printing).into_iter().collect();
            rest.extend(picture.map(|picture| picture.writing(storm::to_svg(&storm))));
            exit_code(code, session.finish(rest, None))
        }
        Some(Err(error)) => unrun(&plan, is_json, Some(session), &error.to_string()),
        // A reader of documents always gets one, however the storm ended.
        None => {
            let why = "ended by a second interrupt";
            let rest = is_json.then(|| printing(unrun_document(&plan, why, true)));
            exit_code(INTERRUPTED, session.finish(rest.into_iter().collect(), None))
        }
    }
}

/// Runs the ways; [`None`] if a second interrupt ended them.
fn raised(plan: &StormPlan, session: &Session) -> Option<Result<Storm, StormError>> {
    let ways = plan.ways.len();
    let mut stderr = anstream::AutoStream::auto(std::io::stderr());
    let mut begun = 0;
    session.run(async |interrupt, _| {
        let on_begin = |way| {
            let left = plan.whole() * u32::try_from(ways - begun).unwrap_or(u32::MAX);
            begun += 1;
            let left = text(Duration::from_secs(left.as_secs()));
            // If it cannot be written, nobody is watching.
            let _ = writeln!(stderr, "{way}: way {begun} of {ways}; {left} left");
        };
        storm::run(plan, &interrupt, on_begin).await
    })
}

/// Reports why a storm was not run.
fn unrun(plan: &StormPlan, is_json: bool, session: Option<Session>, why: &str) -> u8 {
    let code = complained(FAILURE, why);
    let document = is_json.then(|| unrun_document(plan, why, false));
    printed_last(code, session, document)
}

fn document(storm: &Storm) -> String {
    storm::to_json(storm).expect("all values of a storm have a JSON form")
}

fn unrun_document(plan: &StormPlan, why: &str, is_interrupted: bool) -> String {
    storm::unrun_to_json(plan, why, is_interrupted).expect("all values of a storm have a JSON form")
}

fn wrong(why: &str) -> ! {
    usage(Some("storm"), why)
}
