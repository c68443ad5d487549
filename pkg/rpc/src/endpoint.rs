use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use metrics::SharedString;

/// Where a request goes: a NATS subject.
///
/// Endpoints of this crate listen on `<service>.<endpoint>`. A service of another library may listen anywhere.
///
/// # Examples
/// ```
/// use underpin_rpc::Endpoint;
///
/// assert_eq!(Endpoint::new("math", "add").subject(), "math.add");
/// assert_eq!(Endpoint::at("legacy.calc.add"), "legacy.calc.add".into());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(
    /// Static or counted: a clone allocates nothing.
    SharedString,
);

impl Endpoint {
    /// The endpoint of a service.
    pub fn new(service: &str, name: &str) -> Self {
        Self::at(format!("{service}.{name}"))
    }

    /// The endpoint that listens on this subject.
    pub fn at(subject: impl Into<Cow<'static, str>>) -> Self {
        Self(match subject.into() {
            Cow::Borrowed(subject) => subject.into(),
            Cow::Owned(subject) => Arc::<str>::from(subject).into(),
        })
    }

    /// The subject.
    pub fn subject(&self) -> &str {
        &self.0
    }

    /// The subject as the value of a label.
    pub(crate) fn label(&self) -> SharedString {
        self.0.clone()
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for Endpoint {
    fn from(subject: T) -> Self {
        Self::at(subject)
    }
}

/// The subject.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.subject())
    }
}
