use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use underpin_errors::{Health, Report};
use underpin_logger::{Context, Logger, info, warn};

use super::api::JetStreamApi;
use super::declaration::BucketDeclaration;
use super::error::{BucketsError, JetStreamError};
use super::plan::{BucketChange, BucketPlan, differences};
use crate::NatsError;

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
    /// [`BucketsError::Call`]: with [`NatsError::ServerTooOld`] when a declaration needs a newer server, and those of the connection.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn plan(&self) -> Result<BucketPlan, BucketsError> {
        self.require_level().await.map_err(|error| failed("read API level", "", error.into()))?;
        let mut plan = BucketPlan::default();
        for BucketDeclaration { bucket, stream, config, .. } in &*self.declared {
            let found = self.api.stream(stream).await;
            match found.map_err(|error| failed("read bucket", bucket, error))? {
                None => plan.changes.push(BucketChange::Create { bucket: bucket.clone() }),
                Some(info) => {
                    let differences = differences(config, &info.config);
                    if !differences.is_empty() {
                        plan.changes.push(BucketChange::Update { bucket: bucket.clone(), differences });
                    }
                }
            }
        }
        Ok(plan)
    }

    /// Creates the buckets that are missing, changes those that differ, and compares again. Returns what it changed.
    ///
    /// # Errors
    /// [`BucketsError::Drift`] when the server did not take a change, [`BucketsError::Call`] when it refused one (the storage of a stream,
    /// for example, never changes), and those of [`plan`](Self::plan).
    ///
    /// # Cancel safety
    /// Some changes may have been made.
    pub async fn apply(&self) -> Result<BucketPlan, BucketsError> {
        let plan = self.plan().await?;
        for change in &plan.changes {
            let made = self.make(change).await;
            made.map_err(|error| failed("write bucket", change.bucket(), error))?;
        }
        if !plan.is_empty() {
            self.verify().await?;
        }
        Ok(plan)
    }

    /// Compares the buckets with their declarations.
    ///
    /// # Errors
    /// [`BucketsError::Drift`] lists each difference, and those of [`plan`](Self::plan).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn verify(&self) -> Result<(), BucketsError> {
        let plan = self.plan().await?;
        if plan.is_empty() { Ok(()) } else { Err(BucketsError::Drift { differences: plan.sentences() }) }
    }

    /// Down while the server does not answer, or a bucket is missing.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn health(&self) -> Health {
        for BucketDeclaration { bucket, stream, .. } in &*self.declared {
            match self.api.stream(stream).await {
                Ok(Some(_)) => {}
                Ok(None) => return Health::down(format!("bucket {bucket} is missing")),
                Err(error) => return Health::down(Report(&error).to_string()),
            }
        }
        Health::up().detail("buckets", self.declared.len())
    }

    /// The level is that of the server that leads: the one that the client is connected to may be newer.
    async fn require_level(&self) -> Result<(), NatsError> {
        let Some(feature) = self.declared.iter().find_map(|declared| declared.message_ttl) else {
            return Ok(());
        };
        match self.api.connection().api_level(None).await? {
            0 => {
                let found = self.api.connection().server_info().version;
                Err(NatsError::ServerTooOld { feature, required: "nats-server 2.11", found })
            }
            _ => Ok(()),
        }
    }

    /// Makes one change of a plan, and logs it.
    async fn make(&self, change: &BucketChange) -> Result<(), JetStreamError> {
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
}

fn failed(operation: &'static str, bucket: &str, source: JetStreamError) -> BucketsError {
    BucketsError::Call { operation, bucket: bucket.to_owned(), source }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").field("declared", &self.declared).finish_non_exhaustive()
    }
}
