//! Texts that are not thresholds, and the sentence about each.

use crate::threshold::Threshold;

const WRONG: &[(&str, &str)] = &[
    (
        "",
        "an empty text is not a threshold: write one such as p99<250ms, errors<0.1% or rate>990/s",
    ),
    (
        "  ",
        "an empty text is not a threshold: write one such as p99<250ms, errors<0.1% or rate>990/s",
    ),
    (
        "p99",
        "`p99` is not a threshold: it has no comparison: write a metric, then <, <=, > or >=, and a limit",
    ),
    (
        "250ms",
        "`250ms` is not a threshold: it has no comparison: write a metric, then <, <=, > or >=, and a limit",
    ),
    (
        "p99<",
        "`p99<` is not a threshold: it has no limit: write one after the comparison, such as 250ms",
    ),
    (
        "<250ms",
        "`<250ms` is not a threshold: it has no metric: write what is compared before the comparison, such as p99",
    ),
    (
        "<",
        "`<` is not a threshold: it has no metric: write what is compared before the comparison, such as p99",
    ),
    (
        "p99 250ms",
        "`p99 250ms` is not a threshold: it has no comparison: write a metric, then <, <=, > or >=, and a limit",
    ),
    (
        "p99=250ms",
        "`p99=250ms` is not a threshold: it has no comparison: write a metric, then <, <=, > or >=, and a limit",
    ),
    (
        "p99==250ms",
        "`p99==250ms` is not a threshold: it has no comparison: write a metric, then <, <=, > or >=, and a limit",
    ),
    (
        "p99=<250ms",
        "`p99=<250ms` is not a threshold: it has no comparison: write a metric, then <, <=, > or >=, and a limit",
    ),
    (
        "p99!250ms",
        "`p99!250ms` is not a threshold: it has no comparison: write a metric, then <, <=, > or >=, and a limit",
    ),
    (
        "p99<<250ms",
        "`p99<<250ms` is not a threshold: it has more than one comparison: give each separately",
    ),
    (
        "p99<>250ms",
        "`p99<>250ms` is not a threshold: it has more than one comparison: give each separately",
    ),
    (
        "100ms<p99<250ms",
        "`100ms<p99<250ms` is not a threshold: it has more than one comparison: give each separately",
    ),
    (
        "p99<250ms<1s",
        "`p99<250ms<1s` is not a threshold: it has more than one comparison: give each separately",
    ),
    (
        "p99<250ms,errors<1%",
        "`p99<250ms,errors<1%` is not a threshold: it has more than one comparison: give each separately",
    ),
    (
        "p99<250",
        "`p99<250` is not a threshold: `250` is not a duration: write a number and a unit, such as 250ms, 1.5s or 2m",
    ),
    (
        "p99<0.25",
        "`p99<0.25` is not a threshold: `0.25` is not a duration: write a number and a unit, such as 250ms, 1.5s or 2m",
    ),
    (
        "p99<-5ms",
        "`p99<-5ms` is not a threshold: `-5ms` is not a duration: it has a sign: write a number and a unit, such as 250ms, 1.5s or 2m",
    ),
    (
        "p99<5 ms",
        "`p99<5 ms` is not a threshold: `5 ms` is not a duration: write a number and a unit, such as 250ms, 1.5s or 2m",
    ),
    ("p99<0s", "`p99<0s` is not a threshold: it can never hold: write a limit above 0s"),
    (
        "p99<400d",
        "`p99<400d` is not a threshold: `400d` is longer than a year: write at most 8760h",
    ),
    (
        "p99<1%",
        "`p99<1%` is not a threshold: `1%` is not a duration: the units are d, h, m, s, ms, us and ns, as in 250ms, 1.5s or 2m",
    ),
    (
        "p99>250ms",
        "`p99>250ms` is not a threshold: a threshold says what must hold: write p99<250ms",
    ),
    (
        "p99>=250ms",
        "`p99>=250ms` is not a threshold: a threshold says what must hold: write p99<=250ms",
    ),
    (
        "P99<1s",
        "`P99<1s` is not a threshold: `P99` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "p<1s",
        "`p<1s` is not a threshold: `p` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "p0<1s",
        "`p0<1s` is not a threshold: `p0` is not a percentile: write one such as p50 or p99.9, over p0, at most p100, with at most four decimals",
    ),
    (
        "p-1<1s",
        "`p-1<1s` is not a threshold: `p-1` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "p100.1<1s",
        "`p100.1<1s` is not a threshold: `p100.1` is not a percentile: write one such as p50 or p99.9, over p0, at most p100, with at most four decimals",
    ),
    (
        "p99.99999<1s",
        "`p99.99999<1s` is not a threshold: `p99.99999` is not a percentile: write one such as p50 or p99.9, over p0, at most p100, with at most four decimals",
    ),
    (
        "p99,9<1s",
        "`p99,9<1s` is not a threshold: `p99,9` is not a percentile: write one such as p50 or p99.9, over p0, at most p100, with at most four decimals",
    ),
    (
        "99<1s",
        "`99<1s` is not a threshold: `99` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "pNN<1s",
        "`pNN<1s` is not a threshold: `pNN` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "median<1s",
        "`median<1s` is not a threshold: `median` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "avg<1s",
        "`avg<1s` is not a threshold: `avg` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "min<1s",
        "`min<1s` is not a threshold: `min` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "Max<1s",
        "`Max<1s` is not a threshold: `Max` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "max.<1s",
        "`max.<1s` is not a threshold: `max.` is not measured: before the dot, write response, service, added or lag",
    ),
    (
        ".max<1s",
        "`.max<1s` is not a threshold: `.max` is not measured: before the dot, write response, service, added or lag",
    ),
    (
        "service<1s",
        "`service<1s` is not a threshold: `service` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "service.<1s",
        "`service.<1s` is not a threshold: `service.` is not measured: after the dot, write mean, max or a percentile such as p99",
    ),
    (
        "service p99<1s",
        "`service p99<1s` is not a threshold: `service p99` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "planned.p50<1s",
        "`planned.p50<1s` is not a threshold: `planned.p50` is not measured: before the dot, write response, service, added or lag",
    ),
    (
        "lateness.max<1ms",
        "`lateness.max<1ms` is not a threshold: `lateness.max` is not measured: before the dot, write response, service, added or lag",
    ),
    (
        "response_time.p99<1s",
        "`response_time.p99<1s` is not a threshold: `response_time.p99` is not measured: before the dot, write response, service, added or lag",
    ),
    (
        "response.service.p99<1s",
        "`response.service.p99<1s` is not a threshold: `response.service.p99` is not measured: after the dot, write mean, max or a percentile such as p99",
    ),
    (
        "service.errors<1%",
        "`service.errors<1%` is not a threshold: `service.errors` is not measured: after the dot, write mean, max or a percentile such as p99",
    ),
    (
        "error<1%",
        "`error<1%` is not a threshold: `error` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "errors<0.1",
        "`errors<0.1` is not a threshold: `0.1` is not a percentage: write one such as 0.1%",
    ),
    (
        "errors<1/s",
        "`errors<1/s` is not a threshold: `1/s` is not a percentage: write one such as 0.1%",
    ),
    (
        "errors<1ms",
        "`errors<1ms` is not a threshold: `1ms` is not a percentage: write one such as 0.1%",
    ),
    (
        "errors<101%",
        "`errors<101%` is not a threshold: `101%` is not a limit: a percentage is a number from 0 to 100, such as 5 or 99.9",
    ),
    (
        "errors<-1%",
        "`errors<-1%` is not a threshold: `-1%` is not a limit: a percentage is a number from 0 to 100, such as 5 or 99.9",
    ),
    (
        "errors<%",
        "`errors<%` is not a threshold: `%` is not a limit: a percentage is a number from 0 to 100, such as 5 or 99.9",
    ),
    (
        "errors<0.1234567%",
        "`errors<0.1234567%` is not a threshold: `0.1234567%` is not a limit: a percentage has at most six decimals",
    ),
    ("errors<0%", "`errors<0%` is not a threshold: it can never hold: write errors<=0%"),
    ("errors<=100%", "`errors<=100%` is not a threshold: it always holds: write errors<100%"),
    (
        "errors>5%",
        "`errors>5%` is not a threshold: a threshold says what must hold: write errors<5%",
    ),
    (
        "not-sent<1%",
        "`not-sent<1%` is not a threshold: `not-sent` is not measured: write mean, max, a percentile such as p99, errors, not_sent or rate",
    ),
    (
        "not_sent<3",
        "`not_sent<3` is not a threshold: `3` is not a percentage: write one such as 0.1%",
    ),
    (
        "rate<990/s",
        "`rate<990/s` is not a threshold: a threshold says what must hold: write rate>990/s",
    ),
    ("rate>=0/s", "`rate>=0/s` is not a threshold: it always holds: write rate>0/s"),
    (
        "rate>990%",
        "`rate>990%` is not a threshold: `990%` is not a rate: write one such as 2000/s, 120/min or 2k/s",
    ),
    (
        "rate>990/m",
        "`rate>990/m` is not a threshold: `990/m` is not a rate: write one such as 2000/s, 120/min or 2k/s",
    ),
    (
        "rate>fast",
        "`rate>fast` is not a threshold: `fast` is not a rate: write one such as 2000/s, 120/min or 2k/s",
    ),
    (
        "rate>9999M/s",
        "`rate>9999M/s` is not a threshold: `9999M/s` is too high a rate: write at most 1000M/s",
    ),
    (
        "p99≤1s",
        "`p99≤1s` is not a threshold: it has no comparison: write a metric, then <, <=, > or >=, and a limit",
    ),
    (
        "p99<\u{1b}[31m1s",
        "`p99<\\u{1b}[31m1s` is not a threshold: `\\u{1b}[31m1s` is not a duration: write a number and a unit, such as 250ms, 1.5s or 2m",
    ),
];

#[test]
fn wrong_thresholds_are_refused_with_what_would_be_right() {
    for (text, expected) in WRONG {
        let why = text.parse::<Threshold>().expect_err(text).to_string();
        assert_eq!(&why, expected);
    }
}
