use proptest::prelude::*;

use super::*;
use crate::load::read_plan;

/// The error for a plan that is refused, or an empty text if it is accepted.
fn refused(plan: WrittenPlan) -> String {
    Settings::read(plan).map_or_else(|why| why.to_string(), |_| String::new())
}

fn of(plan: WrittenPlan) -> Settings {
    Settings::read(plan).unwrap().0
}

fn rate(text: &str) -> WrittenPlan {
    WrittenPlan { rate: Some(text.to_owned()), ..WrittenPlan::default() }
}

fn at_once(calls: Option<u64>) -> WrittenPlan {
    WrittenPlan { arrivals: Some(WrittenArrivals::AtOnce), calls, ..WrittenPlan::default() }
}

#[test]
fn an_empty_plan_is_a_closed_loop_of_10_s() {
    let settings = of(WrittenPlan::default());
    assert!(settings.is_closed && settings.url == "http://127.0.0.1:9000");
    let plan = settings.plan;
    assert_eq!((plan.concurrency, plan.duration), (Some(50), Some(Duration::from_secs(10))));
    assert_eq!(plan.connections, Some(WrittenConnections::Fixed(1)));
    assert_eq!((plan.seed, plan.max_in_flight), (Some(settings.seed), None));
}

#[test]
fn a_plan_with_a_rate_is_an_open_loop() {
    let settings = of(rate("2k/s"));
    assert!(!settings.is_closed);
    let plan = settings.plan;
    assert_eq!((plan.rate.as_deref(), plan.concurrency), (Some("2k/s"), None));
    assert_eq!(plan.duration, Some(Duration::from_secs(10)));
    assert_eq!(plan.max_in_flight, Some(1_000_000));
}

#[test]
fn a_plan_that_ends_on_its_own_or_after_calls_has_no_duration() {
    let text = |text: &str| Some(text.to_owned());
    for plan in [
        WrittenPlan { calls: Some(5), ..WrittenPlan::default() },
        WrittenPlan { schedule: text("constant(5/s, for=1s)"), ..WrittenPlan::default() },
        WrittenPlan { replay: text("0\n1.5\n"), ..WrittenPlan::default() },
        WrittenPlan { schedule_points: text("0,5\n1,10\n"), ..WrittenPlan::default() },
        at_once(Some(7)),
    ] {
        assert_eq!(of(plan.clone()).plan.duration, None, "{plan:?}");
    }
}

#[test]
fn call_ids_begin_with_the_seed_unless_a_prefix_is_given() {
    let seeded = WrittenPlan { seed: Some(7), ..WrittenPlan::default() };
    assert_eq!(of(seeded.clone()).call_id_prefix().as_deref(), Some("7-"));
    let named = WrittenPlan { call_id_prefix: Some("order-".to_owned()), ..seeded.clone() };
    assert_eq!(of(named).call_id_prefix().as_deref(), Some("order-"));
    let unnamed = WrittenPlan { no_call_ids: true, ..seeded };
    assert_eq!(of(unnamed).call_id_prefix(), None);
}

#[test]
fn a_repetition_differs_only_in_its_seed_which_is_the_next() {
    let mut first = of(WrittenPlan { seed: Some(u64::MAX - 1), ..rate("5/s") });
    first.name = Some("a name".to_owned());
    first.judge(&["p99<1s".to_owned()]).unwrap();
    let (second, _) = first.with_later_seed(1).unwrap();
    let plan = WrittenPlan { seed: Some(u64::MAX), ..first.plan.clone() };
    assert_eq!(second, Settings { seed: u64::MAX, plan, ..first.clone() });
    assert!(first.with_later_seed(2).unwrap_err().to_string().contains("lower --seed"));
}

