//! The behavior that applies to a call, and the delay that it draws.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use longsync_text::duration::text;

use crate::behavior::Behavior;
use crate::fault::FaultClause;
use crate::key::DrawKey;

/// A caller's request, whichever way it came. A part that could not be read has the reason in its place: it
/// is refused only if it counts.
#[derive(Debug, Clone, Default)]
pub struct BehaviorRequest<'a> {
    /// The delay, if one is given.
    pub delay: Option<Result<Duration, String>>,
    /// The text of a behavior; empty if none is given.
    pub behavior: &'a str,
    /// The behavior in a header, which counts if neither of the others is given.
    pub header: Option<Result<&'a Behavior, &'a str>>,
    /// The behavior that gRPC's header [`rpc_behavior`](crate::rpc_behavior) asks for, which counts if none
    /// of the others is given.
    pub rpc_behavior: Option<Result<&'a Behavior, &'a str>>,
}

/// The server's side of the decision.
#[derive(Clone, Copy)]
pub struct ServerPolicy<'a> {
    /// The behavior of calls that do not ask for one.
    pub behavior: &'a Behavior,
    /// The longest delay that is allowed.
    pub max_delay: Duration,
    /// Whether callers may not ask for any.
    pub is_fixed: bool,
    /// Reads the text of a caller's behavior: with [`Behavior::read`], or from a cache.
    pub read: &'a dyn Fn(&str) -> Result<Behavior, String>,
}

impl fmt::Debug for ServerPolicy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { behavior, max_delay, is_fixed, .. } = self;
        f.debug_struct("ServerPolicy")
            .field("behavior", behavior)
            .field("max_delay", max_delay)
            .field("is_fixed", is_fixed)
            .finish_non_exhaustive()
    }
}

/// The refusal of a caller's request by a server whose behavior is fixed.
pub const FIXED: &str = "this server's behavior is fixed: send neither a delay nor a behavior";

/// Where a behavior was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BehaviorSource {
    /// As the call's delay.
    Delay,
    /// As the call's behavior.
    Behavior,
    /// In the call's header.
    Header,
    /// In gRPC's header.
    RpcBehavior,
    /// As the server's behavior.
    Server,
}

/// A caller's request that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
#[non_exhaustive]
pub struct DecideError {
    /// The part that is wrong.
    pub place: BehaviorSource,
    /// Why, and what would be right.
    pub why: String,
}

/// The behavior that applies to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppliedBehavior {
    /// The delay that the caller gave.
    Delay(Duration),
    /// The behavior that the caller gave as text, for this call alone.
    Behavior(Behavior),
    /// A behavior that other calls have as well: the server's, or that of the call's header.
    Shared(Behavior),
}

impl AppliedBehavior {
    /// The delay of the call or message with this key.
    pub fn draw(&self, key: &DrawKey<'_>) -> Duration {
        match self {
            Self::Delay(delay) => *delay,
            Self::Behavior(behavior) | Self::Shared(behavior) => behavior.draw(key),
        }
    }

    /// The behavior, unless only a delay was given.
    pub fn behavior(&self) -> Option<&Behavior> {
        match self {
            Self::Delay(_) => None,
            Self::Behavior(behavior) | Self::Shared(behavior) => Some(behavior),
        }
    }

    /// The first `fail_first` that an attempt does not get past, and which then takes the place of any other
    /// error; see [`Faults::first_failure`](crate::Faults::first_failure).
    pub fn first_failure(
        &self,
        attempt: impl FnMut(&FaultClause) -> u32,
    ) -> Option<&Arc<FaultClause>> {
        self.behavior()?.faults().first_failure(attempt)
    }

    fn decide(self, key: &DrawKey<'_>) -> Decision {
        let (delay, fault) = match self.behavior() {
            None => (self.draw(key), None),
            Some(behavior) => {
                let (delay, drawn) = behavior.draw_with_fault(key);
                (delay, drawn.cloned())
            }
        };
        Decision { delay, fault, applied: self }
    }

