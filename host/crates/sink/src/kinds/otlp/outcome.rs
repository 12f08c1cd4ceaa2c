//! The meaning of a collector's answer for the events that were sent.
//!
//! An answer may say that it took only some records, but never which. A batch of one is then refused; a larger one is to
//! be delivered in smaller batches, until those that it refuses stand alone. The ones that it took come again that way.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use prost::Message as _;
use tonic::{Code, Status};

use crate::Verdict;

/// A gRPC status as it stands in an error's body and in `grpc-status-details-bin`: `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// An answer of success; `reason` makes its words fit to print.
pub(super) fn success(
    answer: &ExportLogsServiceResponse,
    events: usize,
    reason: impl FnOnce(&str) -> String,
) -> Verdict {
    let Some(partial) = &answer.partial_success else {
        return Verdict::Accepted;
    };
    let rejected = usize::try_from(partial.rejected_log_records).unwrap_or(0);
    if rejected == 0 {
        if !partial.error_message.is_empty() {
            tracing::warn!("the collector warns: {}", reason(&partial.error_message));
        }
        return Verdict::Accepted;
    }
    let words = reason(&partial.error_message);
    let reason = match words.as_str() {
        "" => format!("the collector rejected {rejected} of {events}"),
        words => format!("the collector rejected {rejected} of {events}: {words}"),
    };
    match rejected >= events {
        true => Verdict::Refused { reason },
        false => Verdict::TooLarge { reason },
    }
}

/// A failure that the collector itself declared, by the specification's table of codes.
pub(super) fn failure(status: &Status, words: &str) -> Verdict {
    let name = format!("{:?}", status.code());
    let reason = match words {
        "" => format!("gRPC status {name}"),
        words => format!("gRPC status {name}: {words}"),
    };
    // What servers say of a message beyond their limit: grpc-go, grpc-core and grpc-java, and tonic.
    let too_large = ["larger than max", "exceeds maximum size", "message length too large"];
    match status.code() {
        Code::ResourceExhausted | Code::OutOfRange if too_large.iter().any(|sign| status.message().contains(sign)) => {
            Verdict::TooLarge { reason }
        }
        Code::Unavailable
        | Code::ResourceExhausted
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss
        | Code::Cancelled => Verdict::Retry {
            after: retry_delay(status.details()),
            reason,
        },
        // About the credential, the address or the service, not about the records.
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::NotFound => {
            Verdict::Unusable { reason }
        }
        _ => Verdict::Refused { reason },
    }
}

/// The wait that the server asks for, in the details of its status.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let info = status
        .details
        .iter()
        .find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay?;
    let seconds = u64::try_from(delay.seconds).ok()?;
    let nanos = u32::try_from(delay.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsPartialSuccess;

    use super::*;

    fn partial(rejected: i64, message: &str, events: usize) -> Verdict {
        let answer = ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess {
                rejected_log_records: rejected,
                error_message: message.into(),
            }),
        };
        success(&answer, events, str::to_owned)
    }

    #[test]
    fn a_batch_that_is_taken_in_part_is_split_until_what_is_refused_stands_alone() {
        assert_eq!(
            success(&ExportLogsServiceResponse::default(), 3, str::to_owned),
            Verdict::Accepted
        );
        assert_eq!(partial(0, "", 3), Verdict::Accepted);
        assert_eq!(partial(0, "deprecated", 3), Verdict::Accepted);
        assert_eq!(partial(-1, "", 3), Verdict::Accepted);
        let reason = "the collector rejected 1 of 3: too old".to_owned();
        assert_eq!(partial(1, "too old", 3), Verdict::TooLarge { reason });
        let reason = "the collector rejected 1 of 1".to_owned();
        assert_eq!(partial(1, "", 1), Verdict::Refused { reason });
        assert!(matches!(partial(i64::MAX, "", 3), Verdict::Refused { .. }));
    }

    #[test]
    fn codes_are_read_by_the_specification() {
        for code in [
            Code::Unavailable,
            Code::ResourceExhausted,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::OutOfRange,
            Code::DataLoss,
            Code::Cancelled,
        ] {
            let verdict = failure(&Status::new(code, "busy"), "busy");
            assert_eq!(
                verdict,
                Verdict::Retry {
                    after: None,
                    reason: format!("gRPC status {code:?}: busy")
                }
            );
        }
        for code in [
            Code::Unknown,
            Code::InvalidArgument,
            Code::AlreadyExists,
            Code::FailedPrecondition,
            Code::Internal,
        ] {
            let verdict = failure(&Status::new(code, ""), "");
            assert_eq!(
                verdict,
                Verdict::Refused {
                    reason: format!("gRPC status {code:?}")
                }
            );
        }
        for code in [
            Code::NotFound,
            Code::PermissionDenied,
            Code::Unauthenticated,
            Code::Unimplemented,
        ] {
            let verdict = failure(&Status::new(code, ""), "");
            let reason = format!("gRPC status {code:?}");
            assert_eq!(verdict, Verdict::Unusable { reason });
        }
    }

    #[test]
    fn a_message_beyond_the_server_s_limit_is_too_large() {
        for (code, message) in [
            (
                Code::ResourceExhausted,
                "grpc: received message larger than max (5000000 vs. 4194304)",
            ),
            (
                Code::ResourceExhausted,
                "CLIENT: Received message larger than max (5 vs. 4)",
            ),
            (
                Code::ResourceExhausted,
                "gRPC message exceeds maximum size 4194304: 5000000",
            ),
            (
                Code::OutOfRange,
                "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes",
            ),
        ] {
            assert!(
                matches!(failure(&Status::new(code, message), message), Verdict::TooLarge { .. }),
                "{message}"
            );
        }
    }

    #[test]
    fn a_server_says_how_long_to_wait() {
        let delayed = |seconds, nanos| {
            let info = RetryInfo {
                retry_delay: Some(Delay { seconds, nanos }),
            };
            let status = RpcStatus {
                code: 8,
                message: "slow".into(),
                details: vec![Detail {
                    type_url: "type.googleapis.com/google.rpc.RetryInfo".into(),
                    value: info.encode_to_vec(),
                }],
            };
            let details = status.encode_to_vec();
            failure(
                &Status::with_details(Code::ResourceExhausted, "slow", details.into()),
                "slow",
            )
        };
        for (seconds, nanos, wait) in [
            (7, 500_000_000, Some(Duration::from_millis(7500))),
            (0, 0, Some(Duration::ZERO)),
            (-1, 0, None),
            (1, -1, None),
            (1, i32::MAX, None),
        ] {
            let verdict = delayed(seconds, nanos);
            assert!(
                matches!(&verdict, Verdict::Retry { after, .. } if *after == wait),
                "{verdict:?}"
            );
        }
        let garbage = Status::with_details(Code::Unavailable, "", vec![0xff; 9].into());
        assert!(matches!(failure(&garbage, ""), Verdict::Retry { after: None, .. }));
    }
}
