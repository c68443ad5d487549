use std::time::Duration;

use underpin_errors::{BoxError, Classify, Kind};

use crate::Revision;

/// Why an operation on a store failed.
///
/// Branch on the variant, or on [`is_retryable`](Self::is_retryable) and [`is_ambiguous`](Self::is_ambiguous), never on the
/// text. No variant carries a value or a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A write expected that the key is absent. The write did not happen.
    #[error("the key exists")]
    Exists {
        /// The revision of the entry, if it is known.
        revision: Option<Revision>,
    },
    /// A write expected another revision. The write did not happen. Read again and decide again.
    #[error("the entry has another revision than expected")]
    Conflict {
        /// The revision of the last write of the key, deletions included, if it is known.
        current: Option<Revision>,
    },
    /// The text cannot be a key. [`Key::encoded`](crate::Key::encoded) makes a key of anything.
    #[error("not a valid key: {problem}")]
    InvalidKey {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The text cannot be the name of an object.
    #[error("not a valid object name: {problem}")]
    InvalidName {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The data of an upload ended with an error, or has another size than announced. No part of it is visible.
    #[error("the data could not be read")]
    Data(#[source] BoxError),
    /// The data of an upload has another digest than given. No part of it is visible.
    #[error("the data has another digest than was given")]
    DigestMismatch,
    /// The object was replaced, was deleted or has expired while it was read. Begin again.
    #[error("the object was replaced or deleted while it was read")]
    Replaced,
    /// A setting or an argument is out of range, or does not fit the bucket.
    #[error("`{option}` {problem}")]
    InvalidOption {
        /// The setting, dotted.
        option: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The bucket does not exist: apply the settings, or create it.
    #[error("there is no bucket `{bucket}`; apply the store's settings or create it")]
    NoBucket {
        /// Its name.
        bucket: String,
    },
    /// The bucket differs from its declaration, and the store only verifies.
    #[error("the buckets differ from the settings, apply or change them: {}", differences.join("; "))]
    Drift {
        /// One sentence a difference.
        differences: Vec<String>,
    },
    /// The value is larger than the bucket or the server takes. The write did not happen.
    #[error("a value of {size} bytes is larger than {}; raise `max_value_size` up to the server's `max_payload`, or store less",
        limit.map_or_else(|| "the bucket takes".to_owned(), |limit| format!("the limit of {limit}")))]
    TooLarge {
        /// The size of the value in bytes.
        size: usize,
        /// The limit in bytes, if it is known.
        limit: Option<usize>,
    },
    /// The bucket, or the server's storage, is full. The write did not happen.
    #[error("the bucket is full; raise `max_bytes`, or remove entries")]
    Full,
    /// The write was sent and not acknowledged: it may have happened. Read before the next attempt.
    #[error("the write was not acknowledged")]
    Unconfirmed(#[source] BoxError),
    /// The operation did not finish in time. It changed nothing.
    #[error("{operation} did not finish within {} ms", within.as_millis())]
    Timeout {
        /// The operation.
        operation: &'static str,
        /// Its limit.
        within: Duration,
    },
    /// There is no connection to the server. The request was not sent.
    #[error("not connected")]
    Disconnected,
    /// The connection was closed by its owner.
    #[error("closed")]
    Closed,
    /// The server did not answer, or not usefully; another attempt may succeed.
    #[error("the store is not available")]
    Unavailable(#[source] BoxError),
    /// The server refused the credentials or the permission.
    #[error("not authorized")]
    Unauthorized(#[source] BoxError),
    /// The server is too old for a feature that the settings ask for.
    #[error("the server is too old: {feature} needs {required}")]
    ServerTooOld {
        /// The feature.
        feature: &'static str,
        /// The version that has it.
        required: &'static str,
    },
    /// This backend does not support the operation.
    #[error("this backend does not support {feature}")]
    Unsupported {
        /// What it cannot do.
        feature: &'static str,
    },
    /// A stored value cannot be read: it is not what this code writes.
    #[error("a stored value cannot be read")]
    Corrupt(#[source] BoxError),
    /// The value cannot be encoded. The write did not happen.
    #[error("the value cannot be encoded")]
    Encode(#[source] BoxError),
    /// The lease ended before the work did. What the work did is not fenced by it any more.
    #[error("the lease was lost")]
    LeaseLost,
    /// The server answered with an error that this crate does not know.
    #[error("{operation} was refused")]
    Backend {
        /// The operation.
        operation: &'static str,
        /// The answer.
        #[source]
        source: BoxError,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Full
                | Self::Unconfirmed(_)
                | Self::Timeout { .. }
                | Self::Disconnected
                | Self::Unavailable(_)
                | Self::Replaced
        )
    }

    /// Whether the write may have happened although the call failed.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unconfirmed(_))
    }

    /// Whether a conditional write found something else than it expected.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Exists { .. } | Self::Conflict { .. })
    }

    /// A setting or an argument that is out of range, or does not fit the bucket.
    pub fn option(option: impl Into<String>, problem: &'static str) -> Self {
        Self::InvalidOption { option: option.into(), problem }
    }
}

impl Classify for StoreError {
    fn kind(&self) -> Kind {
        match self {
            Self::Exists { .. } => Kind::AlreadyExists,
            Self::Conflict { .. } | Self::LeaseLost | Self::Replaced => Kind::Aborted,
            Self::InvalidKey { .. }
            | Self::InvalidName { .. }
            | Self::TooLarge { .. }
            | Self::Data(_)
            | Self::DigestMismatch => Kind::InvalidArgument,
            Self::Full => Kind::ResourceExhausted,
            Self::Timeout { .. } | Self::Unconfirmed(_) => Kind::DeadlineExceeded,
            Self::Disconnected | Self::Closed | Self::Unavailable(_) => Kind::Unavailable,
            Self::Unsupported { .. } => Kind::Unimplemented,
            Self::Corrupt(_) => Kind::DataLoss,
            Self::InvalidOption { .. }
            | Self::NoBucket { .. }
            | Self::Drift { .. }
            | Self::Unauthorized(_)
            | Self::ServerTooOld { .. }
            | Self::Encode(_)
            | Self::Backend { .. } => Kind::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_a_class_and_says_what_to_change() {
        let missing = StoreError::NoBucket { bucket: "carts".into() };
        assert_eq!(missing.kind(), Kind::Internal);
        assert!(missing.to_string().contains("`carts`; apply the store's settings"));
        for (error, text) in [
            (
                StoreError::TooLarge { size: 9, limit: Some(8) },
                "9 bytes is larger than the limit of 8; raise `max_value_size`",
            ),
            (StoreError::TooLarge { size: 9, limit: None }, "larger than the bucket takes"),
            (StoreError::Full, "raise `max_bytes`"),
            (
                StoreError::Drift { differences: vec!["bucket carts is missing".into()] },
                "apply or change them: bucket carts",
            ),
            (StoreError::InvalidKey { problem: "must not be empty" }, "must not be empty"),
        ] {
            assert!(error.to_string().contains(text), "{error}");
        }
        let conflict = StoreError::Conflict { current: Some(Revision::new(7)) };
        assert!(conflict.is_conflict() && !conflict.is_retryable());
        assert_eq!(conflict.kind(), Kind::Aborted);
        let lost = StoreError::Unconfirmed("lost".into());
        assert!(lost.is_ambiguous() && lost.is_retryable());
        assert!(!StoreError::Disconnected.is_ambiguous());
    }
}
