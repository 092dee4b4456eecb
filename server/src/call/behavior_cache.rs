//! Caches the behaviors that callers send as text, so that each distinct text is parsed once.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use longsync_behavior::{Behavior, Rules};

/// The most texts that are cached.
const MOST_TEXTS: usize = 256;
/// A longer text is parsed each time, because it could take much memory, and few texts are that long.
const MOST_BYTES: usize = 1_024;

/// The most recently used texts.
#[derive(Debug, Default)]
pub(crate) struct BehaviorCache {
    /// The texts used since the halves were last swapped.
    young: HashMap<Box<str>, Behavior>,
    /// The texts that were young before that. One that is used becomes young again; the others are dropped at
    /// the next swap.
    old: HashMap<Box<str>, Behavior>,
}

impl BehaviorCache {
    /// The behavior for this text, on a server that allows delays up to `most`.
    ///
    /// # Errors
    /// A sentence that explains why the text is not a behavior.
    pub(crate) fn read(&mut self, text: &str, most: Duration) -> Result<Behavior, String> {
        if let Some(known) = self.young.get(text) {
            return Ok(known.clone());
        }
        let (text, behavior) = if let Some(known) = self.old.remove_entry(text) {
            known
        } else {
            let behavior = Behavior::read(text, &Rules::caller(most));
            (text.into(), behavior.map_err(|why| why.to_string())?)
        };
        if text.len() <= MOST_BYTES {
            if self.young.len() == MOST_TEXTS / 2 {
                self.old = mem::take(&mut self.young);
            }
            self.young.insert(text, behavior.clone());
        }
        Ok(behavior)
    }

    #[cfg(test)]
    fn kept(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_text_is_parsed_once_and_a_bounded_number_is_cached() {
        let mut behaviors = BehaviorCache::default();
        let first = behaviors.read("exponential(5ms)", HOUR).unwrap();
        for number in 1..=10 * MOST_TEXTS {
            behaviors.read(&format!("{number}ms"), HOUR).unwrap();
            assert!(behaviors.kept() <= MOST_TEXTS);
            // A text that is used again and again stays cached: all clones share one text.
            let again = behaviors.read("exponential(5ms)", HOUR).unwrap();
            assert!(std::ptr::eq(again.text(), first.text()));
        }
    }

    #[test]
    fn neither_long_nor_invalid_texts_are_cached() {
        let mut behaviors = BehaviorCache::default();
        let long = format!("5ms{}", " ".repeat(MOST_BYTES));
        assert!(behaviors.read(&long, HOUR).is_ok());
        assert!(behaviors.read("soon", HOUR).is_err());
        assert_eq!(behaviors.kept(), 0);
    }
}