    /// Its canonical text.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Delay(delay) => Cow::Owned(text(*delay)),
            Self::Behavior(behavior) | Self::Shared(behavior) => Cow::Borrowed(behavior.text()),
        }
    }
}

/// The decision about a call or message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// How long it waits.
    pub delay: Duration,
    /// The fault that it draws, if any, unless a [`fail_first`](AppliedBehavior::first_failure) hits it.
    pub fault: Option<Arc<FaultClause>>,
    /// The behavior from which the delay was drawn.
    pub applied: AppliedBehavior,
}

/// Decides: the call's own `delay` or `behavior` counts, else its header, else the server's behavior. The one
/// that counts draws by `key`.
///
/// # Errors
/// When both a delay and a behavior are given, the one that counts cannot be read, a delay is over the limit,
/// or either is given to a server that is fixed.
pub fn decide(
    request: &BehaviorRequest<'_>,
    key: &DrawKey<'_>,
    server: &ServerPolicy<'_>,
) -> Result<Decision, DecideError> {
    let applied = choose(request, server).map_err(|(place, why)| DecideError { place, why })?;
    Ok(applied.decide(key))
}

fn choose(
    request: &BehaviorRequest<'_>,
    server: &ServerPolicy<'_>,
) -> Result<AppliedBehavior, (BehaviorSource, String)> {
    let header = match (&request.header, &request.rpc_behavior) {
        (Some(header), _) => Some((BehaviorSource::Header, header)),
        (None, Some(header)) => Some((BehaviorSource::RpcBehavior, header)),
        (None, None) => None,
    };
    match (&request.delay, request.behavior, header) {
        (None, "", None) => Ok(AppliedBehavior::Shared(server.behavior.clone())),
        (delay, behavior, header) if server.is_fixed => {
            let place = match (delay, behavior, header) {
                (Some(_), ..) => BehaviorSource::Delay,
                (None, "", Some((place, _))) => place,
                (None, ..) => BehaviorSource::Behavior,
            };
            Err((place, FIXED.to_owned()))
        }
        (Some(_), behavior, _) if !behavior.is_empty() => {
            let why =
                "delay and behavior are both given: send only one (a behavior includes its delay)";
            Err((BehaviorSource::Delay, why.to_owned()))
        }
        (Some(Ok(delay)), ..) => allowed(*delay, server.max_delay).map(AppliedBehavior::Delay),
        (Some(Err(why)), ..) => Err((BehaviorSource::Delay, why.clone())),
        (None, "", Some((_, Ok(header)))) => Ok(AppliedBehavior::Shared(Behavior::clone(header))),
        (None, "", Some((place, Err(why)))) => Err((place, (*why).to_owned())),
        (None, behavior, _) => match (server.read)(behavior) {
            Ok(behavior) => Ok(AppliedBehavior::Behavior(behavior)),
            Err(why) => Err((BehaviorSource::Behavior, why)),
        },
    }
}

