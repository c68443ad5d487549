use std::borrow::Cow;
use std::fmt;

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
pub struct Endpoint(Cow<'static, str>);

impl Endpoint {
    /// The endpoint of a service.
    pub fn new(service: &str, name: &str) -> Self {
        Self(format!("{service}.{name}").into())
    }

    /// The endpoint that listens on this subject.
    pub fn at(subject: impl Into<Cow<'static, str>>) -> Self {
        Self(subject.into())
    }

    /// The subject.
    pub fn subject(&self) -> &str {
        &self.0
    }

    pub(crate) fn text(&self) -> Cow<'static, str> {
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
        f.pad(&self.0)
    }
}
