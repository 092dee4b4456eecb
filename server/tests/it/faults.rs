//! Planned faults, on each kind of call, over HTTP/2 and HTTP/1.1.

mod at;
mod at_once;
mod collect;
mod counts;
mod dropped;
mod exchange;
mod fail;
mod fail_first;
mod goaway;
mod hang;
mod mixed;
mod reset;
mod slow;

use std::time::Duration;

use anyhow::Context as _;
use http::Response;
use longsync::v1::LongSyncRequest;
use longsync_behavior::{Behavior, CallName, DrawKey};
use longsync_server::{CallKind, Options, Outcome};

use crate::harness::{HOUR, Memory, Raw, RawCall, Result, checked, framed, options};

const SEED: u64 = 17;

/// The options of a server with this behavior.
fn behaving(behavior: &str) -> Result<Options> {
    Ok(Options { behavior: behavior.parse()?, seed: SEED, drain: HOUR, ..options() })
}

/// A server with this behavior, whose drain may take an hour.
async fn server(behavior: &str) -> Result<Memory> {
    Ok(Memory::start(checked(behaving(behavior)?)).await)
}

/// A request that brings this behavior.
fn bringing(behavior: &str) -> LongSyncRequest {
    LongSyncRequest { behavior: behavior.to_owned(), ..LongSyncRequest::default() }
}

/// A complete call with one message, which any of the RPCs answers once.
async fn call(raw: &Raw, rpc: &str, request: &LongSyncRequest) -> Result<RawCall> {
    let mut call = raw.open(rpc, &[]).await?;
    call.send(framed(request), true)?;
    Ok(call)
}

/// The target of an HTTP call that brings this behavior.
fn target(behavior: &str) -> String {
    let behavior: String = form_urlencoded::byte_serialize(behavior.as_bytes()).collect();
    format!("/long_sync?behavior={behavior}")
}

fn header<'a, T>(answer: &'a Response<T>, name: &str) -> Option<&'a str> {
    answer.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The canonical text of the only fault of a behavior.
fn clause(behavior: &str) -> Result<String> {
    let behavior: Behavior = behavior.parse()?;
    let clause = behavior.faults().clauses().next().context("it has a fault")?;
    Ok(clause.to_string())
}

/// The fault that a behavior draws for the call with this id. The crate `longsync-behavior` has golden
/// vectors for this.
fn drawn(behavior: &str, call_id: &str, index: u64) -> Result<Option<String>> {
    let behavior: Behavior = behavior.parse()?;
    let key = DrawKey { seed: SEED, name: CallName::Id(call_id), attempt: 1, index };
    Ok(behavior.draw_with_fault(&key).1.map(ToString::to_string))
}

/// How often each fault was applied, without those that never were.
fn applied(server: &Memory) -> Vec<(String, u64)> {
    let snapshot = server.snapshot();
    let applied = snapshot.faults().filter(|(_, count)| *count > 0);
    applied.map(|(clause, count)| (clause.to_owned(), count)).collect()
}

fn ended(server: &Memory, kind: CallKind, outcome: Outcome) -> u64 {
    server.snapshot().calls_ended(kind, outcome)
}

/// A drain that is under way, in a separate task.
fn drain(server: &Memory) -> tokio::task::JoinHandle<()> {
    let worker = server.worker.clone();
    tokio::spawn(async move { worker.drain().await })
}

/// Waits for at most an hour, which in paused time passes only when nothing else can happen.
async fn within_an_hour<T>(coming: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(HOUR, coming).await.ok()
}

/// Durations in milliseconds, which the paused clock counts in whole.
fn millis(of: Duration) -> u128 {
    of.as_millis()
}
