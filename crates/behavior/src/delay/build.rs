//! Turns a delay as it is written into a checked one.

use std::time::Duration;

use longsync_text::Percent;
use longsync_text::duration::text;

use super::mix::MixError;
use super::{Attempts, Constant, Delay, Mix};
use crate::parameter_error::ParameterError;
use crate::rules::Rules;
use crate::shape::{Exponential, Lognormal, Normal, Pareto, Percentiles, Replay, Uniform, at_most};
use crate::written::{DelaySyntax, WrittenDelay, WrittenShare};
use longsync_text::parse_error::ParseError;

impl Delay {
    /// Checks a delay, which has the `max` of the delay around it unless it has its own.
    pub(crate) fn build(
        written: WrittenDelay,
        inherited: Option<Duration>,
        rules: &Rules<'_>,
    ) -> Result<Self, ParseError> {
        let WrittenDelay { at, form, places, max } = written;
        if let Some((max_at, max)) = max.filter(|(_, max)| *max > rules.limit()) {
            let limit = text(rules.limit());
            let why = format!(
                "a max of {} is over this server's limit: write at most {limit}",
                text(max)
            );
            return Err(ParseError::wrong(max_at, why));
        }
        let max = max.map(|(_, max)| max).or(inherited);
        if let DelaySyntax::Replay(_) = form {
            rules.allows(at, "replay")?;
        }
        match form {
            DelaySyntax::Mix(parts) => mix(parts, &places, max, rules),
            DelaySyntax::Attempts(delays) => {
                let build = |delay| Self::build(delay, max, rules);
                let delays = delays.into_iter().map(build).collect::<Result<Vec<_>, _>>()?;
                let attempts = Attempts::new(delays);
                attempts
                    .map(|it| Self::Attempts(it.into()))
                    .ok_or_else(|| ParseError::expected(at, "a delay"))
            }
            form => shape(form, max, rules).map_err(|why| {
                let place = why.parameter().and_then(|index| places.get(index));
                ParseError::wrong(*place.unwrap_or(&at), why.to_string())
            }),
        }
    }
}

fn shape(
    form: DelaySyntax,
    max: Option<Duration>,
    rules: &Rules<'_>,
) -> Result<Delay, ParameterError> {
    let most = max.unwrap_or_else(|| rules.limit());
    Ok(match form {
        DelaySyntax::Constant(delay) => {
            at_most(0, "the delay", delay, most)?;
            Delay::Constant(Constant(delay))
        }
        DelaySyntax::Uniform(low, high) => Delay::Uniform(Uniform::new(low, high, most)?.into()),
        DelaySyntax::Normal(mean, deviation) => {
            Delay::Normal(Normal::new(mean, deviation, most)?.into())
        }
        DelaySyntax::Exponential(mean) => Delay::Exponential(Exponential::new(mean, most)?.into()),
        DelaySyntax::Pareto(scale, shape) => Delay::Pareto(Pareto::new(scale, shape, most)?.into()),
        DelaySyntax::Lognormal([one, other]) => {
            Delay::Lognormal(Lognormal::from_percentiles(one, other, most)?.into())
        }
        DelaySyntax::LognormalOfSigma(median, sigma) => {
            Delay::Lognormal(Lognormal::from_sigma(median, sigma, most)?.into())
        }
        DelaySyntax::Percentiles(points) => {
            Delay::Percentiles(Percentiles::new(&points, max, rules.limit())?.into())
        }
        DelaySyntax::Replay(file) => {
            let values = rules.recording(&file).map_err(|why| ParameterError::of(0, why))?;
            let longest = values.last().map_or(0, |(value, _)| *value);
            at_most(0, "its longest value", Duration::from_nanos(longest), most)?;
            Delay::Replay(Replay::new(&file, values)?.into())
        }
        DelaySyntax::Mix(_) | DelaySyntax::Attempts(_) => {
            return Err(ParameterError::of_all("a list of delays is not a shape"));
        }
    })
}

fn mix(
    parts: Vec<(WrittenShare, WrittenDelay)>,
    places: &[usize],
    max: Option<Duration>,
    rules: &Rules<'_>,
) -> Result<Delay, ParseError> {
    let build = |(share, delay)| Delay::build(delay, max, rules).map(|delay| (share, delay));
    let parts = parts.into_iter().map(build).collect::<Result<Vec<_>, _>>()?;
    let wrong = |index: usize, why: &str| {
        ParseError::wrong(places.get(index).copied().unwrap_or_default(), why)
    };
    Mix::new(parts).map(|mix| Delay::Mix(mix.into())).map_err(|why| match why {
        MixError::NothingLeft(index) => {
            wrong(index, "nothing is left for rest: the other shares already add up to 100%")
        }
        MixError::SecondRest(index) => {
            wrong(index, "only one part may have the rest: write a share for the others")
        }
        MixError::Sum(millionths) => {
            let mend = if millionths < u64::from(Percent::ALL.millionths()) {
                "raise them, or write rest: for what the others leave"
            } else {
                "lower them"
            };
            let sum = percent(millionths);
            wrong(0, &format!("the shares add up to {sum}%, but must add up to 100%: {mend}"))
        }
    })
}

/// The number of a percentage, which may exceed 100.
pub(crate) fn percent(millionths: u64) -> String {
    let per_percent = u64::from(Percent::ALL.millionths()) / 100;
    let number = format!("{}.{:06}", millionths / per_percent, millionths % per_percent);
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}
