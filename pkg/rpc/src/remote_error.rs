//! Errors of services on the wire: two headers of NATS micro, and a problem document as the body.

use bytes::Bytes;
use underpin_errors::{Error, Kind, Problem};

use crate::headers::Headers;

/// The header with the number of an error: an HTTP status where the service is ours.
pub(crate) const ERROR_CODE: &str = "Nats-Service-Error-Code";
/// The header with the text of an error.
pub(crate) const ERROR_TEXT: &str = "Nats-Service-Error";
/// The longest text in a header, in bytes.
const MAX_TEXT: usize = 200;

/// The error that a service answered with.
///
/// A service of this crate sends a problem document: kind, code, violations, details and the public text arrive as they were. Of
/// another service the number decides: an HTTP status names the kind, any other number is [`Kind::Unknown`].
#[derive(Clone, Debug)]
pub struct RemoteError {
    error: Error,
    number: Option<String>,
    body: Bytes,
}

impl RemoteError {
    pub(crate) fn new(error: Error) -> Self {
        let number = Some(error.http_status().to_string());
        Self { error, number, body: Bytes::new() }
    }

    /// Reads an error reply; none when the reply is a result.
    pub(crate) fn read(headers: &Headers, body: &Bytes) -> Option<Self> {
        let (number, text) = (headers.get(ERROR_CODE), headers.get(ERROR_TEXT));
        if number.is_none() && text.is_none() {
            return None;
        }
        let error = decode(number, text, body);
        Some(Self { error, number: number.map(str::to_owned), body: body.clone() })
    }

    /// The error, with what the service meant for its callers.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The number of the header, as it was sent.
    pub fn number(&self) -> Option<&str> {
        self.number.as_deref()
    }

    /// The body of the reply. Services of other libraries put anything there.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl std::fmt::Display for RemoteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the service answered {}", self.error.error_code())
    }
}

impl std::error::Error for RemoteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

fn decode(number: Option<&str>, text: Option<&str>, body: &[u8]) -> Error {
    let status = number.and_then(|number| number.trim().parse::<u16>().ok());
    let Some(status) = status.filter(|status| (400..600).contains(status)) else {
        let said = format!("number {}, {}", number.unwrap_or("none"), text.unwrap_or("no text"));
        return Error::new(Kind::Unknown, said);
    };
    if serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|body| body.is_object()) {
        let error = Error::from_remote(status, body);
        // A body that is no problem leaves the fixed sentence; the text of the header says more.
        let recognized = error.public_message() != error.kind().public_sentence();
        if recognized || text.is_none() || is_problem(body) {
            return error;
        }
    }
    match text {
        Some(text) => Error::http(status, text.to_owned()),
        None => Error::from_remote(status, body),
    }
}

fn is_problem(body: &[u8]) -> bool {
    serde_json::from_slice::<Problem>(body).is_ok_and(|problem| problem.status != 0)
}

/// The reply for an error: headers and body. Only what is public.
pub(crate) fn encode(error: &Error, request_id: Option<&str>) -> (Headers, Bytes) {
    let mut problem = error.to_problem();
    if problem.request_id.is_none()
        && let Some(id) = request_id
    {
        problem = problem.with_request_id(id);
    }
    let mut headers = Headers::new();
    headers.push_first(ERROR_CODE, &error.http_status().to_string());
    headers.push_first(ERROR_TEXT, &one_line(error.public_message()));
    headers.push_first("content-type", Problem::MEDIA_TYPE);
    (headers, serde_json::to_vec(&problem).unwrap_or_default().into())
}

/// One line of printable ASCII: header parsers of other clients take nothing else.
pub(crate) fn one_line(text: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_graphic() => c,
        c if c.is_ascii() => ' ',
        _ => '?',
    };
    let line: String = text.chars().take(MAX_TEXT).map(plain).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn received(error: &Error) -> RemoteError {
        let (headers, body) = encode(error, Some("req-1"));
        RemoteError::read(&headers, &body).unwrap()
    }

    fn foreign(number: &str, text: &str, body: &'static [u8]) -> Error {
        let mut headers = Headers::new();
        headers.push_first(ERROR_CODE, number);
        headers.push_first(ERROR_TEXT, text);
        RemoteError::read(&headers, &Bytes::from_static(body)).unwrap().error
    }

    #[test]
    fn every_kind_arrives_as_it_was_and_private_text_does_not() {
        for kind in Kind::ALL {
            let sent = Error::new(kind, "secret or not").code("SOME_CODE").violation("a.b", "is missing");
            let got = received(&sent);
            assert_eq!((got.error().kind(), got.error().error_code()), (kind, "SOME_CODE"), "{kind}");
            let public = sent.is_client_error();
            assert_eq!(got.error().violations().len(), usize::from(public), "{kind}");
            let (headers, body) = encode(&sent, None);
            let wire = format!("{headers}{}", String::from_utf8_lossy(&body));
            assert_eq!(wire.contains("secret"), public, "{kind}: {wire}");
            assert_eq!(got.error().request_id(), Some("req-1"));
        }
    }

    #[test]
    fn a_foreign_number_is_a_status_or_unknown() {
        let error = foreign("404", "no such file", b"");
        assert_eq!((error.kind(), error.public_message()), (Kind::NotFound, "no such file"));
        let error = foreign("400", "bad input", br#"{"field": "age"}"#);
        assert_eq!((error.kind(), error.public_message()), (Kind::InvalidArgument, "bad input"));
        for number in ["17", "", "x", "-1", "99999999"] {
            let error = foreign(number, "odd", b"");
            assert_eq!(error.kind(), Kind::Unknown, "{number}");
            assert!(error.report().to_string().contains("odd"), "{error:?}");
        }
        assert!(RemoteError::read(&Headers::new().with("a", "b"), &Bytes::new()).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_one_short_line(text in ".*") {
            let line = one_line(&text);
            prop_assert!(line.len() <= MAX_TEXT && line.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
        }

        #[test]
        fn any_reply_is_read_without_a_panic(number in ".*", text in ".*", body: Vec<u8>) {
            let mut headers = Headers::new();
            headers.push_first(ERROR_CODE, &number);
            headers.push_first(ERROR_TEXT, &text);
            prop_assert!(RemoteError::read(&headers, &body.into()).is_some());
        }
    }
}
