use std::collections::HashMap;
use std::sync::Arc;

use ::tonic::{Code, Status};
use serde_json::Value;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::bounded::BoundedViolations;
use crate::{Error, Violation, limits};

/// The `ErrorInfo` domain that `Status::from` writes; a service with its own domain calls [`Error::to_status`].
pub const DEFAULT_DOMAIN: &str = "underpin";

/// Together, percent-encoded and in base64, these stay below the 8 KiB that gRPC suggests for all headers.
const MAX_MESSAGE: usize = 512;
const MAX_VIOLATIONS: usize = 2048;
const MAX_DETAILS: usize = 1024;

impl Error {
    /// The gRPC status of this error. `domain` names the service that owns the code, as `ErrorInfo` asks (AIP-193).
    pub fn to_status(&self, domain: &str) -> Status {
        let public = self.is_client_error();
        let metadata = if public { metadata(self) } else { HashMap::new() };
        let code = limits::cut(self.error_code(), limits::MAX_CODE);
        let domain = limits::cut(domain, limits::MAX_REQUEST_ID);
        let mut details = ErrorDetails::with_error_info(code, domain, metadata);
        if public && !self.violations().is_empty() {
            let violations = BoundedViolations::of(self.violations().iter().cloned(), MAX_VIOLATIONS);
            details.set_bad_request(violations.iter().map(field_violation).collect::<Vec<_>>());
        }
        if let Some(delay) = self.retry_delay() {
            details.set_retry_info(Some(delay));
        }
        if let Some(id) = self.request_id() {
            details.set_request_info(limits::cut(id, limits::MAX_REQUEST_ID), "");
        }
        let message = limits::cut(self.public_message(), MAX_MESSAGE);
        Status::with_error_details(Code::from_i32(self.kind().grpc_code()), message, details)
    }
}

/// The error stays in the process as the source of the status, where a layer finds it for the log; tonic never sends it.
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

fn metadata(error: &Error) -> HashMap<String, String> {
    limits::details(error.details(), MAX_DETAILS).iter().map(text_pair).collect()
}

fn field_violation(violation: &Violation) -> FieldViolation {
    FieldViolation::new(violation.field(), violation.message())
}

fn text_pair((key, value): (&String, &Value)) -> (String, String) {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (key.clone(), text)
}
