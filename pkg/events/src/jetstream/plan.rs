use std::fmt;

/// What has to change on the server so that it is as declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The changes, in the order in which they would be made.
    pub changes: Vec<Change>,
}

impl Plan {
    /// Whether the server is as declared.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// One sentence a change or difference.
    pub(super) fn sentences(&self) -> Vec<String> {
        self.changes
            .iter()
            .flat_map(|change| match change {
                Change::CreateStream { name } => vec![format!("stream {name} is missing")],
                Change::UpdateStream { differences, .. } => sentences(differences),
            })
            .collect()
    }
}

/// One change on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A stream is missing.
    CreateStream {
        /// Its name.
        name: String,
    },
    /// A stream differs from its declaration.
    UpdateStream {
        /// Its name.
        name: String,
        /// What differs, field by field.
        differences: Vec<Difference>,
    },
}

/// One field that is not as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// What it is a field of, for example `stream EVENTS`.
    pub object: String,
    /// The field.
    pub field: String,
    /// The declared value.
    pub declared: String,
    /// The value on the server.
    pub found: String,
}

/// One sentence a difference.
pub(super) fn sentences(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, field, declared, found } = self;
        write!(f, "{object}: {field} is {found}, declared {declared}")
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing to change");
        }
        f.write_str(&self.sentences().join("\n"))
    }
}
