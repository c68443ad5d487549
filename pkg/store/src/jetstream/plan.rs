use std::fmt;

/// What has to change on the server so that its buckets are as declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorePlan {
    /// The changes, in the order in which they would be made.
    pub changes: Vec<BucketChange>,
}

/// One change on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BucketChange {
    /// A bucket is missing.
    Create {
        /// Its name.
        bucket: String,
    },
    /// A bucket differs from its declaration.
    Update {
        /// Its name.
        bucket: String,
        /// What differs, field by field, under the server's names.
        differences: Vec<BucketDifference>,
    },
}

/// One field that is not as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketDifference {
    /// The field.
    pub field: String,
    /// The declared value.
    pub declared: String,
    /// The value on the server.
    pub found: String,
}

impl StorePlan {
    /// Whether the server is as declared.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn sentences(&self) -> Vec<String> {
        self.changes.iter().flat_map(BucketChange::sentences).collect()
    }
}

impl BucketChange {
    fn sentences(&self) -> Vec<String> {
        match self {
            Self::Create { bucket } => vec![format!("bucket {bucket} is missing")],
            Self::Update { bucket, differences } => differences
                .iter()
                .map(|BucketDifference { field, declared, found }| {
                    format!("bucket {bucket}: {field} is {found}, declared {declared}")
                })
                .collect(),
        }
    }
}

impl fmt::Display for StorePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing to change");
        }
        f.write_str(&self.sentences().join("\n"))
    }
}
