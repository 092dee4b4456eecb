//! Storms against servers of their own. Nothing here depends on how busy the machine is.

use std::time::Duration;

use longsync_client::storm::{
    Recovery, SLOT, Storm, StormOptions, StormPlan, StormWay, Trigger, run, to_json, to_svg,
    to_text,
};
use tokio_util::sync::CancellationToken;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn slots_in(time: Duration) -> usize {
    usize::try_from(time.as_nanos() / SLOT.as_nanos()).unwrap()
}

/// The shortest storm: 80 calls per second at one worker.
fn plan(ways: &[StormWay]) -> StormPlan {
    let options = StormOptions {
        ways: ways.into(),
        workers: 1,
        trigger: Trigger::Stall(millis(250)),
        before: millis(500),
        duration: Duration::from_secs(3),
        seed: Some(1),
        ..StormOptions::default()
    };
    StormPlan::new(options).unwrap()
}

async fn stormed(plan: &StormPlan, interrupt: &CancellationToken) -> Storm {
    run(plan, interrupt, |_| {}).await.unwrap()
}

#[tokio::test]
async fn every_way_is_run_to_its_end_and_counted_in_slots() {
    let ways = [StormWay::Work, StormWay::Budget];
    let plan = plan(&ways);
    let storm = stormed(&plan, &CancellationToken::new()).await;
    assert!(!storm.is_interrupted);
    assert_eq!(storm.runs.iter().map(|run| run.way).collect::<Vec<_>>(), ways);
    let slots = slots_in(plan.whole());
    for run in &storm.runs {
        assert_eq!(run.slots.len(), slots, "{run:?}");
        assert!(run.is_complete && run.trouble.is_none() && run.failed() == 0, "{run:?}");
        assert!(run.due() > 150 && run.slots[0].good > 0, "{run:?}");
        let attempts = run.attempts_per_call().unwrap();
        assert!((1.0..=4.0).contains(&attempts), "{run:?}");
        assert_ne!(run.recovery(), Recovery::Unknown);
    }
    // The same seed has the same arrivals in each way.
    let due = |run: usize| storm.runs[run].slots.iter().map(|slot| slot.due).collect::<Vec<_>>();
    assert_eq!(due(0), due(1));

    let json: serde_json::Value = serde_json::from_str(&to_json(&storm).unwrap()).unwrap();
    assert_eq!(json["schema"], "longsync.storm/v1");
    assert_eq!((&json["seed"], &json["trigger"]), (&1.into(), &"stall 250ms".into()));
    assert_eq!(json["backoff_max_ns"], 1_000_000_000);
    let way = &json["ways"][0];
    assert_eq!((&way["way"], &way["abandoned"]), (&"work".into(), &"work".into()));
    assert_eq!(way["slots"].as_array().unwrap().len(), slots);
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
    assert_eq!(way["settled_ns"], nanos(plan.settled()));
    assert_eq!(way["trigger_start_ns"], nanos(plan.trigger_at().start));
    assert_eq!(way["slot_ns"], nanos(SLOT));
    assert_eq!(json["ways"][1]["limit"], 1_000_000);
    assert!(json["lesson"].as_str().unwrap().ends_with('.'));

    let text = anstream::adapter::strip_str(&to_text(&storm, 80)).to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for word in ["A stall of 250ms at a load of 80%", "retries with a budget:", "standing"] {
        assert!(text.contains(word), "{text}");
    }
    roxmltree::Document::parse(&to_svg(&storm)).unwrap();
}

#[tokio::test]
async fn calls_stand_during_a_stall_and_a_limit_sheds() {
    let options = StormOptions { limit: 1, ..(*plan(&[StormWay::Work, StormWay::Limit])).clone() };
    let plan = StormPlan::new(options).unwrap();
    let storm = stormed(&plan, &CancellationToken::new()).await;
    let [work, limit] = &storm.runs[..] else { panic!("{storm:?}") };
    assert!(work.most_standing() > limit.most_standing(), "{storm:?}");
    // Those that arrive in the slot of the stall, some 20, stand at its end.
    let stalled = work.slots[slots_in(work.trigger.start)];
    assert!(stalled.due >= 10 && stalled.standing >= 10, "{work:?}");
    assert!(limit.most_standing() <= 1, "{limit:?}");
    assert!(work.slots.iter().all(|slot| slot.shed == 0), "{work:?}");
    assert!(limit.slots.iter().any(|slot| slot.shed > 0), "{limit:?}");
}

#[tokio::test]
async fn an_interrupted_storm_has_what_there_is() {
    let interrupt = CancellationToken::new();
    let cancelling = interrupt.clone();
    tokio::spawn(async move {
        tokio::time::sleep(millis(400)).await;
        cancelling.cancel();
    });
    let plan = plan(&[StormWay::Work, StormWay::Free]);
    let storm = stormed(&plan, &interrupt).await;
    assert!(storm.is_interrupted);
    let [run] = &storm.runs[..] else { panic!("{storm:?}") };
    assert!(!run.is_complete && run.slots.len() < slots_in(plan.whole()), "{run:?}");
    let text = anstream::adapter::strip_str(&to_text(&storm, 80)).to_string();
    assert!(text.contains("No way ran long enough to teach anything."), "{text}");
}
