//! How often each fault was applied.

use std::sync::Arc;

use longsync_behavior::{Behavior, FaultClause};

/// The name under which the faults of all behaviors that callers bring are counted.
pub(crate) const CALLER: &str = "(caller)";

/// How often each clause of the server's own behavior was applied, and all clauses of callers together.
#[derive(Debug, Clone)]
pub(crate) struct FaultCounts {
    behavior: Behavior,
    /// For each of its clauses, the index of its name.
    rows: Arc<[usize]>,
    /// The canonical texts of its clauses, each once, and [`CALLER`].
    names: Arc<[String]>,
    counts: Box<[u64]>,
}

impl FaultCounts {
    /// Counts for a server with this behavior.
    pub(crate) fn new(behavior: &Behavior) -> Self {
        let (mut names, mut rows): (Vec<String>, Vec<usize>) = Default::default();
        for clause in behavior.faults().clauses().map(ToString::to_string) {
            let row = names.iter().position(|name| *name == clause);
            rows.push(row.unwrap_or(names.len()));
            if row.is_none() {
                names.push(clause);
            }
        }
        names.push(CALLER.to_owned());
        let counts = vec![0; names.len()].into_boxed_slice();
        Self { behavior: behavior.clone(), rows: rows.into(), names: names.into(), counts }
    }

    /// Counts a fault that was applied.
    pub(crate) fn apply(&mut self, clause: &FaultClause) {
        let mut ours = self.behavior.faults().clauses();
        let row = ours.position(|ours| std::ptr::eq(ours, clause)).map(|index| self.rows[index]);
        if let Some(count) = self.counts.get_mut(row.unwrap_or(self.names.len() - 1)) {
            *count += 1;
        }
    }

    /// Adds the counts of another worker of the same server.
    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// Each name, and how often its faults were applied.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names.iter().map(String::as_str).zip(self.counts.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use longsync_behavior::{CallName, DrawKey};

    use super::*;

    #[test]
    fn the_servers_clauses_are_counted_by_text_and_those_of_callers_together() {
        let ours: Behavior = "hang(50%); reset(25%); hang(25%)".parse().unwrap();
        let callers: Behavior = "hang(50%); fail(50%, 503)".parse().unwrap();
        let mut counts = FaultCounts::new(&ours);
        for (behavior, calls) in [(&ours, 0..40), (&callers, 0..10)] {
            for index in calls {
                let key = DrawKey { seed: 0, name: CallName::Id("x"), attempt: 1, index };
                counts.apply(behavior.draw_with_fault(&key).1.unwrap());
            }
        }
        let names: Vec<_> = counts.all().map(|(name, _)| name).collect();
        assert_eq!(names, ["hang(50%)", "reset(25%)", "hang(25%)", CALLER]);
        let applied: Vec<_> = counts.all().map(|(_, count)| count).collect();
        assert_eq!((applied[..3].iter().sum::<u64>(), applied[3]), (40, 10));
        let twice = {
            let mut sum = counts.clone();
            sum.add(&counts);
            sum
        };
        assert!(twice.all().zip(counts.all()).all(|((_, sum), (_, one))| sum == 2 * one));
    }
}
