use std::fmt;

use serde_json::{Map, Value, json};

/// What has to change on the server so that its buckets are as declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketPlan {
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

impl BucketPlan {
    /// Whether the server is as declared.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// A sentence for each difference.
    pub fn sentences(&self) -> Vec<String> {
        self.changes.iter().flat_map(BucketChange::sentences).collect()
    }
}

impl BucketChange {
    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        let (Self::Create { bucket } | Self::Update { bucket, .. }) = self;
        bucket
    }

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

impl fmt::Display for BucketPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing to change");
        }
        f.write_str(&self.sentences().join("\n"))
    }
}

/// What differs in the fields that were declared.
pub(super) fn differences(
    declared: &Map<String, Value>,
    found: &Map<String, Value>,
) -> Vec<BucketDifference> {
    let differs = |(field, value): (&String, &Value)| {
        let found = found.get(field).cloned().unwrap_or_else(|| absent(value));
        (*value != found).then(|| BucketDifference {
            field: field.clone(),
            declared: value.to_string(),
            found: found.to_string(),
        })
    };
    declared.iter().filter_map(differs).collect()
}

/// What the server means by leaving a field out.
fn absent(declared: &Value) -> Value {
    match declared {
        Value::Bool(_) => json!(false),
        Value::Number(_) => json!(0),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_declared_fields_are_compared() {
        let config = |value: Value| value.as_object().cloned().unwrap();
        let declared = config(json!({ "max_msgs_per_subject": 1, "max_age": 0, "allow_direct": true }));
        let mut found = declared.clone();
        found.insert("description".to_owned(), json!("made by somebody else"));
        // The server leaves out what is zero.
        found.remove("max_age");
        assert!(differences(&declared, &found).is_empty());
        found.insert("max_msgs_per_subject".to_owned(), json!(5));
        let differences = differences(&declared, &found);
        assert_eq!(differences.len(), 1);
        assert_eq!((differences[0].declared.as_str(), differences[0].found.as_str()), ("1", "5"));
    }
}
