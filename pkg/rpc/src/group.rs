use std::borrow::Cow;

/// The queue group of an endpoint: which of its instances get a request.
///
/// # Examples
/// ```
/// use underpin_rpc::Group;
///
/// assert_eq!(Group::default().name(), Some("q"));
/// assert_eq!(Group::None.name(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Group {
    /// One instance of those in this group. Each group with a member gets every request.
    Named(Cow<'static, str>),
    /// Every instance gets every request, such as for cache invalidation or for [`gather`](crate::Caller::gather).
    None,
}

impl Group {
    /// The name of the group.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::None => None,
        }
    }
}

/// The group `q`, which NATS micro uses everywhere.
impl Default for Group {
    fn default() -> Self {
        Self::Named("q".into())
    }
}
