//! Which behavior applies to a call, and what it comes to.

use std::borrow::Cow;
use std::time::Duration;

use longsync_text::duration::text;

use crate::behavior::Behavior;

/// What a caller asks for, whichever way it came. What could not be read has the reason in its place:
/// it is refused only if it counts.
#[derive(Debug, Clone, Default)]
pub struct Ask<'a> {
    /// The delay, if one is given.
    pub delay: Option<Result<Duration, String>>,
    /// The text of a behavior; empty: none is given.
    pub behavior: &'a str,
    /// The behavior in a header, which counts if neither of the others is given.
    pub header: Option<Result<&'a Behavior, &'a str>>,
}

/// Where a behavior was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// As the call's delay.
    Delay,
    /// As the call's behavior.
    Behavior,
    /// In the call's header.
    Header,
    /// As the server's own.
    Server,
}

/// What a caller asks for and does not get.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
#[non_exhaustive]
pub struct Refused {
    /// What is wrong.
    pub place: Place,
    /// Why, and what would be right.
    pub why: String,
}

/// The behavior that applies to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Applied {
    /// The delay that its caller gave.
    Delay(Duration),
    /// A behavior that was given as text, or the server's.
    Behavior(Behavior),
}

impl Applied {
    /// Its canonical text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Delay(delay) => Cow::Owned(text(*delay)),
            Self::Behavior(behavior) => Cow::Borrowed(behavior.text()),
        }
    }
}

/// What the server does with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// How long it waits.
    pub delay: Duration,
    /// By which behavior.
    pub applied: Applied,
}

/// Decides: the call's own `delay` or `behavior` counts, else its header, else the `server`'s behavior.
///
/// # Errors
/// When both a delay and a behavior are given, what counts cannot be read, or its delay is over
/// `max_delay`.
pub fn decide(ask: &Ask<'_>, server: &Behavior, max_delay: Duration) -> Result<Decision, Refused> {
    let (place, applied) = choose(ask, server)?;
    let delay = match &applied {
        Applied::Delay(delay) => *delay,
        Applied::Behavior(behavior) => behavior.delay(),
    };
    if delay > max_delay {
        let why = format!(
            "a delay of {} is over this server's limit: ask for at most {}",
            text(delay),
            text(max_delay)
        );
        return Err(Refused { place, why });
    }
    Ok(Decision { delay, applied })
}

fn choose(ask: &Ask<'_>, server: &Behavior) -> Result<(Place, Applied), Refused> {
    let refused = |place, why: &str| Refused { place, why: why.to_owned() };
    match (&ask.delay, ask.behavior, &ask.header) {
        (Some(_), behavior, _) if !behavior.is_empty() => {
            let why = "delay and behavior are both given: send one of them, a behavior is whole";
            Err(refused(Place::Delay, why))
        }
        (Some(Ok(delay)), ..) => Ok((Place::Delay, Applied::Delay(*delay))),
        (Some(Err(why)), ..) => Err(refused(Place::Delay, why)),
        (None, "", None) => Ok((Place::Server, Applied::Behavior(server.clone()))),
        (None, "", Some(Ok(header))) => {
            Ok((Place::Header, Applied::Behavior(Behavior::clone(header))))
        }
        (None, "", Some(Err(why))) => Err(refused(Place::Header, why)),
        (None, behavior, _) => match behavior.parse() {
            Ok(behavior) => Ok((Place::Behavior, Applied::Behavior(behavior))),
            Err(why) => Err(refused(Place::Behavior, &crate::NotABehavior::to_string(&why))),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(3_600);

    fn of(ask: &Ask<'_>) -> Result<Decision, Refused> {
        decide(ask, &Behavior::constant(Duration::from_secs(5)), LIMIT)
    }

    proptest! {
        /// A call waits exactly as long as was asked, and never longer than the limit.
        #[test]
        fn the_delay_is_what_was_asked_or_refused(nanos in 0_u64..8_000_000_000_000) {
            let delay = Duration::from_nanos(nanos);
            let decided = of(&Ask { delay: Some(Ok(delay)), ..Ask::default() });
            prop_assert_eq!(decided.is_ok(), delay <= LIMIT);
            if let Ok(decision) = decided {
                prop_assert_eq!(decision, Decision { delay, applied: Applied::Delay(delay) });
            }
        }
    }

    #[test]
    fn the_request_goes_before_the_header_and_the_header_before_the_server() {
        let delay = |ask: &Ask<'_>| of(ask).unwrap().delay.as_secs();
        let header = Behavior::constant(Duration::from_secs(2));
        let mut ask = Ask::default();
        assert_eq!(delay(&ask), 5);
        ask.header = Some(Ok(&header));
        assert_eq!(delay(&ask), 2);
        ask.behavior = "constant(1s)";
        assert_eq!(delay(&ask), 1);
        ask = Ask { delay: Some(Ok(Duration::from_secs(3))), behavior: "", ..ask };
        assert_eq!(delay(&ask), 3);
    }

    #[test]
    fn what_is_refused_is_what_is_wrong() {
        let place = |ask: &Ask<'_>| of(ask).unwrap_err().place;
        let wrong = || Some(Err("wrong".to_owned()));
        let given = Ask { delay: wrong(), behavior: "", header: Some(Err("wrong")) };
        assert_eq!(place(&given), Place::Delay);
        assert_eq!(place(&Ask { delay: None, ..given.clone() }), Place::Header);
        let both = Ask { delay: Some(Ok(Duration::ZERO)), behavior: "1s", header: None };
        assert_eq!(place(&both), Place::Delay);
        assert_eq!(place(&Ask { behavior: "2h", ..Ask::default() }), Place::Behavior);
        assert_eq!(place(&Ask { behavior: "hang(1%)", ..Ask::default() }), Place::Behavior);
        let long = Behavior::constant(2 * LIMIT);
        assert_eq!(place(&Ask { header: Some(Ok(&long)), ..Ask::default() }), Place::Header);
    }

    /// What does not count is not looked at.
    #[test]
    fn a_header_that_does_not_count_may_say_anything() {
        let header = Some(Err("wrong"));
        assert!(of(&Ask { behavior: "1s", header, ..Ask::default() }).is_ok());
    }
}
