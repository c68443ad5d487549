use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Error, limits};

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

impl Error {
    /// The short body `{"status_code", "error_code", "message"}`.
    pub fn to_response(&self) -> ErrorResponse {
        ErrorResponse::from(self)
    }
}

impl From<&Error> for ErrorResponse {
    fn from(error: &Error) -> Self {
        Self {
            status_code: error.http_status(),
            error_code: limits::cut(error.error_code(), limits::MAX_CODE).into_owned().into(),
            message: limits::cut(error.public_message(), limits::MAX_TEXT).into_owned().into(),
        }
    }
}

/// The client side: the remote error. The kind follows from the code if it is one of the 16, else from the status.
impl From<ErrorResponse> for Error {
    fn from(response: ErrorResponse) -> Self {
        let message = limits::cut(&response.message, limits::MAX_TEXT).into_owned();
        Self::with_status(response.status_code, Some(message.into())).with_wire_code(response.error_code)
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