/// A table of plans that contradict themselves, and their errors.
#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn contradictory_plans_are_refused_each_with_its_own_error() {
    let text = |text: &str| Some(text.to_owned());
    let second = Some(Duration::from_secs(1));
    let plan = WrittenPlan::default;
    for (wrong, said) in vec![
        (
            WrittenPlan { concurrency: Some(64), ..rate("2000/s") },
            "write `--rate 2000/s --max-in-flight 64`",
        ),
        (WrittenPlan { concurrency: Some(64), ..rate("2000/s") }, "write `--concurrency 64` alone"),
        (rate("0"), "--rate 0 makes no calls"),
        (rate("2000/m"), "--rate: `2000/m` is not a rate"),
        (rate("-1"), "--rate: `-1` is not a rate"),
        (
            WrittenPlan { schedule: text("constant(5/s, for=1s)"), ..rate("5/s") },
            "--rate and --schedule both",
        ),
        (
            WrittenPlan { replay: text("0"), schedule_points: text("0,1\n1,1"), ..plan() },
            "--schedule-file and --replay both",
        ),
        (WrittenPlan { schedule: text("constant(5/s)"), ..plan() }, "this schedule never ends"),
        (WrittenPlan { schedule: text("constant(0/s, for=1s)"), ..plan() }, "makes no calls"),
        (WrittenPlan { schedule: text("staircase(5/s)"), ..plan() }, "--schedule: "),
        (WrittenPlan { schedule_points: text("0,1\n0,2\n"), ..plan() }, "--schedule-file: line 2"),
        (WrittenPlan { replay: text("1\nx\n"), ..plan() }, "--replay: line 2"),
        (
            WrittenPlan { replay: text("1"), arrivals: Some(WrittenArrivals::Poisson), ..plan() },
            "--replay gives the due times",
        ),
        (WrittenPlan { replay_speed: text("2"), ..plan() }, "--replay-speed scales"),
        (WrittenPlan { replay_speed: text("2"), ..rate("5/s") }, "--replay-speed scales"),
        (
            WrittenPlan { replay: text("1"), replay_speed: text("0"), ..plan() },
            "--replay-speed: `0`",
        ),
        (WrittenPlan { replay: text("1"), warm_up: second, ..plan() }, "no rate to warm up with"),
        (
            WrittenPlan {
                schedule: text("line(from=0/s, to=9/s, in=9s)"),
                warm_up: second,
                ..plan()
            },
            "no rate to warm up with",
        ),
        (
            WrittenPlan { arrivals: Some(WrittenArrivals::Poisson), ..plan() },
            "give one of these too",
        ),
        (at_once(None), "say how many with -n"),
        (WrittenPlan { duration: second, ..at_once(Some(1)) }, "leave --duration out"),
        (WrittenPlan { warm_up: second, ..at_once(Some(1)) }, "leave --warm-up out"),
        (
            WrittenPlan { arrivals: Some(WrittenArrivals::AtOnce), calls: Some(1), ..rate("5/s") },
            "--rate spreads them over time",
        ),
        (WrittenPlan { concurrency: Some(5), ..at_once(Some(1)) }, "--arrivals at-once says when"),
        (WrittenPlan { think: second, ..rate("5/s") }, "--think is for calls that begin"),
        (
            WrittenPlan { concurrency_schedule: text("constant(5, for=1s)"), ..rate("5/s") },
            "--concurrency-schedule is for calls",
        ),
        (
            WrittenPlan {
                concurrency_schedule: text("constant(5, for=1s)"),
                concurrency: Some(5),
                ..plan()
            },
            "both say how many calls are in flight",
        ),
        (
            WrittenPlan { concurrency_schedule: text("constant(5)"), ..plan() },
            "this schedule never ends",
        ),
        (WrittenPlan { concurrency_schedule: text("5"), ..plan() }, "--concurrency-schedule: "),
        (WrittenPlan { concurrency: Some(0), ..plan() }, "give at least 1"),
        (WrittenPlan { max_in_flight: Some(5), ..plan() }, "give --concurrency instead"),
        (
            WrittenPlan { max_in_flight: Some(0), ..rate("5/s") },
            "--max-in-flight 0 lets no call be sent",
        ),
        (WrittenPlan { concurrency: Some(u64::MAX), ..plan() }, "give at most 10,000,000"),
        (
            WrittenPlan {
                concurrency_schedule: text("constant(1M, for=1s); constant(1000M, for=1s)"),
                ..plan()
            },
            "give at most 10,000,000",
        ),
        (WrittenPlan { max_in_flight: Some(usize::MAX), ..rate("5/s") }, "give at most 10,000,000"),
        (WrittenPlan { workers: Some(usize::MAX), ..plan() }, "give at most 1,024"),
        (
            WrittenPlan { connections: Some(WrittenConnections::Fixed(usize::MAX)), ..plan() },
            "give at most 100,000",
        ),
        (WrittenPlan { sample: Some(u32::MAX), ..plan() }, "give at most 1,000,000"),
        (WrittenPlan { calls: Some(0), ..plan() }, "makes no calls"),
        (WrittenPlan { duration: Some(Duration::ZERO), ..plan() }, "makes no calls"),
        (WrittenPlan { workers: Some(0), ..plan() }, "--workers 0 sends nothing"),
        (
            WrittenPlan {
                workers: Some(4),
                connections: Some(WrittenConnections::Fixed(2)),
                ..plan()
            },
            "--connections 2 is too few for --workers 4",
        ),
        (WrittenPlan { grace: Some(Duration::MAX), ..plan() }, "--grace is longer than 365 days"),
        (
            WrittenPlan { no_call_ids: true, call_id_prefix: text("a"), ..plan() },
            "give one of the two",
        ),
        (WrittenPlan { delay: second, behavior: text("5ms"), ..plan() }, "a delay or a behavior"),
        (WrittenPlan { behavior: text(""), ..plan() }, "an empty text is not a behavior"),
        (WrittenPlan { echo_payload: true, response_bytes: 1, ..plan() }, "not both"),
        (
            WrittenPlan { payload: Some(WrittenPayload::Base64("?".to_owned())), ..plan() },
            "not base64",
        ),
        (
            WrittenPlan { payload: Some(WrittenPayload::Bytes(u32::MAX)), ..plan() },
            "at most 268435456",
        ),
        (WrittenPlan { expect: vec!["FINE".to_owned()], ..plan() }, "`FINE` is not a gRPC status"),
        (WrittenPlan { metadata: vec![("te".to_owned(), "x".to_owned())], ..plan() }, "sets `te`"),
        (
            WrittenPlan {
                metadata: vec![("grpc-timeout".to_owned(), "1S".to_owned())],
                deadline: second,
                ..plan()
            },
            "one of the two",
        ),
        (WrittenPlan { url: text("https://127.0.0.1:9"), ..plan() }, "--url: "),
        (WrittenPlan { stop_when: text("p99<1s"), ..plan() }, "--stop-when: "),
        (WrittenPlan { stop_when: text("not_sent>1%"), ..plan() }, "--stop-when: "),
    ] {
        let why = refused(wrong.clone());
        assert!(why.contains(said), "{wrong:?}: {why:?}");
    }
}

