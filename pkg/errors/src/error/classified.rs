use super::{Cause, Error};
use crate::Classify;

/// A domain error becomes an [`Error`] through `?`: its kind, code and public parts are taken over, and it stays
/// inside, for the log and for [`Error::downcast_ref`].
impl<E: Classify> From<E> for Error {
    fn from(error: E) -> Self {
        let kind = error.kind();
        let code = error.code();
        let retry_after = error.retry_after();
        let violations = error.violations();
        let message = error.public_message();
        let mut this = Self::build(kind, kind.http_status(), message, Cause::Itself(Box::new(error)));
        this.0.code = code;
        this.0.retry_after = retry_after;
        this.0.violations = violations;
        this
    }
}
