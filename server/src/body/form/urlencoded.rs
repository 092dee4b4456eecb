//! Finds the field names in a form that is encoded like a query (`application/x-www-form-urlencoded`).

use super::{LONGEST_NAME, known};

/// The most bytes that a name can have if each of its characters is escaped.
const LONGEST: usize = LONGEST_NAME * 3;

/// Parses a form, keeping at most the current name.
#[derive(Debug, Default)]
pub(crate) struct Urlencoded {
    name: Vec<u8>,
    is_in_value: bool,
}

impl Urlencoded {
    /// Parses the next bytes. Returns the first name that they complete.
    pub(super) fn follow(&mut self, chunk: &[u8]) -> Option<&'static str> {
        for byte in chunk {
            match byte {
                b'&' => {
                    let found = self.end();
                    if found.is_some() {
                        return found;
                    }
                }
                b'=' if !self.is_in_value => {
                    self.is_in_value = true;
                    let found = self.found();
                    if found.is_some() {
                        return found;
                    }
                }
                _ if self.is_in_value => {}
                _ if self.name.len() <= LONGEST => self.name.push(*byte),
                _ => {}
            }
        }
        None
    }

    /// Ends the form, or one of its pairs. A name may have no value.
    pub(super) fn end(&mut self) -> Option<&'static str> {
        let found = self.found();
        *self = Self::default();
        found
    }

    fn found(&self) -> Option<&'static str> {
        let (name, _) = form_urlencoded::parse(&self.name).next()?;
        known(name.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(form: &[u8], at: usize) -> Option<&'static str> {
        let mut follows = Urlencoded::default();
        let (first, second) = form.split_at(at.min(form.len()));
        follows.follow(first).or_else(|| follows.follow(second)).or_else(|| follows.end())
    }

    #[test]
    fn names_are_found_in_every_notation() {
        for (form, expected) in [
            ("", None),
            ("delay=1s", Some("delay")),
            ("delay", Some("delay")),
            ("a=b&delay=1s", Some("delay")),
            ("a&&behavior=1s", Some("behavior")),
            ("%64elay=1s", Some("delay")),
            ("%62%65%68%61%76%69%6F%72=1s", Some("behavior")),
            ("a=delay", None),
            ("a=delay=1s", None),
            ("delays=1s", None),
            ("Delay=1s", None),
            ("a=behavior&b", None),
        ] {
            for at in 0..=form.len() {
                assert_eq!(found(form.as_bytes(), at), expected, "{form} at {at}");
            }
        }
    }

    proptest! {
        /// Wherever the form is cut in two, the result is the same as for the complete form.
        #[test]
        fn a_cut_does_not_change_the_result(form in "[a=&%64delaybhvior+]{0,40}", at in 0_usize..40) {
            let mut read = form_urlencoded::parse(form.as_bytes());
            let whole = read.find_map(|(name, _)| known(name.as_bytes()));
            prop_assert_eq!(found(form.as_bytes(), at), whole);
        }
    }
}
