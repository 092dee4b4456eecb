//! The client: tasks that call through `Channel`s.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::v1::LongSyncRequest;
use crate::v1::long_sync_service_client::LongSyncServiceClient;

/// The calls to make.
pub struct Work {
    pub url: String,
    pub calls: u64,
    pub delay_ns: u64,
    pub connections: usize,
    pub in_flight: u64,
}

/// Makes the calls, and prints the result.
pub async fn call(work: Work) -> Result<(), crate::Error> {
    let rss_before_bytes = rss_bytes()?;
    let mut channels = Vec::new();
    for _ in 0..work.connections {
        let endpoint = Endpoint::from_shared(work.url.clone())?
            .initial_connection_window_size(64 * 1024 * 1024);
        channels.push(endpoint.connect().await?);
    }
    let begun = Arc::new(AtomicU64::new(0));
    let ok = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..work.in_flight {
        let channel: Channel = channels[caller as usize % channels.len()].clone();
        let (begun, ok) = (Arc::clone(&begun), Arc::clone(&ok));
        let delay = prost_types::Duration::try_from(Duration::from_nanos(work.delay_ns))?;
        callers.spawn(async move {
            let mut client = LongSyncServiceClient::new(channel);
            while begun.fetch_add(1, Ordering::Relaxed) < work.calls {
                let request = LongSyncRequest { delay: Some(delay), ..LongSyncRequest::default() };
                if client.long_sync(request).await.is_ok() {
                    ok.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    if work.in_flight == work.calls {
        // Halfway through the delay, all of them are waiting.
        tokio::time::sleep_until((start + Duration::from_nanos(work.delay_ns / 2)).into()).await;
        let (rss_bytes, ended) = (rss_bytes()?, ok.load(Ordering::Relaxed));
        println!(
            r#"{{"in_flight":{},"rss_before_bytes":{rss_before_bytes},"rss_bytes":{rss_bytes}}}"#,
            work.calls - ended
        );
    }
    callers.join_all().await;
    let (took_ns, ok) = (start.elapsed().as_nanos(), ok.load(Ordering::Relaxed));
    println!(r#"{{"ok":{ok},"failed":{},"took_ns":{took_ns}}}"#, work.calls - ok);
    Ok(())
}

fn rss_bytes() -> Result<u64, crate::Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok(kib * 1024)
}
