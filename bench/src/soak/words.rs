//! The report on a soak, in words and as data.

use std::fmt::Write as _;
use std::time::Duration;

use longsync_text::duration::text;
use serde_json::json;

use super::account::CallAccount;
use super::memory::{Memory, TOLERANCE};
use super::{SoakArgs, SoakResult, Usage, mib};
use crate::digits::two_digits;
use crate::machine::{Machine, cores, today};
use crate::peers::own_versions;
use crate::raw::{MeasureData, MeasureRecord, whole};

/// The text of the page's section.
pub(super) fn section(args: &SoakArgs, soaked: &SoakResult) -> String {
    let mut section = format!(
        "{}, {}; {}.\n`--for {} --rate {}`: the server took {} of {} cores, this program {}.\n\n\
         | calls | sent | answered | deadline exceeded | cancelled |\n|---|---:|---:|---:|---:|\n",
        today(),
        Machine::this().in_words(),
        own_versions().join(", "),
        text(args.time),
        args.rate,
        two_digits(soaked.server.cores),
        cores(),
        two_digits(soaked.client.cores),
    );
    for (name, account) in soaked.flows.iter().chain([&("all", soaked.total())]) {
        let CallAccount { sent, answered, deadline_exceeded, cut, cancelled, .. } = account;
        let at_deadline = deadline_exceeded + cut;
        let _ = writeln!(section, "| {name} | {sent} | {answered} | {at_deadline} | {cancelled} |");
    }
    section.push('\n');
    section.push_str(&memory_table(soaked));
    section.push_str(&verdict(&soaked.faults()));
    section
}

fn memory_table(soaked: &SoakResult) -> String {
    let mut table =
        "| resident memory, MiB | middle third | last third | |\n|---|---:|---:|---:|\n".to_owned();
    for (whose, memory) in
        [("server", soaked.server.memory), ("this program", soaked.client.memory)]
    {
        let [middle, last] = [memory.middle, memory.last].map(|bytes| two_digits(mib(bytes)));
        let _ = writeln!(table, "| {whose} | {middle} | {last} | {} |", growth(memory));
    }
    table.push('\n');
    table
}

/// Such as `+0.7 %`.
fn growth(memory: Memory) -> String {
    format!("{:+.1} %", memory.growth() * 100.0)
}

/// The conclusion.
pub(super) fn conclusion(args: &SoakArgs, soaked: &SoakResult) -> String {
    let (sent, faults) = (soaked.total().sent, soaked.faults());
    let time = text(args.time);
    if !faults.is_empty() {
        return format!("A soak of {sent} calls in {time} failed: {}.", faults.join("; "));
    }
    format!(
        "In a soak of {sent} calls in {time}, caller and server agree on how each one ended, and none was early; \
         memory changed by {} in the server and by {} in its callers from the middle third to the last.",
        growth(soaked.server.memory),
        growth(soaked.client.memory)
    )
}

/// The section's figures as data.
pub(super) fn data(args: &SoakArgs, soaked: &SoakResult) -> MeasureRecord<'static> {
    let flows = soaked.flows.iter().map(|(name, account)| {
        let CallAccount { sent, answered, deadline_exceeded, cut, cancelled, .. } = account;
        let deadline_exceeded = deadline_exceeded + cut;
        json!({
            "calls": name,
            "sent": sent,
            "answered": answered,
            "deadline_exceeded": deadline_exceeded,
            "cancelled": cancelled,
        })
    });
    let usage = |usage: &Usage| {
        let Usage { cores, memory } = usage;
        let [middle, last] = [memory.middle, memory.last].map(whole);
        json!({ "cores": cores, "middle_third_bytes": middle, "last_third_bytes": last })
    };
    let once = json!({
        "for_ns": nanos(args.time),
        "calls_per_second": args.rate,
        "flows": flows.collect::<Vec<_>>(),
        "server": usage(&soaked.server),
        "client": usage(&soaked.client),
        "faults": soaked.faults(),
    });
    MeasureRecord {
        date: today(),
        machine: Machine::this(),
        versions: own_versions(),
        figures: MeasureData::Once(once),
    }
}

/// Saturating: no run lasts 584 years.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn verdict(faults: &[String]) -> String {
    if faults.is_empty() {
        return format!(
            "Caller and server agree on how each call ended, none was early, and the memory of neither \
             rose by more than {:.0} %.",
            TOLERANCE * 100.0
        );
    }
    format!("It failed: {}.", faults.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::account::ServerCounts;

    const ARGS: SoakArgs =
        SoakArgs { time: Duration::from_secs(600), rate: 10_000, dry_run: false };

    fn soaked() -> SoakResult {
        let account = CallAccount {
            sent: 30,
            answered: 20,
            deadline_exceeded: 6,
            cut: 4,
            ..CallAccount::default()
        };
        let counted = ServerCounts {
            started: 30,
            answered: 20,
            deadline_exceeded: 10,
            ..ServerCounts::default()
        };
        let usage = |last| Usage { cores: 0.534, memory: Memory { middle: 32e6, last } };
        SoakResult {
            flows: vec![("100ms", account)],
            counted,
            server: usage(32.32e6),
            client: usage(31e6),
        }
    }

    #[test]
    fn a_successful_soak_is_summarized_by_its_figures() {
        assert_eq!(
            conclusion(&ARGS, &soaked()),
            "In a soak of 30 calls in 10m, caller and server agree on how each one ended, and none was early; \
             memory changed by +1.0 % in the server and by -3.1 % in its callers from the middle third to the last."
        );
    }

    #[test]
    fn a_failed_soak_reports_the_reason() {
        let mut soaked = soaked();
        soaked.flows[0].1.early = 1;
        assert_eq!(
            conclusion(&ARGS, &soaked),
            "A soak of 30 calls in 10m failed: 1 calls were answered before their delay was over."
        );
    }

    #[test]
    fn a_soak_is_available_as_data() {
        let MeasureData::Once(once) = data(&ARGS, &soaked()).figures else {
            panic!("a soak is measured once")
        };
        assert_eq!(once["for_ns"], 600_000_000_000_u64);
        assert_eq!(
            once["flows"],
            json!([{ "calls": "100ms", "sent": 30, "answered": 20, "deadline_exceeded": 10, "cancelled": 0 }])
        );
        assert_eq!(
            once["server"],
            json!({ "cores": 0.534, "middle_third_bytes": 32_000_000, "last_third_bytes": 32_320_000 })
        );
        assert_eq!(once["faults"], json!([]));
    }
}
