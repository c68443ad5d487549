use bytes::Bytes;
use underpin_errors::Error;

use crate::headers::Headers;
use crate::remote_error;
use crate::request::Reply;

/// A reply as it goes onto the wire.
#[derive(Debug)]
pub(crate) struct WireReply {
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

impl WireReply {
    pub(crate) fn of(result: Result<Reply, Error>, request_id: Option<&str>) -> Self {
        match result {
            Ok(Reply { body, headers }) => Self { headers, body },
            Err(error) => {
                let (headers, body) = remote_error::encode(&error, request_id);
                Self { headers, body }
            }
        }
    }
}

/// Refuses a reply that could not be sent: the caller gets an error instead of no answer.
pub(super) fn checked(reply: Reply, limit: usize) -> Result<Reply, Error> {
    if let Err(reason) = reply.headers.check() {
        return Err(Error::internal(reason).context("the handler set an invalid header"));
    }
    let size = reply.body.len() + reply.headers.wire_size();
    if size > limit {
        let text = format!("the reply of {size} bytes is too large, at most {limit} fit: ask for less");
        return Err(Error::http(413, text).code("REPLY_TOO_LARGE"));
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use underpin_errors::Kind;

    use super::*;

    #[test]
    fn a_reply_that_cannot_be_sent_is_an_error() {
        assert!(checked(Reply::new("four"), 4).is_ok());
        let error = checked(Reply::new("fives"), 4).unwrap_err();
        assert_eq!((error.error_code(), error.kind()), ("REPLY_TOO_LARGE", Kind::OutOfRange));
        assert!(error.public_message().contains("5 bytes"), "{error}");
        assert!(checked(Reply::new("").header("a", "b"), 4).is_err(), "headers count");
        let error = checked(Reply::new("").header("nats-service-error", "x"), 1000).unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
    }
}
