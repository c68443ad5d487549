use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::{Kind, Report, Violation};

mod build;
mod classified;

/// The type that any error can be boxed into.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// A failure with a public part for the caller and an internal part for the log.
///
/// * **Public:** the HTTP status, a stable machine code, violations, details, a delay before a retry and, when the
///   status is 4xx, the text given to the constructor.
/// * **Internal:** every text of a 5xx, every [`context`](Self::context), every source. [`report`](Self::report) and
///   `Debug` print them.
///
/// An error is one pointer wide, so `Result<(), Error>` is too. A clone shares it: several waiters for one result get the
/// same code, violations, texts and sources. Adding to a clone (context, code) leaves the others as they are.
///
/// # Examples
/// ```
/// use underpin_errors::{Error, Kind, code};
///
/// let error = Error::not_found("no order 42").code("ORDER_NOT_FOUND").context("load order");
/// assert_eq!(error.kind(), Kind::NotFound);
/// assert_eq!(error.public_message(), "no order 42");
/// assert_eq!(error.report().to_string(), "load order: no order 42");
///
/// let error = Error::internal("row 42 has no customer");
/// assert_eq!(error.public_message(), "an internal error occurred");
/// assert_eq!(error.error_code(), code::INTERNAL);
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

impl Error {
    /// The class of this failure.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The machine code: the one given with [`code`](Self::code), else the kind's.
    pub fn error_code(&self) -> &str {
        self.0.code.as_deref().unwrap_or(self.0.kind.code())
    }

    /// The HTTP status: the kind's, or the exact one given to [`http`](Self::http).
    pub fn http_status(&self) -> u16 {
        self.0.status
    }

    /// True where the same call can succeed later; see [`Kind::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        self.0.kind.is_retryable()
    }

    /// True for a 4xx, the only errors whose text leaves the process.
    pub fn is_client_error(&self) -> bool {
        (400..500).contains(&self.0.status)
    }

    /// The text for the caller: the constructor's for a 4xx, otherwise one fixed sentence per kind.
    pub fn public_message(&self) -> &str {
        match &self.0.message {
            Some(message) if self.is_client_error() => message,
            _ => self.0.kind.public_sentence(),
        }
    }

    /// The invalid fields. A response shows them only for a 4xx.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The typed details given with [`detail`](Self::detail). A response shows them only for a 4xx.
    pub fn details(&self) -> &Map<String, Value> {
        &self.0.details
    }

    /// The delay before the caller should retry.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The id of the request that failed, where it is known.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The first error of type `E` in this error and its sources.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        let mut next: Option<&(dyn StdError + 'static)> = match &self.0.cause {
            Cause::None => None,
            Cause::Itself(error) | Cause::Below(error) => Some(error.as_ref()),
        };
        while let Some(error) = next {
            // source() of a wrapped Error leaves its own domain error out.
            let inner = error.downcast_ref::<Self>().and_then(Self::downcast_ref::<E>);
            if let Some(found) = error.downcast_ref::<E>().or(inner) {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// Contexts, text and each cause once, joined with `": "`. For the log.
    pub fn report(&self) -> impl fmt::Display {
        Report(self)
    }

    /// Where this error was built; captured if `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` is set.
    #[cfg(feature = "backtrace")]
    pub fn backtrace(&self) -> &std::backtrace::Backtrace {
        static DISABLED: std::backtrace::Backtrace = std::backtrace::Backtrace::disabled();
        self.0.backtrace.as_deref().unwrap_or(&DISABLED)
    }

    /// The parts, to change them; a clone of this error keeps its own.
    fn parts(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }
}

const _: () = assert!(size_of::<Result<(), Error>>() == size_of::<usize>());

#[derive(Clone)]
struct Inner {
    kind: Kind,
    status: u16,
    code: Option<Cow<'static, str>>,
    /// The constructor's text, or the public text of a classified error. Public for a 4xx only.
    message: Option<Cow<'static, str>>,
    /// Oldest first.
    contexts: Vec<Cow<'static, str>>,
    cause: Cause,
    violations: Vec<Violation>,
    details: Map<String, Value>,
    retry_after: Option<Duration>,
    request_id: Option<Box<str>>,
    #[cfg(feature = "backtrace")]
    backtrace: Option<Arc<std::backtrace::Backtrace>>,
}

type SharedError = Arc<dyn StdError + Send + Sync + 'static>;

#[derive(Clone)]
enum Cause {
    None,
    /// A classified domain error: it is this layer, so `source()` is its source and no text is printed twice.
    Itself(SharedError),
    Below(SharedError),
}

/// This layer: its contexts, newest first, and its text. For the log.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut contexts = self.0.contexts.iter().rev();
        match (&self.0.cause, &self.0.message) {
            (Cause::Itself(error), _) => {
                contexts.try_for_each(|context| write!(f, "{context}: "))?;
                write!(f, "{error}")
            }
            (_, Some(message)) => {
                contexts.try_for_each(|context| write!(f, "{context}: "))?;
                f.write_str(message)
            }
            (_, None) => {
                f.write_str(contexts.next().map_or(self.0.kind.public_sentence(), |context| context))?;
                contexts.try_for_each(|context| write!(f, ": {context}"))
            }
        }
    }
}

/// Kind, code and the whole report, as `fn main() -> Result<(), Error>` prints it. `{:#?}` shows the parts.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f
                .debug_struct("Error")
                .field("kind", &self.0.kind)
                .field("http_status", &self.0.status)
                .field("code", &self.error_code())
                .field("report", &format_args!("{}", self.report()))
                .field("violations", &self.0.violations)
                .field("details", &self.0.details)
                .field("retry_after", &self.0.retry_after)
                .field("request_id", &self.0.request_id)
                .finish();
        }
        write!(f, "{}: {}", self.error_code(), self.report())?;
        #[cfg(feature = "backtrace")]
        if let Some(backtrace) = &self.0.backtrace {
            write!(f, "\n\n{backtrace}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.cause {
            Cause::None => None,
            Cause::Itself(error) => error.source(),
            Cause::Below(error) => Some(error.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests;
