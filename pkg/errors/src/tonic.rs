//! For tonic: an error as a [`Status`](::tonic::Status) with the `google.rpc` detail types, and back (feature `tonic`).
//!
//! | part of the error | detail |
//! |---|---|
//! | code, details (as text) | `ErrorInfo` reason, metadata |
//! | violations | `BadRequest` |
//! | retry delay | `RetryInfo` |
//! | request id | `RequestInfo` |
//!
//! The same parts are public as over HTTP: the status message is [`Error::public_message`](crate::Error::public_message), violations and details are
//! written only for a kind that is a 4xx over HTTP. Contexts and sources stay in the process.
//!
//! A status travels in two HTTP/2 headers, and clients and proxies limit those to 8 or 16 KiB: a larger one breaks the stream
//! and the caller loses the code. So the message is cut to 512 bytes, violations to 2 KiB and details to 1 KiB, with "and N
//! more" as the last violation and the metadata `details_omitted`.
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

mod read;
mod write;

pub use write::DEFAULT_DOMAIN;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use ::tonic::{Code, Status};
    use serde_json::Value;
    use tonic_types::StatusExt as _;

    use crate::{Error, Kind};

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
    fn the_prefix_of_a_type_url_does_not_matter() {
        use prost::Message as _;
        let status = Error::bad_request("invalid").code("ORDER_INVALID").violation("a", "b").to_status("x");
        for prefix in ["type.googleapis.com", "types.example.com/a", ""] {
            let mut message = tonic_types::pb::Status::decode(status.details()).unwrap();
            for detail in &mut message.details {
                let (_, name) = detail.type_url.rsplit_once('/').unwrap();
                detail.type_url = format!("{prefix}/{name}");
            }
            let received = Error::from(Status::with_details(
                status.code(),
                status.message(),
                message.encode_to_vec().into(),
            ));
            assert_eq!(
                (received.error_code(), received.violations().len()),
                ("ORDER_INVALID", 1),
                "{prefix}"
            );
        }
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
