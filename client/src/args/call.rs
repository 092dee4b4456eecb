//! The command line of `call`.

use longsync_client::request::{self, zeros};
use longsync_client::single::{self, MOST_ROWS, SinglePlan, SinglePlanError};

use super::request::{PayloadSource, RequestArgs};
use super::{bytes, whole};

/// The kind of an RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RpcKindArg {
    /// `LongSync`: one request, one answer.
    Unary,
    /// `LongSyncStream`: one request, `count` answers.
    Stream,
    /// `LongSyncCollect`: `count` requests, one answer.
    Collect,
    /// `LongSyncExchange`: `count` requests, one answer per request.
    Exchange,
}

impl From<RpcKindArg> for single::RpcKind {
    fn from(kind: RpcKindArg) -> Self {
        match kind {
            RpcKindArg::Unary => Self::Unary,
            RpcKindArg::Stream => Self::Stream,
            RpcKindArg::Collect => Self::Collect,
            RpcKindArg::Exchange => Self::Exchange,
        }
    }
}

#[derive(Debug, clap::Args)]
// A value that begins with a hyphen is still a value, perhaps a wrong one, and not an unknown flag.
#[command(mut_args(|arg| if arg.get_action().takes_values() { arg.allow_hyphen_values(true) } else { arg }))]
pub(crate) struct CallArgs {
    /// The kind of RPC.
    #[arg(
        long,
        value_enum,
        value_name = "KIND",
        default_value = "unary",
        help_heading = "Request"
    )]
    kind: RpcKindArg,

    #[command(flatten)]
    pub(super) request: RequestArgs,

    /// The number of answers in a stream, or of requests in a collect or an exchange [default: 1].
    #[arg(long, value_name = "N", value_parser = whole)]
    count: Option<u32>,

    /// An id for the call, by which to find it in the server's log.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    call_id: String,

    /// Print JSON (schema longsync.call/v1) instead of text.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

impl CallArgs {
    /// The plan of the call.
    ///
    /// # Errors
    /// If a count is given for a unary call, a deadline is given twice, or the payload cannot be read.
    pub(crate) fn into_plan(self) -> Result<SinglePlan, String> {
        let RequestArgs { url, delay, behavior, deadline, payload, payload_bytes, .. } =
            self.request;
        let payload = match payload_bytes {
            Some(bytes) => zeros(bytes)?,
            None => payload.map(PayloadSource::read).transpose()?.unwrap_or_default().into(),
        };
        let target = url.unwrap_or_else(request::default_target);
        let mut plan = SinglePlan::builder(self.kind.into(), target)
            .behavior(behavior.unwrap_or_default())
            .payload(payload)
            .echo_payload(self.request.echo_payload)
            .response_bytes(self.request.response_bytes)
            .call_id(self.call_id)
            .metadata(request::metadata(&self.request.metadata)?)
            // JSON contains all answers, a table only the first ones.
            .most_kept(if self.json { usize::MAX } else { MOST_ROWS });
        if let Some(delay) = delay {
            plan = plan.delay(delay);
        }
        if let Some(deadline) = deadline {
            plan = plan.deadline(deadline);
        }
        if let Some(count) = self.count {
            plan = plan.count(count);
        }
        if let Some(most) = self.request.max_answer_bytes {
            plan = plan.max_answer_bytes(bytes(most));
        }
        plan.build().map_err(|why| match why {
            SinglePlanError::CountOfUnary => {
                "--count is for stream, collect and exchange: a unary call has one request and one answer"
                    .to_owned()
            }
            SinglePlanError::DeadlineTwice => {
                "--deadline is sent as grpc-timeout: give one of the two".to_owned()
            }
            why => why.to_string(),
        })
    }
}
