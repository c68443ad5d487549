/// Which service speaks: the resource of its spans and records, the labels of `underpin_build_info`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceIdentity {
    /// The name: `service.name`. `OTEL_SERVICE_NAME` replaces it.
    pub name: String,
    /// The version: `service.version`.
    pub version: String,
    /// The commit that it was built from, empty if unknown.
    pub commit: String,
    /// Which of several replicas it is: `service.instance.id`, empty if unknown.
    pub instance: String,
}

impl ServiceIdentity {
    /// A service by name and version.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), ..Self::default() }
    }

    /// Sets the commit.
    #[must_use]
    pub fn commit(mut self, commit: impl Into<String>) -> Self {
        self.commit = commit.into();
        self
    }

    /// Sets the instance.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.instance = instance.into();
        self
    }
}
