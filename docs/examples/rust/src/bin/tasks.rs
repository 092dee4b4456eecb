//! One task per call: all wait at once, on one thread and one connection.

use std::time::{Duration, Instant};
use std::{env, error::Error};

use longsync::v1::LongSyncRequest;
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use tokio::task::JoinSet;
use tonic::transport::Channel;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("LONGSYNC_URL").unwrap_or("http://127.0.0.1:9000".into());
    let client = LongSyncServiceClient::new(Channel::from_shared(url)?.connect().await?);
    let delay = Duration::from_millis(250).try_into()?;
    let request = LongSyncRequest { delay: Some(delay), ..Default::default() };

    let start = Instant::now();
    let mut calls = JoinSet::new();
    for call in 0..8 {
        let (mut client, request) = (client.clone(), request.clone());
        calls.spawn(async move { (call, client.long_sync(request).await) });
    }
    while let Some(ended) = calls.join_next().await {
        let (call, answer) = ended?;
        println!("{call}: {} after {:.2?}", answer?.into_inner().message, start.elapsed());
    }
    println!("8 tasks on one connection: {:.2?}", start.elapsed());
    Ok(())
}
