//! What is said of a soak.

use std::fmt::Write as _;

use longsync_text::duration::text;

use super::account::CallAccount;
use super::memory::TOLERANCE;
use super::{SoakArgs, SoakResult, mib};
use crate::machine::{Machine, cores, today};
use crate::peers::own_versions;

/// The text of the page's section.
pub(super) fn section(args: &SoakArgs, soaked: &SoakResult) -> String {
    let mut section = format!(
        "{}, {}; {}.\n`--for {} --rate {}`: the server took {:.2} of {} cores, this program {:.2}.\n\n\
         | calls | sent | answered | deadline exceeded | cancelled |\n|---|---:|---:|---:|---:|\n",
        today(),
        Machine::this().in_words(),
        own_versions().join(", "),
        text(args.time),
        args.rate,
        soaked.server.cores,
        cores(),
        soaked.client.cores,
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
        let [middle, last] = [memory.middle, memory.last].map(mib);
        let growth = memory.growth() * 100.0;
        let _ = writeln!(table, "| {whose} | {middle:.1} | {last:.1} | {growth:+.1} % |");
    }
    table.push('\n');
    table
}

fn verdict(faults: &[String]) -> String {
    if faults.is_empty() {
        return format!(
            "Every call that was sent has ended as its caller and the server agree, none was early, \
             and neither's memory rose by more than {:.0} %.",
            TOLERANCE * 100.0
        );
    }
    format!("It did not hold: {}.", faults.join("; "))
}
