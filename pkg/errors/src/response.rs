use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The short error body: `{"status_code", "error_code", "message"}`.
///
/// # Examples
/// ```
/// use underpin_errors::{Error, ErrorResponse};
///
/// let sent = Error::not_found("no order 42").code("ORDER_NOT_FOUND").to_response();
/// let json = serde_json::to_string(&sent).unwrap();
/// assert_eq!(json, r#"{"status_code":404,"error_code":"ORDER_NOT_FOUND","message":"no order 42"}"#);
///
/// let received = Error::from(serde_json::from_str::<ErrorResponse>(&json).unwrap());
/// assert_eq!(received.error_code(), "ORDER_NOT_FOUND");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// The HTTP status.
    pub status_code: u16,
    /// The machine code.
    pub error_code: Cow<'static, str>,
    /// The public text.
    pub message: Cow<'static, str>,
}

impl From<&Error> for ErrorResponse {
    fn from(error: &Error) -> Self {
        Self {
            status_code: error.http_status(),
            error_code: error.error_code().to_owned().into(),
            message: error.public_message().to_owned().into(),
        }
    }
}

/// The client side: the remote error, typed again. The kind follows from the code where it is one of the 16, else
/// from the status.
impl From<ErrorResponse> for Error {
    fn from(response: ErrorResponse) -> Self {
        Self::with_status(response.status_code, Some(response.message)).with_wire_code(response.error_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn every_kind_survives_the_wire() {
        for kind in Kind::ALL {
            let received = Error::from(Error::new(kind, "text").to_response());
            assert_eq!(received.kind(), kind);
            assert_eq!(received.http_status(), kind.http_status());
            assert_eq!(received.error_code(), kind.code());
        }
    }
}
