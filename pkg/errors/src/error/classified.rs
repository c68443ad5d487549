use std::sync::Arc;

use super::{Cause, Error};
use crate::Classify;

/// A domain error becomes an [`Error`] through `?`: kind, code and public parts are copied, and the error itself stays for
/// the log and for [`Error::downcast_ref`].
impl<E: Classify> From<E> for Error {
    fn from(error: E) -> Self {
        let kind = error.kind();
        let code = error.code();
        let retry_after = error.retry_after();
        let violations = error.violations();
        let message = error.public_message();
        let mut this = Self::build(kind, kind.http_status(), message, Cause::Itself(Arc::new(error)));
        let parts = this.parts();
        parts.code = code;
        parts.retry_after = retry_after;
        parts.violations = violations;
        this
    }
}
