//! Machine codes as constants.
//!
//! A service adds its own beside them: `UPPER_SNAKE`, stable, at most 63 characters (the rule of AIP-193, which
//! names the pair of service and code the machine identity of an error).

pub use self::kinds::*;
pub use self::requests::*;

macro_rules! kinds {
    ($($name:ident = $kind:ident;)+) => {
        mod kinds {
            use crate::Kind;
            $(
                #[doc = concat!("The code of [`Kind::", stringify!($kind), "`].")]
                pub const $name: &str = Kind::$kind.code();
            )+
        }
    };
}

kinds! {
    INVALID_ARGUMENT = InvalidArgument;
    FAILED_PRECONDITION = FailedPrecondition;
    OUT_OF_RANGE = OutOfRange;
    UNAUTHENTICATED = Unauthenticated;
    PERMISSION_DENIED = PermissionDenied;
    NOT_FOUND = NotFound;
    ALREADY_EXISTS = AlreadyExists;
    ABORTED = Aborted;
    RESOURCE_EXHAUSTED = ResourceExhausted;
    CANCELLED = Cancelled;
    DEADLINE_EXCEEDED = DeadlineExceeded;
    UNIMPLEMENTED = Unimplemented;
    UNAVAILABLE = Unavailable;
    DATA_LOSS = DataLoss;
    INTERNAL = Internal;
    UNKNOWN = Unknown;
}

mod requests {
    /// The body is not JSON at all.
    pub const INVALID_JSON: &str = "INVALID_JSON";
    /// The body is JSON of the wrong shape; the violations name the fields.
    pub const INVALID_BODY: &str = "INVALID_BODY";
    /// The query string is not valid; the violations name the parameters.
    pub const INVALID_QUERY: &str = "INVALID_QUERY";
    /// A segment of the path is not valid; the violations name it.
    pub const INVALID_PATH: &str = "INVALID_PATH";
    /// The body is larger than the service accepts (413).
    pub const BODY_TOO_LARGE: &str = "BODY_TOO_LARGE";
    /// The caller sent its body too slowly (408).
    pub const REQUEST_TIMEOUT: &str = "REQUEST_TIMEOUT";
    /// The service does not read this content type or content encoding (415).
    pub const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
    /// No route has this path (404).
    pub const ROUTE_NOT_FOUND: &str = "ROUTE_NOT_FOUND";
    /// The route does not support this method (405).
    pub const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
}

#[cfg(test)]
mod tests {
    #[test]
    fn constants_are_the_codes_of_the_table() {
        assert_eq!(super::NOT_FOUND, "NOT_FOUND");
        assert_eq!(super::RESOURCE_EXHAUSTED, crate::Kind::ResourceExhausted.code());
    }
}
