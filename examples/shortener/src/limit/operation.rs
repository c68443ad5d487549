/// What is limited by itself. An operation has the same numbers over HTTP and over NATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Read,
    Redirect,
}

impl Operation {
    /// The name of its limit, in keys, headers and metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Redirect => "redirect",
        }
    }
}
