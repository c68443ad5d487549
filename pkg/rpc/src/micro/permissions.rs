use std::collections::BTreeSet;
use std::fmt;

use super::documents::ServiceInfo;
use super::verb::Verb;

/// The subject permissions that a NATS user needs, as `nats-server.conf` takes them.
///
/// # Examples
/// ```
/// use underpin_rpc::{Method, Permissions};
///
/// const ADD: Method<(i64, i64), i64> = Method::new("math", "add");
///
/// let caller = Permissions::caller([ADD.subject()]);
/// assert_eq!(
///     caller.to_string(),
///     "permissions: {\n  publish: [\"math.add\"]\n  subscribe: [\"_INBOX.>\"]\n}"
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects to publish to.
    pub publish: BTreeSet<String>,
    /// Subjects to subscribe to; a queue group is written behind the subject.
    pub subscribe: BTreeSet<String>,
}

/// Where replies go.
const INBOXES: &str = "_INBOX.>";

impl Permissions {
    /// What a caller of these subjects needs.
    pub fn caller<S: Into<String>>(subjects: impl IntoIterator<Item = S>) -> Self {
        Self {
            publish: subjects.into_iter().map(Into::into).collect(),
            subscribe: BTreeSet::from([INBOXES.to_owned()]),
        }
    }

    /// What an instance of a service needs: its endpoints, discovery, and inboxes to reply to.
    pub fn service(info: &ServiceInfo) -> Self {
        let endpoints = info.endpoints.iter().map(|endpoint| match endpoint.queue_group.as_str() {
            "" => endpoint.subject.clone(),
            group => format!("{} {group}", endpoint.subject),
        });
        let discovery = Verb::ALL.into_iter().flat_map(|verb| verb.subjects(&info.name, "*"));
        Self {
            publish: BTreeSet::from([INBOXES.to_owned()]),
            subscribe: endpoints.chain(discovery).chain([INBOXES.to_owned()]).collect(),
        }
    }

    /// What both need together, for a service that calls others.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.publish.extend(other.publish);
        self.subscribe.extend(other.subscribe);
        self
    }
}

/// A block for `nats-server.conf`.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "permissions: {{")?;
        for (verb, subjects) in [("publish", &self.publish), ("subscribe", &self.subscribe)] {
            let list: Vec<_> = subjects.iter().map(|subject| format!("{subject:?}")).collect();
            writeln!(f, "  {verb}: [{}]", list.join(", "))?;
        }
        f.write_str("}")
    }
}
