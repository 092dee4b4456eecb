//! Reflection: what grpcurl and its like learn of the server without a proto file.

use std::collections::BTreeSet;

use anyhow::Context as _;
use prost::Message as _;
use prost_types::FileDescriptorProto;

use crate::harness::{Memory, ORIGIN, Result, config, connect};

/// The two versions of the protocol differ in nothing but their package.
macro_rules! reflected {
    ($name:ident, $version:ident) => {
        mod $name {
            use tonic_reflection::pb::$version::ServerReflectionRequest;
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;

            use super::*;

            async fn ask(request: MessageRequest) -> Result<MessageResponse> {
                let server = Memory::start(config()).await;
                let channel = connect(server.open().0).await?;
                let request = ServerReflectionRequest {
                    message_request: Some(request),
                    ..ServerReflectionRequest::default()
                };
                let mut answers = ServerReflectionClient::with_origin(channel, ORIGIN.parse()?)
                    .server_reflection_info(tokio_stream::iter([request]))
                    .await?
                    .into_inner();
                let answer = answers.message().await?.context("no answer")?;
                answer.message_response.context("an empty answer")
            }

            async fn file_with(symbol: &str) -> Result<FileDescriptorProto> {
                let asked = MessageRequest::FileContainingSymbol(symbol.to_owned());
                match ask(asked).await? {
                    MessageResponse::FileDescriptorResponse(files) => {
                        let [file] = &files.file_descriptor_proto[..] else {
                            anyhow::bail!("{} files", files.file_descriptor_proto.len())
                        };
                        Ok(FileDescriptorProto::decode(&**file)?)
                    }
                    other => anyhow::bail!("{other:?}"),
                }
            }

            #[tokio::test(start_paused = true)]
            async fn every_service_is_listed() -> Result<()> {
                let answer = ask(MessageRequest::ListServices(String::new())).await?;
                let MessageResponse::ListServicesResponse(listed) = answer else {
                    anyhow::bail!("{answer:?}")
                };
                let names: BTreeSet<_> =
                    listed.service.into_iter().map(|service| service.name).collect();
                for name in ["longsync.v1.LongSyncService", "grpc.health.v1.Health"] {
                    assert!(names.contains(name), "{names:?}");
                }
                Ok(())
            }

            #[tokio::test(start_paused = true)]
            async fn the_contract_is_served_as_it_is_compiled_from_its_source() -> Result<()> {
                assert_eq!(file_with("longsync.v1.LongSyncService").await?, compiled_again()?);
                Ok(())
            }

            #[tokio::test(start_paused = true)]
            async fn what_a_status_may_carry_is_described() -> Result<()> {
                for (symbol, file) in [
                    ("longsync.v1.Timing", "longsync/v1/longsync.proto"),
                    ("google.protobuf.Duration", "google/protobuf/duration.proto"),
                    ("google.rpc.BadRequest", "error_details.proto"),
                    ("google.rpc.QuotaFailure", "error_details.proto"),
                ] {
                    let found = file_with(symbol).await?;
                    assert!(found.name().ends_with(file), "{symbol} in {}", found.name());
                }
                Ok(())
            }
        }
    };
}

reflected!(version_1, v1);
reflected!(version_1alpha, v1alpha);

/// The contract, compiled from its source by the test itself.
fn compiled_again() -> Result<FileDescriptorProto> {
    let protos = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto");
    let compiled = protox::compile(["longsync/v1/longsync.proto"], [protos])?;
    assert_eq!(
        prost_types::FileDescriptorSet::decode(longsync::FILE_DESCRIPTOR_SET)?,
        compiled,
        "the descriptor set that was built in"
    );
    let ours = |file: &FileDescriptorProto| file.name() == "longsync/v1/longsync.proto";
    compiled.file.into_iter().find(ours).context("the compiled set lacks the contract")
}
