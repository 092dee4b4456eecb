//! A dropped call ends at once, both in the client and in the server.

use std::time::{Duration, Instant};
use std::{env, error::Error};

use longsync::v1::LongSyncRequest;
use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use tokio::{task::JoinSet, time::sleep};
use tonic::transport::Channel;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("LONGSYNC_URL").unwrap_or("http://127.0.0.1:9000".into());
    let client = LongSyncServiceClient::new(Channel::from_shared(url)?.connect().await?);
    let delay = Duration::from_secs(5).try_into()?;
    let request = LongSyncRequest { delay: Some(delay), ..Default::default() };

    let start = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let (mut client, request) = (client.clone(), request.clone());
        calls.spawn(async move { client.long_sync(request).await });
    }
    sleep(Duration::from_millis(200)).await;
    calls.shutdown().await;
    println!("8 calls of 5 s, cancelled: {:.2?}", start.elapsed());
    Ok(())
}
