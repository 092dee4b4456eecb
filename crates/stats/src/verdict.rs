//! Whether the client, not the server, set the pace of a run (time.md, "Was it the client?"). Pure.
//!
//! The verdict depends on an [`Effect`] on the calls; the processors' figures only explain it. On their own
//! they prove nothing: a worker that spins uses all of its core, and one that waited for a core may have had
//! time to wait.

mod effect;
mod evidence;
mod percent;
mod sign;

pub use self::effect::Effect;
pub use self::evidence::{Evidence, ProcessorTime, WorkerTime};
pub use self::sign::Sign;
use crate::run_loop::Loop;

/// Whether the client set the pace of a run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What the client did to its calls. If there are any effects, the run was client-bound.
    pub effects: Vec<Effect>,
    /// What was unusual about the processors: the likely causes of the effects or, without effects, notes.
    pub signs: Vec<Sign>,
    /// Whether the system reports what its processors did. If not, only lag and rate were judged, and nothing
    /// in a closed loop, which has neither.
    pub knows_processors: bool,
    kind: Loop,
}

impl Verdict {
    /// Judges a run after its warm-up.
    pub fn of(evidence: &Evidence<'_>) -> Self {
        Self {
            effects: effect::all(evidence),
            signs: sign::all(evidence),
            knows_processors: evidence.processors.is_some(),
            kind: evidence.kind,
        }
    }

    /// Whether the client set the pace: then the times are not the server's alone.
    pub fn is_client_bound(&self) -> bool {
        !self.effects.is_empty()
    }

    /// The verdict, what was measured, the likely cause, and what would help; or, without a verdict, notes.
    /// Each is one or two sentences; there are none if nothing was unusual.
    pub fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.is_client_bound() {
            said.push(
                "It was the client: it did not keep up, so these times are not the server's alone."
                    .to_owned(),
            );
            said.extend(self.effects.iter().map(ToString::to_string));
            said.extend(self.signs.iter().map(|sign| format!("Likely cause: {sign}.")));
            said.push(format!("What would help: {}.", self.remedies().join("; ")));
        } else {
            let note = |sign: &Sign| format!("Note: {sign}, without an effect on the calls.");
            said.extend(self.signs.iter().map(note));
        }
        said.extend(self.blindness().map(str::to_owned));
        said
    }

    fn remedies(&self) -> Vec<&'static str> {
        let of_effects = self.effects.iter().filter_map(|effect| effect.remedy());
        let mut remedies: Vec<_> = of_effects.collect();
        for remedy in self.signs.iter().map(|sign| sign.remedy()) {
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
        if remedies.is_empty() {
            remedies.push(if self.knows_processors {
                "--spin if workers wake too late, or more --workers if calls come in bursts"
            } else {
                "more --workers, --spin, a lower rate, or a machine of its own for the client"
            });
        }
        remedies
    }

    fn blindness(&self) -> Option<&'static str> {
        match (self.knows_processors, self.kind) {
            (true, _) => None,
            (false, Loop::Open) => Some(
                "Note: how long threads ran or waited for a core was not measured, so only lag and rate were \
                 judged.",
            ),
            (false, Loop::Closed) => Some(
                "Note: how long threads ran or waited for a core was not measured, so it is not known whether \
                 it was the client; with a rate, lag would show it.",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
