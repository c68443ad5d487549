use serde_json::{Map, Value};

/// A bucket as it should be: a stream with these fields. Other fields of the stream belong to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketDeclaration {
    /// The name, for people.
    pub bucket: String,
    /// The name of the stream.
    pub stream: String,
    /// The configuration of the stream, under the server's names.
    pub config: Map<String, Value>,
    /// The setting that asks for messages with a time to live, for which servers before 2.11 are too old.
    pub message_ttl: Option<&'static str>,
}

impl BucketDeclaration {
    /// A stream of these subjects, with what the buckets of the NATS specifications have in common: no limits, full buckets refuse
    /// writes, rollups and direct reads.
    ///
    /// # Examples
    /// ```
    /// use underpin_nats::jetstream::BucketDeclaration;
    ///
    /// let bucket = BucketDeclaration::new("carts", "KV_carts", ["$KV.carts.>".to_owned()]).with("num_replicas", 3);
    /// assert_eq!((&bucket.config["num_replicas"], &bucket.config["discard"]), (&3.into(), &"new".into()));
    /// ```
    pub fn new<const N: usize>(
        bucket: impl Into<String>,
        stream: impl Into<String>,
        subjects: [String; N],
    ) -> Self {
        let (bucket, stream) = (bucket.into(), stream.into());
        Self { bucket, stream: stream.clone(), config: Map::new(), message_ttl: None }
            .with("name", stream)
            .with("subjects", subjects)
            .with("max_bytes", -1)
            .with("max_msgs", -1)
            .with("max_msgs_per_subject", -1)
            .with("max_consumers", -1)
            .with("retention", "limits")
            .with("discard", "new")
            .with("allow_rollup_hdrs", true)
            .with("allow_direct", true)
    }

    /// With a field of the configuration.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.config.insert(field.to_owned(), value.into());
        self
    }

    /// With messages that may have a time to live, which this setting asks for.
    #[must_use]
    pub fn with_message_ttl(mut self, setting: &'static str) -> Self {
        self.message_ttl = Some(setting);
        self.with("allow_msg_ttl", true)
    }
}
