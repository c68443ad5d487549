use ::tonic::Status;
use prost::Message as _;
use serde_json::{Map, Value};
use tonic_types::{ErrorDetails, StatusExt as _, pb};

use crate::bounded::BoundedViolations;
use crate::retry_after::bounded;
use crate::{Error, Kind, Report, Violation, limits};

/// The client side: the remote error.
///
/// A status without details still gives its kind and text; one that says OK is [`Kind::Unknown`]. The source of the status,
/// such as the transport's error, becomes a context for the log. Metadata is not kept.
impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let kind = Kind::from_grpc_code(status.code() as i32).unwrap_or(Kind::Unknown);
        let mut error = Self::new(kind, limits::cut(status.message(), limits::MAX_TEXT).into_owned());
        let details = details_of(&status);
        if let Some(info) = details.error_info() {
            let members: Map<_, _> =
                info.metadata.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
            error = error.with_details(&members).with_remote_code(info.reason.clone());
        }
        if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
            error = error.retry_after(bounded(delay));
        }
        if let Some(info) = details.request_info() {
            error = error.with_request_id(limits::cut(&info.request_id, limits::MAX_REQUEST_ID));
        }
        if let Some(cause) = std::error::Error::source(&status) {
            error = error.context(limits::cut(&Report(cause).to_string(), limits::MAX_TEXT).into_owned());
        }
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        let violations = violations.iter().map(|v| Violation::body(&v.field, v.description.clone()));
        error.with_violations(BoundedViolations::of(violations, limits::MAX_BODY_PART))
    }
}

/// The details of the status; empty where they cannot be decoded.
///
/// The type of an `Any` is the part behind the last slash of its URL (`google/protobuf/any.proto`). tonic-types knows its types
/// under `type.googleapis.com/` only, so the prefix is replaced.
fn details_of(status: &Status) -> ErrorDetails {
    let Ok(mut message) = pb::Status::decode(status.details()) else { return ErrorDetails::new() };
    for detail in &mut message.details {
        if let Some((_, name)) = detail.type_url.rsplit_once('/') {
            detail.type_url = format!("type.googleapis.com/{name}");
        }
    }
    let details = message.encode_to_vec();
    Status::with_details(status.code(), status.message(), details.into()).get_error_details()
}