#[test]
fn a_closed_loop_refuses_thresholds_on_figures_it_does_not_have() {
    let mut settings = of(WrittenPlan::default());
    for text in ["lag.p99<1s", "response.p99<1s", "not_sent<1%", "p99", "p99<"] {
        let why = settings.judge(&[text.to_owned()]).unwrap_err().to_string();
        assert!(why.starts_with("--threshold: "), "{why}");
    }
    assert!(settings.judge(&["p99<1s".to_owned(), "errors<1%".to_owned()]).is_ok());
    assert_eq!(settings.thresholds.len(), 2);
}

fn texts() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("\\PC{0,12}")
}

fn times() -> impl Strategy<Value = Option<Duration>> {
    proptest::option::of(any::<u64>().prop_map(Duration::from_nanos))
}

/// Plans, some of which make sense.
fn plans() -> impl Strategy<Value = WrittenPlan> {
    let what = (texts(), times(), texts(), times(), texts(), any::<[bool; 2]>(), any::<u32>());
    let when = (
        proptest::option::of(prop_oneof!["[0-9]{1,4}/s", "\\PC{0,8}"]),
        any::<Option<u64>>(),
        texts(),
        texts(),
        texts(),
        times(),
    );
    let how = (
        any::<Option<u64>>(),
        times(),
        times(),
        any::<Option<usize>>(),
        texts(),
        any::<Option<u64>>(),
    );
    (what, when, how).prop_map(|(what, when, how)| WrittenPlan {
        url: what.0,
        delay: what.1,
        behavior: what.2,
        deadline: what.3,
        payload: what.4.map(if what.5[0] { WrittenPayload::Text } else { WrittenPayload::Base64 }),
        no_call_ids: what.5[1],
        response_bytes: what.6,
        rate: when.0,
        concurrency: when.1,
        schedule: when.2,
        schedule_points: when.3,
        replay: when.4,
        think: when.5,
        calls: how.0,
        duration: how.1,
        warm_up: how.2,
        connections: how.3.map(|count| match count {
            0 => WrittenConnections::Auto(Auto::Auto),
            count => WrittenConnections::Fixed(count),
        }),
        stop_when: how.4,
        seed: how.5,
        ..WrittenPlan::default()
    })
}

proptest! {
    /// A plan that is written is read back as the same plan.
    #[test]
    fn a_plan_is_read_back_as_it_was_written(plan in plans()) {
        let json = serde_json::to_vec(&plan).unwrap();
        prop_assert_eq!(read_plan(&json), Ok(plan));
    }

    /// No plan causes a panic, and a plan that was read means the same when it is read again.
    #[test]
    fn any_plan_is_read_or_refused(plan in plans()) {
        if let Ok((settings, _)) = Settings::read(plan) {
            prop_assert_eq!(of(settings.plan.clone()), settings);
        }
    }

    /// No text that claims to be a record causes a panic.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}", value in "[0-9eE.+-]{1,30}") {
        let _ = read_plan(text.as_bytes());
        for key in ["delay_ns", "connections", "calls", "payload", "rate", "response_bytes"] {
            let plan = format!("{{\"{key}\": {value}}}");
            if let Ok(plan) = read_plan(plan.as_bytes()) {
                let _ = Settings::read(plan);
            }
        }
    }
}

#[test]
fn text_that_is_not_a_record_is_refused_with_what_would_be_right() {
    for (json, said) in [
        ("", "neither a record"),
        ("[]", "neither a record"),
        ("{}", "it is empty"),
        ("{\"schema\": \"longsync.race/v1\", \"plan\": {}}", "its schema is `longsync.race/v1`"),
        ("{\"schema\": \"longsync.load/v1\"}", "has no plan"),
        ("{\"plan\": {}}", "it has no schema"),
        ("{\"schema\": \"longsync.load/v1\", \"plan\": {\"rat\": 1}}", "unknown field `rat`"),
        ("{\"rate\": 2000}", "expected a string"),
        ("{\"connections\": \"many\"}", "or \"auto\""),
        ("{\"grace_ns\": -1}", "line 1 column"),
    ] {
        let why = read_plan(json.as_bytes()).unwrap_err().to_string();
        assert!(why.contains(said), "{json}: {why}");
    }
}

#[test]
fn a_deeply_nested_record_is_refused() {
    let deep = format!("{{\"plan\": {}", "[".repeat(100_000));
    assert!(read_plan(deep.as_bytes()).is_err());
}
