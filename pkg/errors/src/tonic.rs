//! For tonic: an error as a [`Status`] with the `google.rpc` detail types, and back (feature `tonic`).
//!
//! | part of the error | detail |
//! |---|---|
//! | code, details (as text) | `ErrorInfo` reason, metadata |
//! | violations | `BadRequest` |
//! | pause | `RetryInfo` |
//! | request id | `RequestInfo` |
//!
//! The wall is the same as for HTTP: the status message is [`Error::public_message`], and violations and details are
//! written only for what is a 4xx over HTTP. Contexts and sources never leave.
//!
//! ```
//! use underpin_errors::{Error, Kind};
//!
//! fn get_order() -> Result<tonic::Response<()>, tonic::Status> {
//!     Err(Error::not_found("no order 42").code("ORDER_NOT_FOUND").context("load order"))?
//! }
//!
//! let status = get_order().unwrap_err();
//! assert_eq!((status.code(), status.message()), (tonic::Code::NotFound, "no order 42"));
//!
//! let received = Error::from(status);
//! assert_eq!((received.kind(), received.error_code()), (Kind::NotFound, "ORDER_NOT_FOUND"));
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use ::tonic::{Code, Status};
use serde_json::{Map, Value};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::retry_after::bounded;
use crate::{Error, Kind, Report, Violation};

/// The `ErrorInfo` domain that `Status::from` writes; a service with a name of its own calls [`Error::to_status`].
pub const DEFAULT_DOMAIN: &str = "underpin";

impl Error {
    /// The gRPC status of this error. `domain` names the service that owns the code, as `ErrorInfo` asks (AIP-193).
    pub fn to_status(&self, domain: &str) -> Status {
        let public = self.is_client_error();
        let metadata = if public { self.details().iter().map(text_pair).collect() } else { HashMap::new() };
        let mut details = ErrorDetails::with_error_info(self.error_code(), domain, metadata);
        if public && !self.violations().is_empty() {
            details.set_bad_request(self.violations().iter().map(field_violation).collect::<Vec<_>>());
        }
        if let Some(delay) = self.retry_delay() {
            details.set_retry_info(Some(delay));
        }
        if let Some(id) = self.request_id() {
            details.set_request_info(id, "");
        }
        Status::with_error_details(Code::from_i32(self.kind().grpc_code()), self.public_message(), details)
    }
}

/// The error stays within the process as the status's source, where a layer finds it for the log; tonic never sends it.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let mut status = error.to_status(DEFAULT_DOMAIN);
        status.set_source(Arc::new(error));
        status
    }
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        error.to_status(DEFAULT_DOMAIN)
    }
}

/// The client side: the remote error, typed again.
///
/// A status without details still gives its kind and text; one that says OK is [`Kind::Unknown`]. What stands below the
/// status, such as the transport's own error, becomes a context for the log. Metadata is not kept.
impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let kind = Kind::from_grpc_code(status.code() as i32).unwrap_or(Kind::Unknown);
        let mut error = Self::new(kind, status.message().to_owned());
        // Details that cannot be decoded come out empty, and the kind and the text still stand.
        let details = status.get_error_details();
        if let Some(info) = details.error_info() {
            let members: Map<_, _> =
                info.metadata.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
            error = error.with_details(members).with_remote_code(info.reason.clone());
        }
        if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
            error = error.retry_after(bounded(delay));
        }
        if let Some(info) = details.request_info() {
            error = error.with_request_id(info.request_id.clone());
        }
        if let Some(cause) = std::error::Error::source(&status) {
            error = error.context(Report(cause).to_string());
        }
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        error.with_violations(violations.iter().map(|v| Violation::body(&v.field, v.description.clone())))
    }
}

fn field_violation(violation: &Violation) -> FieldViolation {
    FieldViolation::new(violation.field(), violation.message())
}

fn text_pair((key, value): (&String, &Value)) -> (String, String) {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (key.clone(), text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_kind_has_the_code_that_tonic_knows() {
        for kind in Kind::ALL {
            let status = Status::from(Error::new(kind, "text"));
            assert_eq!(format!("{:?}", status.code()), format!("{kind:?}"));
            assert_eq!(Error::from(status).kind(), kind);
        }
    }

    #[test]
    fn an_error_survives_the_status() {
        let sent = Error::bad_request("the order is not valid")
            .code("ORDER_INVALID")
            .violation("items[0].quantity", "must be at least 1")
            .detail("limit", 7)
            .retry_after(Duration::from_millis(1500))
            .with_request_id("req-1");
        let received = Error::from(sent.to_status("orders.example.com"));
        assert_eq!(received.error_code(), "ORDER_INVALID");
        assert_eq!(received.public_message(), "the order is not valid");
        assert_eq!(received.violations(), sent.violations());
        assert_eq!(received.details().get("limit"), Some(&Value::from("7")));
        assert_eq!(received.retry_delay(), Some(Duration::from_millis(1500)));
        assert_eq!(received.request_id(), Some("req-1"));
    }

    #[test]
    fn a_status_of_a_stranger_gives_kind_and_text() {
        let received = Error::from(Status::not_found("nothing here"));
        assert_eq!((received.kind(), received.public_message()), (Kind::NotFound, "nothing here"));
        assert_eq!(Error::from(Status::new(Code::Ok, "fine")).kind(), Kind::Unknown);
        let broken = Status::with_details(Code::Aborted, "again", vec![0xff, 0x01].into());
        assert_eq!(Error::from(broken).kind(), Kind::Aborted);
    }

    #[test]
    fn the_transport_below_a_status_is_kept_for_the_log() {
        let mut status = Status::not_found("no order 42");
        status.set_source(Arc::new(std::io::Error::other("tcp refused")));
        let error = Error::from(status);
        assert_eq!(error.report().to_string(), "tcp refused: no order 42");
        assert!(!error.public_message().contains("tcp refused"));
    }

    #[test]
    fn the_error_stays_with_the_status_for_the_log_layer() {
        let response = Status::from(Error::internal("row 42")).into_http::<()>();
        let status: &Status = response.extensions().get().unwrap();
        let error = std::error::Error::source(status).and_then(|source| source.downcast_ref::<Error>());
        assert_eq!(error.unwrap().report().to_string(), "row 42");
    }

    #[test]
    fn a_5xx_carries_its_code_and_nothing_of_its_text() {
        let error = Error::internal("row 42").violation("row", "42").detail("row", 42).code("LEDGER_BROKEN");
        let status = Status::from(&error);
        assert_eq!(status.message(), Kind::Internal.public_sentence());
        let details = status.get_error_details();
        assert!(details.bad_request().is_none());
        assert_eq!(
            details.error_info().map(|info| (info.reason.as_str(), info.metadata.len())),
            Some(("LEDGER_BROKEN", 0))
        );
    }
}
