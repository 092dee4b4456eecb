//! The appearance of calls, from given figures.

use std::time::Duration;

use longsync::v1::{Failure, Timing};
use longsync_client::single::{
    ReceivedAnswer, RpcKind, Single, SinglePlan, answer_line, to_json, to_text,
};
use longsync_text::TypedDuration;
use tonic::{Code, Status};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn timing(waited: Duration) -> Timing {
    let duration = |duration: Duration| prost_types::Duration::try_from(duration).ok();
    Timing {
        planned: duration(waited),
        waited: duration(waited + Duration::from_nanos(312_456)),
        queued: duration(Duration::ZERO),
        behavior: "lognormal(p50=200ms, p99=2s)".to_owned(),
        ..Timing::default()
    }
}

fn unmade(kind: RpcKind, deadline: Option<&str>) -> Single {
    let mut plan = SinglePlan::builder(kind, "http://127.0.0.1:9000".parse().unwrap());
    if let Some(deadline) = deadline {
        plan = plan.deadline(deadline.parse::<TypedDuration>().unwrap());
    }
    Single::unmade(&plan.build().unwrap())
}

fn unary() -> Single {
    let answer = ReceivedAnswer {
        message: "Done!".to_owned(),
        timing: Some(timing(millis(250))),
        service_time: Duration::from_nanos(250_512_345),
        is_comparable: true,
        ..ReceivedAnswer::default()
    };
    Single {
        connect: Some(Duration::from_nanos(712_345)),
        service_time: Some(answer.service_time),
        answers: vec![answer],
        status: Some(Status::ok("")),
        ..unmade(RpcKind::Unary, None)
    }
}

/// With more messages than a table shows.
fn exchange() -> Single {
    let answer = |id: u64| ReceivedAnswer {
        number: Some(id * 1_000),
        timing: Some(timing(millis(id * 1_234))),
        service_time: millis(id * 1_234 + 1),
        is_comparable: true,
        ..ReceivedAnswer::default()
    };
    Single {
        answers: (1..=25).map(answer).collect(),
        ..Single { kind: RpcKind::Exchange, ..unary() }
    }
}

/// The server's sentence has the remainder of the deadline after connecting.
fn over() -> Single {
    let status = Status::deadline_exceeded("the deadline of 1.499287655s is over");
    Single {
        connect: Some(Duration::from_nanos(712_345)),
        service_time: Some(millis(1_500)),
        status: Some(status),
        ..unmade(RpcKind::Unary, Some("1500ms"))
    }
}

fn plain(single: &Single, columns: usize) -> String {
    anstream::adapter::strip_str(&to_text(single, columns)).to_string()
}

#[test]
fn calls_as_text() {
    for columns in [40, 60, 80, 140] {
        insta::assert_snapshot!(format!("unary_{columns}"), plain(&unary(), columns));
    }
    insta::assert_snapshot!("exchange_40", plain(&exchange(), 40));
    insta::assert_snapshot!("exchange_80", plain(&exchange(), 80));
    insta::assert_snapshot!("over_40", plain(&over(), 40));
    insta::assert_snapshot!("over_80", plain(&over(), 80));
}

/// The words that contain figures, sorted.
fn figures(text: &str) -> Vec<&str> {
    let has_digit = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
    let mut figures: Vec<_> = text.split_whitespace().filter(has_digit).collect();
    figures.sort_unstable();
    figures
}

#[test]
fn a_call_fits_terminals_of_40_columns_and_more_with_every_figure() {
    for single in [unary(), over()] {
        for columns in 40..=160 {
            let text = plain(&single, columns);
            let wide = text.lines().find(|line| line.chars().count() > columns);
            assert_eq!(wide, None, "{columns}:\n{text}");
            assert_eq!(figures(&text), figures(&plain(&single, usize::MAX)), "{columns}:\n{text}");
        }
    }
    // A table that is split has the number of each answer in each of its parts.
    for columns in 40..=160 {
        let text = plain(&exchange(), columns);
        assert!(text.lines().all(|line| line.chars().count() <= columns), "{columns}:\n{text}");
        let mut parts = figures(&text);
        parts.dedup();
        let whole = plain(&exchange(), usize::MAX);
        let mut all = figures(&whole);
        all.dedup();
        assert_eq!(parts, all, "{columns}:\n{text}");
    }
}

#[test]
fn an_answer_fits_the_terminal_too() {
    let message = "the message with id 3 asks for what no server gives: ask for less".to_owned();
    let failure = Failure { code: Code::InvalidArgument.into(), message };
    let answer =
        ReceivedAnswer { number: Some(3), failure: Some(failure), ..ReceivedAnswer::default() };
    let line = answer_line(&answer, usize::MAX);
    assert_eq!(line.lines().count(), 1);
    let plain = |text: &str| anstream::adapter::strip_str(text).to_string();
    let narrow = plain(&answer_line(&answer, 40));
    assert!(narrow.lines().count() > 1 && narrow.lines().all(|line| line.len() <= 40), "{narrow}");
    assert_eq!(narrow.replace('\n', " "), plain(&line).replace('\n', " "));
}

/// A call that the client ended after this many of its answers.
fn ended(kind: RpcKind, count: Option<u32>, answers: usize, more_answers: u64) -> Single {
    let mut plan = SinglePlan::builder(kind, "http://127.0.0.1:9000".parse().unwrap());
    if let Some(count) = count {
        plan = plan.count(count);
    }
    let answers = unary().answers.into_iter().cycle().take(answers).collect();
    let unmade = Single::unmade(&plan.build().unwrap());
    Single { connect: Some(millis(1)), answers, more_answers, ..unmade }
}

#[test]
fn a_call_that_was_ended_says_after_how_many_of_its_answers() {
    use RpcKind::{Collect, Exchange, Stream, Unary};
    for (single, words) in [
        (ended(Unary, None, 0, 0), "ended before its answer\n"),
        (ended(Unary, None, 1, 0), "ended before its status\n"),
        (ended(Collect, Some(100), 0, 0), "ended before its answer\n"),
        (ended(Stream, None, 0, 0), "ended before its answer\n"),
        (ended(Stream, Some(100), 0, 0), "ended before the first of 100 answers\n"),
        (ended(Stream, Some(100), 9, 0), "ended after 9 of 100 answers\n"),
        (ended(Exchange, Some(5_000), 20, 1_000), "ended after 1,020 of 5,000 answers\n"),
        (ended(Stream, Some(2), 2, 0), "ended before its status\n"),
        (ended(Stream, Some(0), 0, 0), "ended before its status\n"),
        (unmade(Stream, None), "ended before it was connected\n"),
    ] {
        let text = plain(&single, 80);
        assert!(text.starts_with(words), "{words}: {text}");
    }
}

#[test]
fn without_a_connection_there_is_no_time_to_connect() {
    let document = |single: &Single| -> serde_json::Value {
        serde_json::from_str(&to_json(single).unwrap()).unwrap()
    };
    let unmade = unmade(RpcKind::Unary, None);
    assert!(document(&unmade)["connect_ns"].is_null());
    assert_eq!(document(&unary())["connect_ns"], 712_345);
    let row = plain(&unmade, 160).lines().nth(3).unwrap().to_owned();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["-"; 6]);
}

#[test]
fn a_deadline_is_shown_as_it_was_typed() {
    for typed in ["1500ms", "1.5s", "1s 500ms"] {
        let single = Single { deadline: Some(typed.parse().unwrap()), ..over() };
        let text = plain(&single, 200);
        let said = format!("the deadline was {typed}, and connecting took 712.3us of it\n");
        assert!(text.contains(&said), "{text}");
    }
}
