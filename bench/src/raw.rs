//! `docs/performance.json`: the contents of the page's tables, with the figures of every round. A new run of
//! a measure replaces its last entry; the others stay unchanged.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::machine::Machine;
use crate::table::{Samples, Table};

const SCHEMA: &str = "longsync.bench/v1";

/// The complete file.
#[derive(Debug, Serialize, Deserialize)]
struct BenchFile {
    schema: String,
    /// By their names, such as `lateness`.
    measures: BTreeMap<String, Value>,
}

/// The last results of one measure.
#[derive(Debug, Serialize)]
pub(crate) struct MeasureRecord<'a> {
    /// The date in UTC.
    pub(crate) date: String,
    pub(crate) machine: Machine,
    /// Of all compared programs.
    pub(crate) versions: Vec<String>,
    #[serde(flatten)]
    pub(crate) figures: MeasureData<'a>,
}

/// The figures of a measure.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum MeasureData<'a> {
    /// Of sides in several rounds.
    Rounds { rounds: usize, tables: Vec<RawTable<'a>> },
    /// Of a single measurement.
    Once(Value),
}

/// A table.
#[derive(Debug, Serialize)]
pub(crate) struct RawTable<'a> {
    title: &'a str,
    sides: Vec<SideRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

/// A row of a table: figures, or the reason why there are none.
#[derive(Debug, Serialize)]
struct SideRow<'a> {
    side: &'a str,
    /// By their names, which end in their unit; one value per round, in the order of the rounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<BTreeMap<&'static str, Vec<i64>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a str>,
}

impl<'a> From<&'a Table> for RawTable<'a> {
    fn from(table: &'a Table) -> Self {
        let sides = table.sides().map(|(side, cells)| match cells {
            Ok(figures) => {
                let rounds =
                    |samples: &Samples| samples.rounds().iter().copied().map(whole).collect();
                let figures = figures.into_iter().map(|(name, samples)| (name, rounds(samples)));
                SideRow { side, figures: Some(figures.collect()), missing: None }
            }
            Err(why) => SideRow { side, figures: None, missing: Some(why) },
        });
        Self { title: &table.title, sides: sides.collect(), note: table.note() }
    }
}

/// In integral nanoseconds, bytes or calls per second: none of these is measured more precisely.
#[expect(
    clippy::cast_possible_truncation,
    reason = "2^63 ns are centuries, and no machine has 2^63 bytes"
)]
pub(crate) fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// The file with this measure's last entry replaced. `file` is the current text; [`None`] if there is no file
/// yet.
///
/// # Errors
///
/// If the text is not such a file.
pub(crate) fn renewed(
    file: Option<&str>,
    name: &str,
    measured: &MeasureRecord<'_>,
) -> anyhow::Result<String> {
    let mut document = match file {
        Some(text) => serde_json::from_str(text).context("it was not written by longsync-bench")?,
        None => BenchFile { schema: SCHEMA.to_owned(), measures: BTreeMap::new() },
    };
    anyhow::ensure!(
        document.schema == SCHEMA,
        "its schema is `{}`, and this program writes `{SCHEMA}`: remove the file, and measure everything again",
        document.schema
    );
    document.measures.insert(name.to_owned(), serde_json::to_value(measured)?);
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::Unit;

    fn table() -> Table {
        let mut table = Table::new("Lateness")
            .column_with_ratio("late_p50_ns", "p50, us", Unit::Micros)
            .column("cpu_per_call_ns", "CPU per call, us", Unit::Micros)
            .with_note("Load average 0.5.".to_owned());
        let samples = |values: &[f64]| values.iter().copied().collect::<Samples>();
        table.measured("ours", vec![samples(&[30e3, 10e3, -20e3]), samples(&[41.6, 1.5, 0.0])]);
        table.missing("absent", "install it");
        table
    }

    fn measured(table: &Table) -> MeasureRecord<'_> {
        MeasureRecord {
            date: "2026-11-27".to_owned(),
            machine: Machine::default(),
            versions: vec!["longsync 0.1.0".to_owned()],
            figures: MeasureData::Rounds { rounds: 3, tables: vec![table.into()] },
        }
    }

    fn value(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_measure_has_the_figures_of_every_round_in_their_order() {
        let table = table();
        let text = renewed(None, "lateness", &measured(&table)).unwrap();
        let expected = json!({
            "schema": "longsync.bench/v1",
            "measures": { "lateness": {
                "date": "2026-11-27",
                "machine": { "cores": 0, "cpu": "", "memory_gib": 0, "kernel": "" },
                "versions": ["longsync 0.1.0"],
                "rounds": 3,
                "tables": [{
                    "title": "Lateness",
                    "sides": [
                        { "side": "ours", "figures": {
                            "late_p50_ns": [30_000, 10_000, -20_000],
                            "cpu_per_call_ns": [42, 2, 0],
                        } },
                        { "side": "absent", "missing": "install it" },
                    ],
                    "note": "Load average 0.5.",
                }],
            } },
        });
        assert_eq!(value(&text), expected);
        assert!(text.starts_with("{\n  \"schema\"") && text.ends_with("}\n"), "{text}");
    }

    #[test]
    fn a_new_run_replaces_only_the_last_entry_of_its_measure() {
        let file = json!({
            "schema": SCHEMA,
            "measures": { "lateness": "old", "soak": { "unknown": [1.5, null] } },
        });
        let table = table();
        let text = renewed(Some(&file.to_string()), "lateness", &measured(&table)).unwrap();
        let alone = value(&renewed(None, "lateness", &measured(&table)).unwrap());
        let measures = &value(&text)["measures"];
        assert_eq!(measures["lateness"], alone["measures"]["lateness"]);
        assert_eq!(measures["soak"], file["measures"]["soak"]);
        let again = renewed(Some(&text), "lateness", &measured(&table)).unwrap();
        assert_eq!(again, text);
    }

    #[test]
    fn a_single_measurement_has_no_rounds() {
        let table = table();
        let once = MeasureRecord {
            figures: MeasureData::Once(json!({ "for_ns": 600 })),
            ..measured(&table)
        };
        let text = renewed(None, "soak", &once).unwrap();
        let soak = &value(&text)["measures"]["soak"];
        assert_eq!((&soak["for_ns"], &soak["rounds"]), (&json!(600), &Value::Null));
    }

    #[test]
    fn another_file_is_not_overwritten() {
        let table = table();
        let why = |file: &str| {
            renewed(Some(file), "lateness", &measured(&table)).unwrap_err().to_string()
        };
        assert_eq!(why("{}"), "it was not written by longsync-bench");
        assert_eq!(why("half a fi"), "it was not written by longsync-bench");
        assert_eq!(
            why(r#"{ "schema": "longsync.bench/v2", "measures": {} }"#),
            "its schema is `longsync.bench/v2`, and this program writes `longsync.bench/v1`: remove the \
             file, and measure everything again"
        );
    }
}
