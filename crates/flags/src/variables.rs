//! The environment variables that the programs read.

use std::ffi::OsString;

use longsync_text::quoted;

/// The prefix of all our variables.
const PREFIX: &str = "LONGSYNC_";

/// The variables of the flags of `longsync-server`.
pub const SERVER: [&str; 25] = [
    "LONGSYNC_LISTEN",
    "LONGSYNC_PORT",
    "LONGSYNC_BEHAVIOR",
    "LONGSYNC_DELAY",
    "LONGSYNC_SEED",
    "LONGSYNC_FIXED",
    "LONGSYNC_FOREIGN_HEADERS",
    "LONGSYNC_INTEROP",
    "LONGSYNC_REPLAY_DIR",
    "LONGSYNC_WORKERS",
    "LONGSYNC_LAME_DUCK",
    "LONGSYNC_DRAIN",
    "LONGSYNC_SPIN",
    "LONGSYNC_LOG",
    "LONGSYNC_MAX_DELAY",
    "LONGSYNC_MAX_MESSAGE_BYTES",
    "LONGSYNC_MAX_COUNT",
    "LONGSYNC_MAX_RESPONSE_BYTES",
    "LONGSYNC_MAX_UNANSWERED",
    "LONGSYNC_MAX_STREAMS",
    "LONGSYNC_MAX_IN_FLIGHT",
    "LONGSYNC_MAX_BUFFERED_BYTES",
    "LONGSYNC_MESSAGE_TIMEOUT",
    "LONGSYNC_HEAD_TIMEOUT",
    "LONGSYNC_MAX_CONNECTIONS",
];

/// The variables of `longsync-client`.
pub const CLIENT: [&str; 1] = ["LONGSYNC_URL"];

/// Variables that only our tests and builds read.
const TESTS: [&str; 4] =
    ["LONGSYNC_SERVER", "LONGSYNC_CLIENT", "LONGSYNC_RENEW", "LONGSYNC_GENERATED"];

/// The least similarity, from 0 to 1, at which a name is suggested: about one letter in three may be wrong.
const LEAST_LIKENESS: f64 = 0.6;

/// One sentence per variable in `environment` (names and values) whose name has our prefix but which neither
/// program reads, sorted by name. A sentence suggests one of the program's `own` variables, [`SERVER`] or
/// [`CLIENT`]. Variables that Kubernetes sets for a service named `longsync` are not meant for us, and
/// skipped.
pub fn unknown(
    own: &[&str],
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<String> {
    let texts = environment.into_iter().filter_map(|(name, value)| {
        // A name that is not UTF-8 is not one of ours, but may have our prefix.
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        let is_meant =
            name.starts_with(PREFIX) && !is_known(&name) && !is_of_kubernetes(&name, &value);
        is_meant.then(|| name.into_owned())
    });
    let mut names: Vec<_> = texts.collect();
    names.sort();
    names.iter().map(|name| sentence(own, name)).collect()
}

fn sentence(own: &[&str], name: &str) -> String {
    let right = match nearest(own, name) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => "--help lists those that do".to_owned(),
    };
    format!("the variable {} has no effect: {right}", quoted(name))
}

fn known() -> impl Iterator<Item = &'static str> {
    SERVER.into_iter().chain(CLIENT)
}

fn is_known(name: &str) -> bool {
    known().chain(TESTS).any(|known| {
        // On Windows, the names of variables are case-insensitive.
        if cfg!(windows) { known.eq_ignore_ascii_case(name) } else { known == name }
    })
}

/// Whether Kubernetes sets this variable in each container, for a service named `longsync` or `longsync-...`.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let is_host_or_port = ["_SERVICE_HOST", "_SERVICE_PORT"].iter().any(|part| name.contains(part));
    let is_numbered = name
        .split("_PORT_")
        .nth(1)
        .is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit()));
    is_host_or_port || is_numbered || (name.ends_with("_PORT") && value.starts_with("tcp://"))
}

/// The one of these variables whose name is most similar to `name`, if one is similar enough.
fn nearest<'a>(own: &[&'a str], name: &str) -> Option<&'a str> {
    let rest = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let wrong = rest(&name.to_ascii_uppercase());
    own.iter()
        .map(|known| (*known, likeness(&wrong, &rest(known))))
        .filter(|(_, likeness)| *likeness >= LEAST_LIKENESS)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(known, _)| known)
}

