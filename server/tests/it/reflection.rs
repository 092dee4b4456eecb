//! Reflection: what grpcurl and similar tools learn about the server without a proto file.

use std::collections::BTreeSet;

use anyhow::Context as _;
use prost::Message as _;
use prost_types::FileDescriptorProto;
use tokio::sync::mpsc::UnboundedSender;
use tonic::{Code, Streaming};

use longsync_server::Options;

use crate::harness::{
    HOUR, Memory, ORIGIN, Result, checked, config, connect, ms, open_stream, options, settle, wait,
    with_drain,
};

/// The files of an answer.
fn decoded(files: &[Vec<u8>]) -> Result<Vec<FileDescriptorProto>> {
    Ok(files.iter().map(|file| FileDescriptorProto::decode(&**file)).collect::<Result<_, _>>()?)
}

fn names(files: &[FileDescriptorProto]) -> Vec<&str> {
    files.iter().map(FileDescriptorProto::name).collect()
}

/// The two versions of the protocol differ only in their package.
macro_rules! reflected {
    ($name:ident, $version:ident) => {
        mod $name {
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
            use tonic_reflection::pb::$version::{
                ErrorResponse, ExtensionRequest, ServerReflectionRequest, ServerReflectionResponse,
            };

            use super::*;

            /// A stream of requests and answers.
            struct Reflection {
                requests: UnboundedSender<ServerReflectionRequest>,
                answers: Streaming<ServerReflectionResponse>,
            }

            impl Reflection {
                async fn open(server: &Memory) -> Result<Self> {
                    let channel = connect(server.open().0).await?;
                    let (requests, stream) = open_stream();
                    let answers = ServerReflectionClient::with_origin(channel, ORIGIN.parse()?)
                        .server_reflection_info(stream)
                        .await?
                        .into_inner();
                    Ok(Self { requests, answers })
                }

                async fn start() -> Result<Self> {
                    Self::open(&Memory::start(config()).await).await
                }

                /// Sends a request, and checks what all answers have in common.
                async fn ask(&mut self, asked: Option<MessageRequest>) -> Result<MessageResponse> {
                    let request = ServerReflectionRequest {
                        host: "a.host:9000".to_owned(),
                        message_request: asked,
                    };
                    self.requests.send(request.clone())?;
                    let answer = self.answers.message().await?.context("no answer")?;
                    anyhow::ensure!(answer.valid_host == request.host, "{answer:?}");
                    anyhow::ensure!(answer.original_request == Some(request), "{answer:?}");
                    answer.message_response.context("an empty answer")
                }

                async fn files(
                    &mut self,
                    asked: MessageRequest,
                ) -> Result<Vec<FileDescriptorProto>> {
                    match self.ask(Some(asked)).await? {
                        MessageResponse::FileDescriptorResponse(files) => {
                            decoded(&files.file_descriptor_proto)
                        }
                        other => anyhow::bail!("{other:?}"),
                    }
                }

                async fn error(&mut self, asked: Option<MessageRequest>) -> Result<ErrorResponse> {
                    match self.ask(asked).await? {
                        MessageResponse::ErrorResponse(error) => Ok(error),
                        other => anyhow::bail!("{other:?}"),
                    }
                }
            }

            fn symbol(name: &str) -> MessageRequest {
                MessageRequest::FileContainingSymbol(name.to_owned())
            }

            fn file(name: &str) -> MessageRequest {
                MessageRequest::FileByFilename(name.to_owned())
            }

            #[tokio::test(start_paused = true)]
            async fn the_service_of_interop_tests_is_listed_only_with_its_flag() -> Result<()> {
                const TESTED: &str = "grpc.testing.TestService";
                for has_interop in [false, true] {
                    let config = checked(Options { has_interop, ..options() });
                    let server = Memory::start(config).await;
                    let mut reflection = Reflection::open(&server).await?;
                    let asked = MessageRequest::ListServices(String::new());
                    let answer = reflection.ask(Some(asked)).await?;
                    let MessageResponse::ListServicesResponse(listed) = answer else {
                        anyhow::bail!("{answer:?}")
                    };
                    let is_listed = listed.service.iter().any(|service| service.name == TESTED);
                    assert_eq!(is_listed, has_interop);
                    if has_interop {
                        let files = reflection.files(symbol(TESTED)).await?;
                        assert!(!files.is_empty());
                    } else {
                        let error = reflection.error(Some(symbol(TESTED))).await?;
                        assert_eq!(error.error_code, i32::from(Code::NotFound));
                    }
                }
                Ok(())
            }

            #[tokio::test(start_paused = true)]
            async fn every_service_is_listed_including_both_versions_of_reflection() -> Result<()> {
                let asked = MessageRequest::ListServices("*".to_owned());
                let answer = Reflection::start().await?.ask(Some(asked)).await?;
                let MessageResponse::ListServicesResponse(listed) = answer else {
                    anyhow::bail!("{answer:?}")
                };
                let names: Vec<_> =
                    listed.service.into_iter().map(|service| service.name).collect();
                let expected = [
                    "grpc.health.v1.Health",
                    "grpc.reflection.v1.ServerReflection",
                    "grpc.reflection.v1alpha.ServerReflection",
                    "longsync.v1.LongSyncService",
                ];
                assert_eq!(names, expected);
                for name in expected {
                    let files = Reflection::start().await?.files(symbol(name)).await?;
                    assert!(name.starts_with(files[0].package()), "{name}");
                }
                Ok(())
            }

            #[tokio::test(start_paused = true)]
            async fn the_contract_is_served_as_it_is_compiled_from_its_source() -> Result<()> {
                let served =
                    Reflection::start().await?.files(symbol("longsync.v1.LongSyncService")).await?;
                assert_eq!(served[0], compiled_again()?);
                Ok(())
            }

            #[tokio::test(start_paused = true)]
            async fn a_file_is_sent_with_its_imports_and_none_twice_unless_asked_for() -> Result<()>
            {
                let contract = "longsync/v1/longsync.proto";
                let duration = "google/protobuf/duration.proto";
                let timestamp = "google/protobuf/timestamp.proto";
                for asked in [file(contract), symbol("longsync.v1.Timing.planned")] {
                    let mut reflection = Reflection::start().await?;
                    let files = reflection.files(asked).await?;
                    assert_eq!(names(&files), [contract, duration, timestamp]);
                }
                let mut reflection = Reflection::start().await?;
                let files = reflection.files(symbol("google.rpc.RetryInfo")).await?;
                assert_eq!(names(&files), ["google/rpc/error_details.proto", duration]);
                // Files that were already sent on this stream are left out, unless they are asked for.
                let files = reflection.files(file(contract)).await?;
                assert_eq!(names(&files), [contract, timestamp]);
                let files = reflection.files(file(contract)).await?;
                assert_eq!(names(&files), [contract]);
                let files = reflection.files(symbol("google.protobuf.Duration")).await?;
                assert_eq!(names(&files), [duration]);
                Ok(())
            }

            #[tokio::test(start_paused = true)]
            async fn every_served_file_can_be_read_with_the_files_sent_along() -> Result<()> {
                let mut open: Vec<_> = [
                    "longsync.v1.LongSyncService.LongSync",
                    "grpc.health.v1.HealthCheckResponse.SERVING",
                    "grpc.reflection.v1.ServerReflectionRequest.message_request",
                    "grpc.reflection.v1alpha.ErrorResponse",
                    "google.rpc.BadRequest",
                    "google.rpc.Status",
                ]
                .map(symbol)
                .into();
                while let Some(asked) = open.pop() {
                    let files = Reflection::start().await?.files(asked.clone()).await?;
                    let came: BTreeSet<_> = names(&files).into_iter().collect();
                    for imported in files.iter().flat_map(|file| &file.dependency) {
                        assert!(came.contains(&**imported), "{asked:?} lacks {imported}");
                    }
                }
                Ok(())
            }

            #[tokio::test(start_paused = true)]
            async fn an_unknown_name_is_reported_in_the_stream_which_continues() -> Result<()> {
                let extension = |of: &str| {
                    MessageRequest::FileContainingExtension(ExtensionRequest {
                        containing_type: of.to_owned(),
                        extension_number: 100,
                    })
                };
                let numbers = |of: &str| MessageRequest::AllExtensionNumbersOfType(of.to_owned());
                let mut reflection = Reflection::start().await?;
                for unknown in [
                    symbol("no.Such"),
                    symbol(""),
                    symbol("longsync.v1"),
                    symbol(".longsync.v1.Timing"),
                    symbol("longsync.v1.LongSyncService.LongAsync"),
                    file("no/such.proto"),
                    file(""),
                    extension("longsync.v1.Timing"),
                    extension("no.Such"),
                    numbers("no.Such"),
                    numbers("longsync.v1.LongSyncService"),
                ] {
                    let error = reflection.error(Some(unknown.clone())).await?;
                    assert_eq!(error.error_code, i32::from(Code::NotFound), "{unknown:?}");
                    assert!(error.error_message.starts_with("no "), "{error:?}");
                }
                let error = reflection.error(None).await?;
                assert_eq!(error.error_code, i32::from(Code::InvalidArgument));
                // grpcurl asks this about every message, and takes an error for a broken server.
                let answer = reflection.ask(Some(numbers("longsync.v1.Timing"))).await?;
                let MessageResponse::AllExtensionNumbersResponse(none) = answer else {
                    anyhow::bail!("{answer:?}")
                };
                assert_eq!(none.base_type_name, "longsync.v1.Timing");
                assert_eq!(none.extension_number, []);

                reflection.files(symbol("longsync.v1.Timing")).await?;
                let Reflection { requests, mut answers } = reflection;
                drop(requests);
                assert_eq!(answers.message().await?, None, "it ends with OK, after its requests");
                Ok(())
            }

            #[tokio::test(start_paused = true)]
            async fn a_stream_may_be_silent_for_an_hour_and_ends_with_the_last_call() -> Result<()>
            {
                let server = Memory::start(with_drain(HOUR)).await;
                let mut client = server.client().await?;
                let mut reflection = Reflection::open(&server).await?;
                reflection.files(symbol("longsync.v1.Timing")).await?;
                tokio::time::sleep(HOUR).await;
                reflection.files(symbol("longsync.v1.Timing")).await?;
                let waiting = tokio::spawn(async move { client.long_sync(wait(ms(300))).await });
                settle().await;
                server.worker.drain().await;
                waiting.await??;
                let end = reflection.answers.message().await.expect_err("the last call has ended");
                assert_eq!(end.code(), Code::Unavailable);
                Ok(())
            }
        }
    };
}

reflected!(version_1, v1);
reflected!(version_1alpha, v1alpha);

/// The contract, which the test itself compiles from its source.
fn compiled_again() -> Result<FileDescriptorProto> {
    let protos = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto");
    let compiled = protox::compile(["longsync/v1/longsync.proto"], [protos])?;
    assert_eq!(
        prost_types::FileDescriptorSet::decode(longsync::FILE_DESCRIPTOR_SET)?,
        compiled,
        "the committed descriptor set is outdated: after an edit to the contract, run \
         LONGSYNC_RENEW=1 cargo test -p longsync --features generate"
    );
    let ours = |file: &FileDescriptorProto| file.name() == "longsync/v1/longsync.proto";
    compiled.file.into_iter().find(ours).context("the compiled set lacks the contract")
}
