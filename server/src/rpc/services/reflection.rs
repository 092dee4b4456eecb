//! `grpc.reflection.v1.ServerReflection`, and that of `v1alpha`, whose messages are the same on the wire.

use std::collections::BTreeSet;
use std::future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use longsync::frame::encoded;
use longsync_text::quoted;
use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tokio_stream::Stream;
use tonic::Status;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};

use super::descriptors::{Descriptors, FileId};
use super::side_slot::SideSlot;
use crate::body::batches::MessageStream;
use crate::body::intake::Intake;
use crate::body::messages::Requests;
use crate::call::Call;
use crate::call::ending::Ending;
use crate::rpc::BoxMessages;

/// The assumed cost of a reflection stream. An idle one takes 2.6 KiB, even after files were requested;
/// one whose client sends as many small requests as fit into 16 KiB, and reads no answer, takes 52 KiB.
/// These figures are the growth in RSS per stream, measured with 800 streams on 50 connections of one
/// worker.
const STREAM_BYTES: u64 = 52 * 1024;

/// What this server can describe: its services, and the details that its statuses may contain.
static DESCRIPTORS: LazyLock<Descriptors> = LazyLock::new(|| descriptors(&[]));

/// The same with the service of gRPC's interop tests.
static WITH_INTEROP: LazyLock<Descriptors> =
    LazyLock::new(|| descriptors(&[longsync::TESTING_FILE_DESCRIPTOR_SET]));

fn descriptors(more: &[&[u8]]) -> Descriptors {
    let sets = [
        longsync::FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        tonic_types::pb::FILE_DESCRIPTOR_SET,
    ];
    Descriptors::new(sets.iter().chain(more).flat_map(|set| {
        let set = FileDescriptorSet::decode(*set);
        set.expect("the descriptor sets are valid constants").file.into_iter().map(published)
    }))
}

/// Gives a file the name under which it is published elsewhere. The crates shorten some names, and a client
/// that already has the file would take ours for a different one with the same symbols.
fn published(mut file: FileDescriptorProto) -> FileDescriptorProto {
    let name = match file.name() {
        "health.proto" => "grpc/health/v1/health.proto",
        "reflection_v1.proto" => "grpc/reflection/v1/reflection.proto",
        "reflection_v1alpha.proto" => "grpc/reflection/v1alpha/reflection.proto",
        "status.proto" => "google/rpc/status.proto",
        "error_details.proto" => "google/rpc/error_details.proto",
        _ => return file,
    };
    file.name = Some(name.to_owned());
    file
}

/// Answers each request of a stream in turn.
pub(super) fn info(call: Arc<Call>, intake: Intake) -> BoxMessages {
    let descriptors: &'static Descriptors =
        if call.has_interop() { &WITH_INTEROP } else { &DESCRIPTORS };
    let slot = SideSlot::of_stream(call, STREAM_BYTES);
    let requests = Requests::new(intake);
    Box::pin(future::ready(slot.map_err(Ending::from).map(|slot| {
        Box::pin(ReflectionAnswers { requests, descriptors, sent: BTreeSet::new(), _slot: slot })
            as MessageStream
    })))
}

struct ReflectionAnswers {
    requests: Requests<ServerReflectionRequest>,
    descriptors: &'static Descriptors,
    /// The files that were sent on this stream.
    sent: BTreeSet<FileId>,
    _slot: SideSlot,
}

impl Stream for ReflectionAnswers {
    type Item = Result<Bytes, Ending>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let request = ready!(this.requests.poll_next(cx));
        Poll::Ready(request.map(|request| {
            let answer = response(request?.message, this.descriptors, &mut this.sent);
            Ok(encoded(&answer))
        }))
    }
}

fn response(
    request: ServerReflectionRequest,
    descriptors: &Descriptors,
    sent: &mut BTreeSet<FileId>,
) -> ServerReflectionResponse {
    let found = match &request.message_request {
        Some(asked) => found(asked, descriptors, sent),
        None => Err(Status::invalid_argument(
            "the request is empty: set one of the fields of message_request, such as list_services",
        )),
    };
    ServerReflectionResponse {
        valid_host: request.host.clone(),
        original_request: Some(request),
        // An error fails only its own request.
        message_response: Some(found.unwrap_or_else(|why| {
            MessageResponse::ErrorResponse(ErrorResponse {
                error_code: why.code().into(),
                error_message: why.message().to_owned(),
            })
        })),
    }
}

fn found(
    asked: &MessageRequest,
    descriptors: &Descriptors,
    sent: &mut BTreeSet<FileId>,
) -> Result<MessageResponse, Status> {
    let mut files = |file: Option<FileId>, what: String| match file {
        Some(file) => Ok(MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
            file_descriptor_proto: descriptors.with_imports(file, sent),
        })),
        None => Err(nothing(&what)),
    };
    match asked {
        MessageRequest::FileByFilename(name) => {
            files(descriptors.file(name), format!("file {}", quoted(name)))
        }
        MessageRequest::FileContainingSymbol(name) => {
            files(descriptors.file_of_symbol(name), format!("symbol {}", quoted(name)))
        }
        MessageRequest::FileContainingExtension(extension) => {
            let (extended, number) = (&extension.containing_type, extension.extension_number);
            let what = format!("extension {number} of a message {}", quoted(extended));
            files(descriptors.file_of_extension(extended, number), what)
        }
        MessageRequest::AllExtensionNumbersOfType(extended) => {
            let numbers = descriptors.extension_numbers(extended);
            let numbers =
                numbers.ok_or_else(|| nothing(&format!("message {}", quoted(extended))))?;
            Ok(MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                base_type_name: extended.clone(),
                extension_number: numbers,
            }))
        }
        MessageRequest::ListServices(_) => {
            let services = descriptors.services();
            Ok(MessageResponse::ListServicesResponse(ListServiceResponse {
                service: services.map(|name| ServiceResponse { name: name.to_owned() }).collect(),
            }))
        }
    }
}

fn nothing(what: &str) -> Status {
    Status::not_found(format!(
        "no {what} here: list_services lists the services, and their symbols lead to everything else"
    ))
}