/// The similarity of two names, from 0 to 1: by letters, or because one contains all words of the other.
fn likeness(one: &str, other: &str) -> f64 {
    let by_letters = strsim::normalized_damerau_levenshtein(one, other);
    let [one, other] = [one, other].map(|name| name.split('_').collect::<Vec<_>>());
    let (few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if few.iter().all(|word| many.contains(word)) {
        let letters = |words: &[&str]| u32::try_from(words.concat().len()).map_or(0.0, f64::from);
        let part = letters(&few) / letters(&many).max(1.0);
        by_letters.max(LEAST_LIKENESS + (1.0 - LEAST_LIKENESS) * part)
    } else {
        by_letters
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(own: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
        unknown(own, variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    fn both() -> Vec<&'static str> {
        known().collect()
    }

    #[test]
    fn each_unknown_variable_is_reported_once_with_the_nearest_name() {
        for (name, nearest) in [
            ("LONGSYNC_DRIAN", "LONGSYNC_DRAIN"),
            ("LONGSYNC_DLAY", "LONGSYNC_DELAY"),
            ("LONGSYNC_delay", "LONGSYNC_DELAY"),
            ("LONGSYNC_DELAY_MS", "LONGSYNC_DELAY"),
            ("LONGSYNC_BEHAVIOUR", "LONGSYNC_BEHAVIOR"),
            ("LONGSYNC_WORKER", "LONGSYNC_WORKERS"),
            ("LONGSYNC_LOG_LEVEL", "LONGSYNC_LOG"),
            ("LONGSYNC_IN_FLIGHT", "LONGSYNC_MAX_IN_FLIGHT"),
            ("LONGSYNC_TIMEOUT", "LONGSYNC_HEAD_TIMEOUT"),
            ("LONGSYNC_LISTEN_ADDRESS", "LONGSYNC_LISTEN"),
            ("LONGSYNC_SERVER_URL", "LONGSYNC_URL"),
            ("LONGSYNC_URI", "LONGSYNC_URL"),
        ] {
            let right = format!("the variable `{name}` has no effect: did you mean {nearest}?");
            let own: &[&str] = if CLIENT.contains(&nearest) { &CLIENT } else { &SERVER };
            for own in [own, &both()] {
                assert_eq!(said(own, &[(name, "1"), ("PATH", "/bin")]), [&*right]);
            }
        }
        let said = |variables: &[(&str, &str)]| said(&both(), variables);
        let none = said(&[("LONGSYNC_ZZZ", ""), ("LONGSYNC_", ""), ("LONGSYNC_\u{1b}[31m", "")]);
        let names = ["`LONGSYNC_`", "`LONGSYNC_ZZZ`", r"`LONGSYNC_\u{1b}[31m`"];
        assert_eq!(none.len(), names.len());
        for name in names {
            let sentence = format!("the variable {name} has no effect: --help lists those that do");
            assert!(none.contains(&sentence), "{sentence} in {none:?}");
        }
    }

    #[test]
    fn known_variables_and_those_of_kubernetes_are_not_reported() {
        let said = |variables: &[(&str, &str)]| said(&both(), variables);
        let of_us: Vec<_> = known().chain(TESTS).map(|name| (name, "")).collect();
        assert_eq!(said(&of_us), [""; 0]);
        let of_a_service = [
            ("LONGSYNC_SERVICE_HOST", "10.0.0.1"),
            ("LONGSYNC_SERVICE_PORT", "9000"),
            ("LONGSYNC_SERVICE_PORT_GRPC", "9000"),
            ("LONGSYNC_PORT", "tcp://10.0.0.1:9000"),
            ("LONGSYNC_PORT_9000_TCP", "tcp://10.0.0.1:9000"),
            ("LONGSYNC_PORT_9000_TCP_ADDR", "10.0.0.1"),
            ("LONGSYNC_SERVER_SERVICE_HOST", "10.0.0.1"),
            ("LONGSYNC_SERVER_PORT", "tcp://10.0.0.1:9000"),
            ("LONGSYNC_SERVER_PORT_9000_TCP_PROTO", "tcp"),
        ];
        assert_eq!(said(&of_a_service), [""; 0]);
        assert_eq!(said(&[("LONGSYNC_SERVER_PORT", "9000")]).len(), 1);
        assert_eq!(said(&[("longsync_drain", "1s"), ("XLONGSYNC_DRAIN", "1s")]), [""; 0]);
    }

    #[test]
    fn the_nearest_name_to_a_known_name_is_itself() {
        for known in known() {
            assert_eq!(nearest(&both(), known), Some(known));
        }
    }

    #[test]
    fn a_variable_that_only_the_other_program_reads_is_neither_reported_nor_suggested() {
        for (own, name) in [(&CLIENT[..], "LONGSYNC_TIMEOUT"), (&SERVER, "LONGSYNC_SERVER_URL")] {
            let right = format!("the variable `{name}` has no effect: --help lists those that do");
            assert_eq!(said(own, &[(name, "1")]), [right]);
        }
        let of_both: Vec<_> = known().map(|name| (name, "1")).collect();
        assert_eq!(said(&CLIENT, &of_both), [""; 0]);
        assert_eq!(said(&SERVER, &of_both), [""; 0]);
    }

    proptest! {
        /// Any name is either known or gets one sentence, which suggests an existing variable or points to
        /// `--help`.
        #[test]
        fn any_other_name_gets_one_sentence(rest in "[A-Z_a-z\\PC]{0,24}") {
            let name = format!("{PREFIX}{rest}");
            let said = said(&both(), &[(&name, "")]);
            if is_known(&name) || is_of_kubernetes(&name, "") {
                prop_assert!(said.is_empty());
            } else {
                let [sentence] = &said[..] else { panic!("{said:?}") };
                let is_right = |known: &str| sentence.ends_with(&format!("did you mean {known}?"));
                let names_one = known().any(is_right);
                prop_assert!(names_one || sentence.ends_with(": --help lists those that do"), "{}", sentence);
            }
        }

        /// A name of at least seven letters is still recognized if one letter is missing.
        #[test]
        fn a_missing_letter_is_forgiven(index in 0..SERVER.len(), at in 0_usize..64) {
            let known = SERVER[index];
            let own = known.len() - PREFIX.len();
            prop_assume!(own >= 7);
            let mut name = known.to_owned();
            name.remove(PREFIX.len() + at % own);
            prop_assert_eq!(nearest(&both(), &name), Some(known));
            prop_assert_eq!(nearest(&SERVER, &name), Some(known));
        }
    }
}
