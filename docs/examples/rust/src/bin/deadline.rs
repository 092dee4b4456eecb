//! A deadline travels with the call: the server knows it too, and stops waiting.

use std::time::{Duration, Instant};
use std::{env, error::Error};

use longsync::v1::long_sync_service_client::LongSyncServiceClient;
use longsync::v1::{LongSyncRequest, LongSyncStreamRequest};
use tonic::{Request, transport::Channel};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("LONGSYNC_URL").unwrap_or("http://127.0.0.1:9000".into());
    let mut client = LongSyncServiceClient::new(Channel::from_shared(url)?.connect().await?);
    let delay = Some(Duration::from_secs(2).try_into()?);

    // Until an answer begins, tonic enforces the deadline as well; it is faster, and reports Cancelled.
    let mut request = Request::new(LongSyncRequest { delay, ..Default::default() });
    request.set_timeout(Duration::from_millis(200));
    let start = Instant::now();
    let status = client.long_sync(request).await.expect_err("2 s are over the deadline");
    println!("call: {:?} ({}) after {:.2?}", status.code(), status.message(), start.elapsed());

    // The answer to a stream begins at once, so it is the server that ends it at the deadline.
    let mut request = Request::new(LongSyncStreamRequest { delay, ..Default::default() });
    request.set_timeout(Duration::from_millis(200));
    let start = Instant::now();
    let mut answers = client.long_sync_stream(request).await?.into_inner();
    let status = answers.message().await.expect_err("2 s are over the deadline");
    println!("stream: {:?} ({}) after {:.2?}", status.code(), status.message(), start.elapsed());
    Ok(())
}
