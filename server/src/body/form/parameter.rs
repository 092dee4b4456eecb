//! One parameter of a header such as `form-data; name="delay"` (RFC 2045, section 5.1), parsed as it arrives.

/// Finds the first parameter with a given name, ignoring case.
#[derive(Debug)]
pub(super) struct Parameter {
    wanted: &'static str,
    /// The most bytes that a value may have; one more byte is kept of a longer value, to recognize it.
    most: usize,
    at: ParameterState,
    /// How many letters of `wanted` the current name consists of so far; [`None`] once it differs.
    matched: Option<usize>,
    value: Vec<u8>,
    is_found: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ParameterState {
    /// Before the parameters, or between them.
    Between,
    Name,
    /// Right after the equals sign.
    Value,
    Token,
    Quoted,
    /// Right after a backslash in a quoted value.
    Escaped,
}

impl Parameter {
    pub(super) fn new(wanted: &'static str, most: usize) -> Self {
        Self {
            wanted,
            most,
            at: ParameterState::Between,
            matched: None,
            value: Vec::new(),
            is_found: false,
        }
    }

    /// The value in a complete header, unless it is longer than `most`.
    pub(super) fn read(wanted: &'static str, most: usize, header: &[u8]) -> Option<Vec<u8>> {
        let mut parameter = Self::new(wanted, most);
        for byte in header {
            parameter.push(*byte);
        }
        parameter.end().map(<[u8]>::to_vec)
    }

    /// Parses the next byte.
    pub(super) fn push(&mut self, byte: u8) {
        if self.is_found {
            return;
        }
        match (self.at, byte) {
            (ParameterState::Quoted, b'"') | (ParameterState::Token, b' ' | b'\t') => {
                self.end_value();
            }
            (ParameterState::Quoted, b'\\') => self.at = ParameterState::Escaped,
            (ParameterState::Quoted | ParameterState::Escaped, _) => {
                self.at = ParameterState::Quoted;
                self.keep(byte);
            }
            (_, b';') => {
                self.end_value();
                self.at = ParameterState::Name;
                self.matched = Some(0);
            }
            (ParameterState::Between, _)
            | (ParameterState::Name | ParameterState::Value, b' ' | b'\t') => {}
            (ParameterState::Name, b'=') => self.at = ParameterState::Value,
            (ParameterState::Name, _) => {
                let next = self.matched.filter(|at| {
                    self.wanted.as_bytes().get(*at) == Some(&byte.to_ascii_lowercase())
                });
                self.matched = next.map(|at| at + 1);
            }
            (ParameterState::Value, b'"') => self.at = ParameterState::Quoted,
            (ParameterState::Value | ParameterState::Token, _) => {
                self.at = ParameterState::Token;
                self.keep(byte);
            }
        }
    }

    /// Ends the header. Returns the parameter's value if it was there, complete and not too long.
    pub(super) fn end(&mut self) -> Option<&[u8]> {
        if matches!(self.at, ParameterState::Value | ParameterState::Token) {
            self.end_value();
        }
        (self.is_found && self.value.len() <= self.most).then_some(&self.value)
    }

    fn is_wanted(&self) -> bool {
        self.matched == Some(self.wanted.len())
    }

    fn keep(&mut self, byte: u8) {
        if self.is_wanted() && self.value.len() <= self.most {
            self.value.push(byte);
        }
    }

    fn end_value(&mut self) {
        let has_value = !matches!(self.at, ParameterState::Between | ParameterState::Name);
        self.is_found = has_value && self.is_wanted();
        self.at = ParameterState::Between;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_name_is_found_quoted_or_not() {
        for (header, expected) in [
            ("form-data; name=delay", Some("delay")),
            ("form-data; name=\"delay\"", Some("delay")),
            ("form-data;NAME=delay;x=y", Some("delay")),
            ("form-data ; filename=\"a;name=no\" ; name = \"delay\" ", Some("delay")),
            ("form-data; filename=\"a\\\";name=no\"; name=yes", Some("yes")),
            ("form-data; name=\"d\\elay\"", Some("delay")),
            ("form-data; name=a; name=b", Some("a")),
            ("form-data; name=", Some("")),
            ("form-data; name=\"\"", Some("")),
            ("form-data; name=12345678", Some("12345678")),
            ("form-data; name=123456789", None),
            ("form-data; name=\"delay", None),
            ("form-data; name", None),
            ("form-data; names=a; nam=b; *name=c; name*=d", None),
            ("name=delay", None),
            ("", None),
        ] {
            let read = Parameter::read("name", 8, header.as_bytes());
            assert_eq!(read.as_deref(), expected.map(str::as_bytes), "{header}");
        }
    }
}
