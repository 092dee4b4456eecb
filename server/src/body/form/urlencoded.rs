//! A form as a query is written (`application/x-www-form-urlencoded`), whose names are followed.

use super::{LONGEST_NAME, known};

/// The most bytes that a name can have, with each of its characters escaped.
const LONGEST: usize = LONGEST_NAME * 3;

/// Follows a form, and keeps at most the name that is coming.
#[derive(Debug, Default)]
pub(crate) struct Urlencoded {
    name: Vec<u8>,
    is_in_value: bool,
}

impl Urlencoded {
    /// Follows the next bytes. Returns the first of the names that they complete.
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

    /// The form, or one of its pairs, has ended: a name may stand without a value.
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
    fn the_names_are_found_however_they_are_written() {
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
        /// It finds what reading the whole form finds, wherever the form is cut in two.
        #[test]
        fn in_pieces_as_in_one(form in "[a=&%64delaybhvior+]{0,40}", at in 0_usize..40) {
            let mut read = form_urlencoded::parse(form.as_bytes());
            let whole = read.find_map(|(name, _)| known(name.as_bytes()));
            prop_assert_eq!(found(form.as_bytes(), at), whole);
        }
    }
}
