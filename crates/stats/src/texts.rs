//! Texts that servers send with calls, counted.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// How many distinct texts are kept.
const MOST: usize = 100;
/// How many bytes of a text are kept.
const MOST_BYTES: usize = 256;

/// Texts, and how often each occurred: at most 100 distinct ones, of at most 256 bytes each. A longer one is
/// cut, and ends with `...`. If there are more, the rarest makes room for the next, and is only counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TextCounts {
    counts: BTreeMap<String, u64>,
    other: u64,
}

impl TextCounts {
    /// Counts a text.
    pub fn add(&mut self, text: &str) {
        self.add_n(&cut(text), 1);
    }

    fn add_n(&mut self, text: &str, count: u64) {
        if let Some(counted) = self.counts.get_mut(text) {
            *counted += count;
            return;
        }
        if self.counts.len() == MOST {
            self.forget_rarest();
        }
        self.counts.insert(text.to_owned(), count);
    }

    /// Otherwise rare texts would keep out a frequent one that comes late.
    fn forget_rarest(&mut self) {
        let rarest = self.counts.iter().min_by_key(|(_, count)| **count);
        let Some((rarest, count)) = rarest.map(|(text, count)| (text.clone(), *count)) else {
            return;
        };
        self.counts.remove(&rarest);
        self.other += count;
    }

    /// Adds everything that another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (text, count) in &other.counts {
            self.add_n(text, *count);
        }
        self.other += other.other;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The texts, the most frequent first, and those that are equally frequent in the order of their letters.
    pub fn by_count(&self) -> Vec<(&str, u64)> {
        let mut texts: Vec<_> =
            self.counts.iter().map(|(text, count)| (text.as_str(), *count)).collect();
        texts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        texts
    }

    /// How often other texts occurred.
    pub fn other(&self) -> u64 {
        self.other
    }

    /// Whether no text was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.other == 0
    }
}

/// The text, or its beginning and a mark: at most [`MOST_BYTES`].
fn cut(text: &str) -> Cow<'_, str> {
    const MARK: &str = "...";
    if text.len() <= MOST_BYTES {
        return Cow::Borrowed(text);
    }
    let most = MOST_BYTES - MARK.len();
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
    Cow::Owned([&text[..end.unwrap_or(0)], MARK].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_distinct_texts_are_kept_and_all_are_counted() {
        let mut texts = TextCounts::default();
        for number in 0..250 {
            texts.add(&format!("error {number}"));
            texts.add("the same each time");
        }
        assert_eq!(texts.by_count().len(), 100);
        assert_eq!(texts.by_count()[0], ("the same each time", 250));
        assert_eq!(texts.other(), 250 - 99);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut texts = TextCounts::default();
        texts.add(&"ü".repeat(200));
        let whole = "ü".repeat(128);
        texts.add(&whole);
        let cut = format!("{}...", "ü".repeat(126));
        assert_eq!(texts.by_count(), [(cut.as_str(), 1), (whole.as_str(), 1)]);
    }

    #[test]
    fn merged_texts_are_counted_together() {
        let (mut first, mut second) = (TextCounts::default(), TextCounts::default());
        first.add("a");
        second.add("b");
        second.add("b");
        first.merge(&second);
        assert_eq!(first.by_count(), [("b", 2), ("a", 1)]);
        assert!(!first.is_empty() && TextCounts::default().is_empty());
    }
}