fn allowed(delay: Duration, max_delay: Duration) -> Result<Duration, (BehaviorSource, String)> {
    if delay <= max_delay {
        return Ok(delay);
    }
    let why = format!(
        "a delay of {} is over this server's limit: ask for at most {}",
        text(delay),
        text(max_delay)
    );
    Err((BehaviorSource::Delay, why))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::CallName;
    use crate::rules::Rules;

    const LIMIT: Duration = Duration::from_secs(3_600);

    fn of(request: &BehaviorRequest<'_>) -> Result<Decision, DecideError> {
        by(request, false)
    }

    fn by(request: &BehaviorRequest<'_>, is_fixed: bool) -> Result<Decision, DecideError> {
        let behavior = &Behavior::constant(Duration::from_secs(5));
        let read =
            |text: &str| Behavior::read(text, &Rules::caller(LIMIT)).map_err(|why| why.to_string());
        let key = DrawKey { seed: 0, name: CallName::Id("any"), attempt: 1, index: 0 };
        decide(request, &key, &ServerPolicy { behavior, max_delay: LIMIT, is_fixed, read: &read })
    }

    proptest! {
        /// A call waits exactly as long as its caller asked, and never longer than the limit.
        #[test]
        fn the_delay_is_what_was_asked_or_refused(nanos in 0_u64..8_000_000_000_000) {
            let delay = Duration::from_nanos(nanos);
            let decided = of(&BehaviorRequest { delay: Some(Ok(delay)), ..BehaviorRequest::default() });
            prop_assert_eq!(decided.is_ok(), delay <= LIMIT);
            if let Ok(decision) = decided {
                prop_assert_eq!(decision, Decision { delay, fault: None, applied: AppliedBehavior::Delay(delay) });
            }
        }
    }

    #[test]
    fn the_request_precedes_the_header_and_the_header_the_server() {
        let delay = |request: &BehaviorRequest<'_>| of(request).unwrap().delay.as_secs();
        let header = Behavior::constant(Duration::from_secs(2));
        let mut request = BehaviorRequest::default();
        assert_eq!(delay(&request), 5);
        request.header = Some(Ok(&header));
        assert_eq!(delay(&request), 2);
        request.behavior = "constant(1s)";
        assert_eq!(delay(&request), 1);
        request =
            BehaviorRequest { delay: Some(Ok(Duration::from_secs(3))), behavior: "", ..request };
        assert_eq!(delay(&request), 3);
    }

    #[test]
    fn the_error_names_the_part_that_is_wrong() {
        let place = |request: &BehaviorRequest<'_>| of(request).unwrap_err().place;
        let wrong = || Some(Err("wrong".to_owned()));
        let header = Some(Err("wrong"));
        let given = BehaviorRequest { delay: wrong(), behavior: "", header, rpc_behavior: header };
        assert_eq!(place(&given), BehaviorSource::Delay);
        assert_eq!(
            place(&BehaviorRequest { delay: None, ..given.clone() }),
            BehaviorSource::Header
        );
        let both = BehaviorRequest { delay: Some(Ok(Duration::ZERO)), behavior: "1s", ..given };
        assert_eq!(place(&both), BehaviorSource::Delay);
        assert_eq!(
            place(&BehaviorRequest { behavior: "2h", ..BehaviorRequest::default() }),
            BehaviorSource::Behavior
        );
        assert_eq!(
            place(&BehaviorRequest { behavior: "drop(1%)", ..BehaviorRequest::default() }),
            BehaviorSource::Behavior
        );
        assert_eq!(
            place(&BehaviorRequest { behavior: "stall(for=1s)", ..BehaviorRequest::default() }),
            BehaviorSource::Behavior
        );
        assert_eq!(
            place(&BehaviorRequest { behavior: "replay(\"a\")", ..BehaviorRequest::default() }),
            BehaviorSource::Behavior
        );
    }

    #[test]
    fn a_fixed_server_takes_nothing_from_callers() {
        let second = Behavior::constant(Duration::from_secs(1));
        let place = |request: &BehaviorRequest<'_>| by(request, true).unwrap_err().place;
        let header = Some(Ok(&second));
        assert_eq!(
            place(&BehaviorRequest { header, ..BehaviorRequest::default() }),
            BehaviorSource::Header
        );
        assert_eq!(
            place(&BehaviorRequest { behavior: "1s", header, ..BehaviorRequest::default() }),
            BehaviorSource::Behavior
        );
        let delay = Some(Ok(Duration::ZERO));
        assert_eq!(
            place(&BehaviorRequest { delay, ..BehaviorRequest::default() }),
            BehaviorSource::Delay
        );
        assert!(by(&BehaviorRequest::default(), true).is_ok());
    }

    /// A header that does not count is not looked at.
    #[test]
    fn a_header_that_does_not_count_may_say_anything() {
        let header = Some(Err("wrong"));
        assert!(
            of(&BehaviorRequest { behavior: "1s", header, ..BehaviorRequest::default() }).is_ok()
        );
    }
}
