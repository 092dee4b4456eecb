//! The behaviors that callers send as text, read once for each distinct text.

use std::collections::HashMap;
use std::mem;
use std::time::Duration;

use longsync_behavior::{Behavior, Rules};

/// How many texts are kept at most.
const MOST_TEXTS: usize = 256;
/// A longer text is read each time: it could keep much memory, and few are.
const MOST_BYTES: usize = 1_024;

/// The texts that were read last.
#[derive(Debug, Default)]
pub(crate) struct BehaviorCache {
    /// Those that were asked for since the last change of halves.
    young: HashMap<Box<str>, Behavior>,
    /// Those that were young before. One that is asked for is young again; the others are forgotten.
    old: HashMap<Box<str>, Behavior>,
}

impl BehaviorCache {
    /// The behavior of a caller of a server that allows delays up to `most`.
    ///
    /// # Errors
    /// The sentence that says why the text is not one.
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
    fn a_text_is_read_once_and_few_are_kept() {
        let mut texts = BehaviorCache::default();
        let first = texts.read("exponential(5ms)", HOUR).unwrap();
        for number in 1..=10 * MOST_TEXTS {
            texts.read(&format!("{number}ms"), HOUR).unwrap();
            assert!(texts.kept() <= MOST_TEXTS);
            // One that is asked for again and again stays: all clones share one text.
            let again = texts.read("exponential(5ms)", HOUR).unwrap();
            assert!(std::ptr::eq(again.text(), first.text()));
        }
    }

    #[test]
    fn neither_long_texts_nor_wrong_ones_are_kept() {
        let mut texts = BehaviorCache::default();
        let long = format!("5ms{}", " ".repeat(MOST_BYTES));
        assert!(texts.read(&long, HOUR).is_ok());
        assert!(texts.read("soon", HOUR).is_err());
        assert_eq!(texts.kept(), 0);
    }
}
