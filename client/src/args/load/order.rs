//! The order that a command line of `load` gives: the runs, and their output.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use longsync_client::load::{self, Settings, SettingsError, WrittenPlan};
use longsync_load::LoadPlan;

use super::LoadArgs;
use super::files::{Files, OutputFormat};
use crate::data;

/// The runs, and their output.
#[derive(Debug)]
pub(crate) struct LoadOrder {
    plan: WrittenPlan,
    /// The file that contains the plan.
    from: Option<PathBuf>,
    name: Option<String>,
    tags: BTreeMap<String, String>,
    thresholds: Vec<String>,
    /// The number of runs, at least 1.
    pub(crate) repeat: u32,
    /// Whether a run fails if the client was the bottleneck.
    pub(crate) is_strict: bool,
    /// The files to write.
    pub(crate) files: Files,
    /// Whether the record is printed instead of text.
    pub(crate) is_json: bool,
    /// Whether text is printed, and progress while a run goes on.
    pub(crate) is_text: bool,
    /// The address at which metrics of the running load are served.
    pub(crate) metrics: Option<SocketAddr>,
}

impl LoadArgs {
    /// The order that these flags give.
    ///
    /// # Errors
    /// If a file cannot be read or is invalid, or if flags contradict one another: a sentence that says what
    /// is wrong.
    pub(crate) fn into_order(self) -> Result<LoadOrder, String> {
        let Self { plan, plan_file, repeat, judgment, output } = self;
        let flags = plan.written()?;
        let from = plan_file.clone();
        let plan = match plan_file {
            Some(_) if flags != WrittenPlan::default() => return Err(BESIDE_A_PLAN.to_owned()),
            Some(path) => recorded(&path)?,
            None => flags,
        };
        let expect = if judgment.expect.is_empty() { plan.expect.clone() } else { judgment.expect };
        let files = [
            (OutputFormat::Record, output.record),
            (OutputFormat::Svg, output.svg),
            (OutputFormat::Hdr, output.hdr),
            (OutputFormat::Sample, output.sample_file),
        ];
        let given = files.into_iter().filter_map(|(form, path)| Some((form, path?)));
        let mut files = Files { all: given.collect(), overwrites: output.overwrite };
        let is_alone = files.is_printed_alone(output.json)?;
        // A record on stdout is the same as --json, in errors too.
        let is_json = output.json || files.take_printed_record();
        if repeat > 1 {
            files.differ()?;
        }
        Ok(LoadOrder {
            plan: WrittenPlan { sample: output.sample, expect, ..plan },
            from,
            name: output.name,
            tags: tags(output.tag)?,
            thresholds: judgment.threshold,
            repeat,
            is_strict: judgment.strict,
            files,
            is_json,
            is_text: !is_alone && !output.quiet,
            metrics: output.metrics,
        })
    }
}

const BESIDE_A_PLAN: &str = "--plan sets the request, the schedule and the sending: along with it, give \
                             only --name, --tag, --repeat, --expect, --threshold, --strict and flags for output";

impl LoadOrder {
    /// The first run, and the plan for the engine. Later runs have the seeds that follow its seed.
    ///
    /// # Errors
    /// If the plan is impossible or there are not enough seeds: a sentence that says so.
    pub(crate) fn first(&self) -> Result<(Settings, LoadPlan), String> {
        let wrong = |why: SettingsError| match &self.from {
            Some(file) => format!("{}: {why}", file.display()),
            None => why.to_string(),
        };
        let (mut first, plan) = Settings::read(self.plan.clone()).map_err(wrong)?;
        first.name.clone_from(&self.name);
        first.tags.clone_from(&self.tags);
        first.judge(&self.thresholds).map_err(|why| why.to_string())?;
        first.later_seed(u64::from(self.repeat - 1)).map_err(|why| why.to_string())?;
        Ok((first, plan))
    }
}

fn tags(given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, String> {
    let mut tags = BTreeMap::new();
    for (key, value) in given {
        if tags.insert(key.clone(), value).is_some() {
            return Err(format!("--tag {key} is given twice: give each key once"));
        }
    }
    Ok(tags)
}

fn recorded(path: &Path) -> Result<WrittenPlan, String> {
    let bytes = data::content(path)?;
    load::read_plan(&bytes).map_err(|why| format!("{}: {why}", data::name(path)))
}
