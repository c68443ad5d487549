use std::sync::Arc;

/// Who makes a call, as an [`Authenticator`](crate::layer::Authenticator) established it.
///
/// A handler reads it with [`Call::identity`](crate::Call::identity) and passes it on with
/// [`Request::on_behalf_of`](crate::Request::on_behalf_of); it is never passed on by itself.
///
/// # Examples
/// ```
/// use underpin_rpc::Identity;
///
/// let alice = Identity::new("user:alice").organization("acme");
/// assert_eq!((alice.subject(), alice.organization_id()), ("user:alice", Some("acme")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    subject: Arc<str>,
    organization: Option<Arc<str>>,
}

impl Identity {
    /// A user or a service.
    pub fn new(subject: impl Into<Arc<str>>) -> Self {
        Self { subject: subject.into(), organization: None }
    }

    /// Names the organization (tenant) that the caller acts for.
    #[must_use]
    pub fn organization(mut self, id: impl Into<Arc<str>>) -> Self {
        self.organization = Some(id.into());
        self
    }

    /// The user or service.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The organization (tenant).
    pub fn organization_id(&self) -> Option<&str> {
        self.organization.as_deref()
    }
}
