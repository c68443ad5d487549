use std::borrow::Cow;

use crate::{BoxError, Error, Kind};

/// Adds context to the error of any `Result`.
///
/// # Examples
/// ```
/// use underpin_errors::{Error, Kind, ResultExt};
///
/// fn port(text: &str) -> Result<u16, Error> {
///     text.parse::<u16>().wrap_err(Kind::Internal, "read the port")
/// }
///
/// fn start(text: &str) -> Result<u16, Error> {
///     port(text).with_context(|| format!("start the listener of {text:?}"))
/// }
///
/// let error = start("x").unwrap_err();
/// assert_eq!(
///     error.report().to_string(),
///     "start the listener of \"x\": read the port: invalid digit found in string"
/// );
/// assert_eq!(error.public_message(), "an internal error occurred");
/// ```
pub trait ResultExt<T, E>: Sized {
    /// Adds the operation that failed. For the log only.
    ///
    /// # Errors
    /// The error that was there, turned into an [`Error`] and with this context.
    fn context(self, context: impl Into<Cow<'static, str>>) -> Result<T, Error>
    where
        E: Into<Error>;

    /// Like [`context`](Self::context), with a text that is only built when there is an error.
    ///
    /// # Errors
    /// The error that was there, turned into an [`Error`] and with this context.
    fn with_context<C: Into<Cow<'static, str>>>(self, context: impl FnOnce() -> C) -> Result<T, Error>
    where
        E: Into<Error>;

    /// Makes any error the source of an [`Error`] of this kind. The context and the source are for the log.
    ///
    /// # Errors
    /// An error of this kind, caused by the one that was there.
    fn wrap_err(self, kind: Kind, context: impl Into<Cow<'static, str>>) -> Result<T, Error>
    where
        E: Into<BoxError>;

    /// Like [`wrap_err`](Self::wrap_err), with a text that is only built when there is an error.
    ///
    /// # Errors
    /// An error of this kind, caused by the one that was there.
    fn wrap_err_with<C: Into<Cow<'static, str>>>(
        self,
        kind: Kind,
        context: impl FnOnce() -> C,
    ) -> Result<T, Error>
    where
        E: Into<BoxError>;
}

impl<T, E> ResultExt<T, E> for Result<T, E> {
    fn context(self, context: impl Into<Cow<'static, str>>) -> Result<T, Error>
    where
        E: Into<Error>,
    {
        self.map_err(|error| error.into().context(context))
    }

    fn with_context<C: Into<Cow<'static, str>>>(self, context: impl FnOnce() -> C) -> Result<T, Error>
    where
        E: Into<Error>,
    {
        self.map_err(|error| error.into().context(context()))
    }

    fn wrap_err(self, kind: Kind, context: impl Into<Cow<'static, str>>) -> Result<T, Error>
    where
        E: Into<BoxError>,
    {
        self.map_err(|error| Error::wrap(kind, error, context))
    }

    fn wrap_err_with<C: Into<Cow<'static, str>>>(
        self,
        kind: Kind,
        context: impl FnOnce() -> C,
    ) -> Result<T, Error>
    where
        E: Into<BoxError>,
    {
        self.map_err(|error| Error::wrap(kind, error, context()))
    }
}
