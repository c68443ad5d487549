use object_store::Error;

use crate::StoreError;

/// The error of a read, or of a write that is repeated without harm.
pub(super) fn of(operation: &'static str, error: Error) -> StoreError {
    match error {
        Error::AlreadyExists { .. } => StoreError::Exists { revision: None },
        Error::Precondition { .. } | Error::NotModified { .. } => StoreError::Conflict { current: None },
        Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            StoreError::Unsupported { feature: "this expectation or option" }
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            StoreError::Unauthorized(Box::new(error))
        }
        Error::Generic { .. } => StoreError::Unavailable(Box::new(error)),
        _ => StoreError::Backend { operation, source: Box::new(error) },
    }
}

/// The error of a write that may have happened.
pub(super) fn of_write(operation: &'static str, error: Error) -> StoreError {
    match of(operation, error) {
        StoreError::Unavailable(source) => StoreError::Unconfirmed(source),
        other => other,
    }
}
