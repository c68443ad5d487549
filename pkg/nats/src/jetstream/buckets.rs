use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use underpin_logger::{Context, Logger, info, warn};

use super::api::JetStreamApi;
use super::error::JetStreamError;
use super::plan::{BucketChange, BucketPlan, differences};

/// A bucket as it should be: a stream with these fields. Other fields of the stream belong to the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketDeclaration {
    /// The name, for people.
    pub bucket: String,
    /// The name of the stream.
    pub stream: String,
    /// The configuration of the stream, under the server's names.
    pub config: Map<String, Value>,
}

/// Declared buckets, compared with the server and applied to it.
#[derive(Clone)]
pub struct Buckets {
    api: JetStreamApi,
    declared: Arc<[BucketDeclaration]>,
    log: Arc<dyn Logger>,
}

impl Buckets {
    /// These buckets on the server of a connection. Sends no request.
    pub fn new(
        api: JetStreamApi,
        declared: impl IntoIterator<Item = BucketDeclaration>,
        log: Arc<dyn Logger>,
    ) -> Self {
        Self { api, declared: declared.into_iter().collect(), log }
    }

    /// The API that it uses.
    pub fn api(&self) -> &JetStreamApi {
        &self.api
    }

    /// What is declared.
    pub fn declared(&self) -> &[BucketDeclaration] {
        &self.declared
    }

    /// Compares the buckets with their declarations. It changes nothing.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn plan(&self) -> Result<BucketPlan, JetStreamError> {
        let mut plan = BucketPlan::default();
        for BucketDeclaration { bucket, stream, config } in &*self.declared {
            let bucket = bucket.clone();
            match self.api.stream(stream).await? {
                None => plan.changes.push(BucketChange::Create { bucket }),
                Some(info) => {
                    let differences = differences(config, &info.config);
                    if !differences.is_empty() {
                        plan.changes.push(BucketChange::Update { bucket, differences });
                    }
                }
            }
        }
        Ok(plan)
    }

    /// Makes one change of a plan, and logs it.
    ///
    /// # Errors
    /// [`JetStreamError`]; the storage of a stream, for example, never changes.
    ///
    /// # Cancel safety
    /// The change may have been made.
    pub async fn make(&self, change: &BucketChange) -> Result<(), JetStreamError> {
        let name = change.bucket();
        let Some(declared) = self.declared.iter().find(|declared| declared.bucket == name) else {
            return Ok(());
        };
        let (stream, ctx) = (&declared.stream, Context::background());
        let (action, config) = match change {
            BucketChange::Create { .. } => ("CREATE", declared.config.clone()),
            BucketChange::Update { .. } => {
                let drift = BucketPlan { changes: vec![change.clone()] }.to_string();
                warn!(self.log, &ctx, "changing a bucket that differs", bucket = name, drift = drift);
                let found = self.api.stream(stream).await?;
                let mut config = found.map(|info| info.config).unwrap_or_default();
                config.extend(declared.config.clone());
                ("UPDATE", config)
            }
        };
        let call = format!("STREAM.{action}.{stream}");
        self.api.call::<Value>(&call, &Value::Object(config)).await?;
        if action == "CREATE" {
            info!(self.log, &ctx, "created a bucket", bucket = name);
        }
        Ok(())
    }

    /// A bucket that does not exist, if there is one.
    ///
    /// # Errors
    /// [`JetStreamError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn missing(&self) -> Result<Option<&str>, JetStreamError> {
        for BucketDeclaration { bucket, stream, .. } in &*self.declared {
            if self.api.stream(stream).await?.is_none() {
                return Ok(Some(bucket));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").field("declared", &self.declared).finish_non_exhaustive()
    }
}
