use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, Info};
use underpin_logger::{Context, info, warn};

use super::plan::{Change, Plan};
use super::stream::{differences, merged};
use super::{Inner, JetStream};
use crate::EventsError;

impl JetStream {
    /// Compares the streams with their declaration and changes nothing.
    ///
    /// # Errors
    /// What the server says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn plan(&self) -> Result<Plan, EventsError> {
        self.inner().plan().await
    }

    /// Creates the streams that are missing and changes those that differ, then reads them back and compares: a server
    /// ignores in silence what it does not know. Returns what was changed.
    ///
    /// Idempotency: a second call changes nothing.
    ///
    /// # Errors
    /// [`EventsError::Drift`] when a stream still differs afterwards, and what the server says.
    ///
    /// # Cancel safety
    /// Some of the changes may have been made.
    pub async fn apply(&self) -> Result<Plan, EventsError> {
        self.inner().apply().await
    }

    /// Compares the streams with their declaration.
    ///
    /// # Errors
    /// [`EventsError::Drift`] with one sentence a difference, and what the server says.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn verify(&self) -> Result<(), EventsError> {
        self.inner().verify().await
    }
}

impl Inner {
    fn declared_streams(&self) -> [Config; 2] {
        [self.settings.stream.declared(), self.settings.dead_letters.declared(&self.settings.stream)]
    }

    async fn plan(&self) -> Result<Plan, EventsError> {
        let mut plan = Plan::default();
        for declared in self.declared_streams() {
            match self.stream_info(&declared.name).await? {
                None => plan.changes.push(Change::CreateStream { name: declared.name }),
                Some(info) => {
                    let differences = differences(&declared, &info.config);
                    if !differences.is_empty() {
                        plan.changes.push(Change::UpdateStream { name: declared.name, differences });
                    }
                }
            }
        }
        Ok(plan)
    }

    pub(super) async fn apply(&self) -> Result<Plan, EventsError> {
        let plan = self.plan().await?;
        for change in &plan.changes {
            let declared = self.declared_streams();
            match change {
                Change::CreateStream { name } => {
                    if let Some(config) = declared.into_iter().find(|config| config.name == *name) {
                        self.create_stream(config).await?;
                    }
                }
                Change::UpdateStream { name, differences } => {
                    if let Some(config) = declared.into_iter().find(|config| config.name == *name) {
                        let drift =
                            differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                        warn!(
                            self.log,
                            &Context::background(),
                            "changing a stream that differs",
                            stream = name,
                            drift
                        );
                        self.update_stream(config).await?;
                    }
                }
            }
        }
        if !plan.is_empty() {
            self.verify().await?;
        }
        Ok(plan)
    }

    async fn verify(&self) -> Result<(), EventsError> {
        let plan = self.plan().await?;
        if plan.is_empty() { Ok(()) } else { Err(EventsError::Drift { differences: plan.sentences() }) }
    }

    pub(super) async fn stream_info(&self, name: &str) -> Result<Option<Info>, EventsError> {
        let found = self.connection.call("stream info", self.jetstream().get_stream(name)).await?;
        match found {
            Ok(stream) => Ok(Some(stream.cached_info().clone())),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(answer)
                    if answer.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(None)
                }
                GetStreamErrorKind::JetStream(answer) => Err(super::error::answered(answer, name, 0)),
                GetStreamErrorKind::Request => Err(EventsError::Unavailable(error.into())),
                _ => Err(EventsError::backend("stream info", error)),
            },
        }
    }

    async fn create_stream(&self, config: Config) -> Result<(), EventsError> {
        let name = config.name.clone();
        let created = self.connection.call("create stream", self.jetstream().create_stream(config)).await?;
        created.map_err(|error| EventsError::backend("create stream", error))?;
        info!(self.log, &Context::background(), "created a stream", stream = name);
        Ok(())
    }

    async fn update_stream(&self, declared: Config) -> Result<(), EventsError> {
        let Some(info) = self.stream_info(&declared.name).await? else {
            return self.create_stream(declared).await;
        };
        if info.config.storage != declared.storage {
            // No server can change this, and the one that tries says so in other words.
            let differences = differences(&declared, &info.config).iter().map(ToString::to_string).collect();
            return Err(EventsError::Drift { differences });
        }
        let config = merged(&declared, info.config);
        let updated = self.connection.call("update stream", self.jetstream().update_stream(config)).await?;
        updated.map(drop).map_err(|error| EventsError::backend("update stream", error))
    }
}
