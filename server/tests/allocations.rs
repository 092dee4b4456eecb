//! Counts the allocations of a call with a delay on the server, including everything that serves its
//! connection.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::Request;
use longsync::duration::to_proto;
use longsync::v1::LongSyncRequest;
use longsync_server::{Config, Options, Worker, serve_connection};
use longsync_timer::Clock;
use prost::Message as _;
use tokio::io::DuplexStream;
use tokio::runtime::{Builder, Runtime};

/// docs/performance.md lists them. The allocations of a read are shared if it brings many calls; here it
/// brings one.
const A_CALL: u64 = 18;

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn framed(request: &LongSyncRequest) -> Result<Bytes> {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(request.encoded_len())?);
    request.encode(&mut bytes)?;
    Ok(bytes.freeze())
}

/// Makes calls one after another.
async fn call(io: DuplexStream, calls: u64) -> Result<()> {
    let (mut sender, connection) = h2::client::handshake(io).await?;
    let driver = tokio::spawn(connection);
    let delay = Some(to_proto(Duration::from_micros(100)));
    let message = framed(&LongSyncRequest { delay, ..LongSyncRequest::default() })?;
    for _ in 0..calls {
        sender = sender.ready().await?;
        let request = Request::post("http://longsync.test/longsync.v1.LongSyncService/LongSync")
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let (response, mut stream) = sender.send_request(request.body(())?, false)?;
        stream.send_data(message.clone(), true)?;
        let mut body = response.await?.into_body();
        while let Some(chunk) = body.data().await {
            body.flow_control().release_capacity(chunk?.len())?;
        }
        let trailers = body.trailers().await?.context("no trailers")?;
        assert_eq!(trailers["grpc-status"], "0");
    }
    drop(sender);
    driver.await??;
    Ok(())
}

/// How many allocations the server's thread makes for a connection with this many calls.
fn allocations(calls: u64) -> Result<u64> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let client = thread::spawn(move || runtime()?.block_on(call(near, calls)));
    let runtime = runtime()?;
    let allocated = allocation_counter::measure(|| {
        runtime.block_on(async {
            let worker = Worker::new(Config::default(), Clock::Monotonic);
            serve_connection(far, None, &worker).await;
        });
    });
    client.join().map_err(|_| anyhow!("the client has panicked"))??;
    Ok(allocated.count_total)
}

#[test]
fn a_call_with_a_delay_makes_few_allocations() -> Result<()> {
    const CALLS: u64 = 1_000;
    // The allocations of the connection itself are in both.
    let allocated = allocations(2 * CALLS)? - allocations(CALLS)?;
    assert!(allocated <= A_CALL * CALLS, "{allocated} for {CALLS} calls");
    Ok(())
}

/// How many bytes are allocated for calls to a server with this behavior, none of which ends: by the server,
/// and by the client, for which they are all alike.
fn held_for(behavior: &str, rpc: &str, calls: u64) -> Result<i64> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build()?;
    let config = Config::new(Options { behavior: behavior.parse()?, ..Options::default() })?;
    let worker = runtime.block_on(async { Worker::new(config, Clock::Tokio) });
    let mut opened = Ok(Vec::new());
    let held = allocation_counter::measure(|| {
        opened = runtime.block_on(open(&worker, rpc, calls));
    });
    assert_eq!(opened?.len(), usize::try_from(calls)?);
    assert_eq!(worker.snapshot().calls_in_flight(), calls, "{behavior}");
    Ok(held.bytes_current)
}

/// Calls under way.
type OpenCalls = Vec<(h2::client::ResponseFuture, h2::SendStream<Bytes>)>;

/// Opens calls that wait or hang when this returns.
async fn open(worker: &Arc<Worker>, rpc: &str, calls: u64) -> Result<OpenCalls> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let serving = Arc::clone(worker);
    tokio::spawn(async move { serve_connection(far, None, &serving).await });
    let (mut sender, connection) = h2::client::handshake(near).await?;
    tokio::spawn(connection);
    let uri = format!("http://longsync.test/longsync.v1.LongSyncService/{rpc}");
    let message = framed(&LongSyncRequest::default())?;
    let mut opened = Vec::new();
    for _ in 0..calls {
        sender = sender.ready().await?;
        let request = Request::post(&uri).header("content-type", "application/grpc");
        let (response, mut stream) = sender.send_request(request.body(())?, false)?;
        stream.send_data(message.clone(), true)?;
        opened.push((response, stream));
    }
    // The paused clock advances only when nothing else can happen first.
    tokio::time::sleep(Duration::from_millis(1)).await;
    Ok(opened)
}

#[test]
fn a_call_that_hangs_takes_no_more_memory_than_one_that_waits() -> Result<()> {
    const CALLS: u64 = 1_000;
    for rpc in ["LongSync", "LongSyncStream", "LongSyncCollect"] {
        let waiting = held_for("1h", rpc, CALLS)?;
        for behavior in ["0s; hang(100%)", "1h; hang(100%, when=before)"] {
            let hung = held_for(behavior, rpc, CALLS)?;
            assert!(hung <= waiting, "{rpc}: {hung} bytes for {behavior}, {waiting} to wait");
        }
    }
    Ok(())
}
