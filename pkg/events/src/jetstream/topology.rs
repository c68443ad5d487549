use std::sync::Arc;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, Info};
use underpin_logger::{Context, info, warn};

use super::api::JetStreamApi;
use super::error::answered;
use super::plan::{Change, Plan, sentences};
use super::settings::JetStreamSettings;
use super::stream::{differences, merged};
use crate::EventsError;

/// The streams on the server: compared with their declaration, created, changed.
pub(crate) struct Topology {
    api: Arc<JetStreamApi>,
    settings: JetStreamSettings,
}

impl Topology {
    pub(super) fn new(api: Arc<JetStreamApi>, settings: &JetStreamSettings) -> Self {
        Self { api, settings: settings.clone() }
    }

    fn declared_streams(&self) -> [Config; 2] {
        [self.settings.stream.declared(), self.settings.dead_letters.declared(&self.settings.stream)]
    }

    pub(super) async fn plan(&self) -> Result<Plan, EventsError> {
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
            let (Change::CreateStream { name } | Change::UpdateStream { name, .. }) = change;
            let declared = self.declared_streams().into_iter().find(|config| config.name == *name);
            let Some(declared) = declared else { continue };
            match change {
                Change::CreateStream { .. } => self.create_stream(declared).await?,
                Change::UpdateStream { differences, .. } => {
                    let drift = sentences(differences).join("; ");
                    let ctx = Context::background();
                    warn!(self.api.log, &ctx, "changing a stream that differs", stream = name, drift);
                    self.update_stream(declared).await?;
                }
            }
        }
        if !plan.is_empty() {
            self.verify().await?;
        }
        Ok(plan)
    }

    pub(super) async fn verify(&self) -> Result<(), EventsError> {
        let plan = self.plan().await?;
        if plan.is_empty() { Ok(()) } else { Err(EventsError::Drift { differences: plan.sentences() }) }
    }

    pub(super) async fn stream_info(&self, name: &str) -> Result<Option<Info>, EventsError> {
        let context = self.api.context();
        match self.api.call("stream info", context.get_stream(name)).await? {
            Ok(stream) => Ok(Some(stream.cached_info().clone())),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(answer)
                    if answer.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(None)
                }
                GetStreamErrorKind::JetStream(answer) => Err(answered(answer, name, 0)),
                GetStreamErrorKind::Request => Err(EventsError::Unavailable(error.into())),
                _ => Err(EventsError::backend("stream info", error)),
            },
        }
    }

    async fn create_stream(&self, config: Config) -> Result<(), EventsError> {
        let name = config.name.clone();
        let context = self.api.context();
        let created = self.api.call("create stream", context.create_stream(config)).await?;
        created.map_err(|error| self.refused("create stream", &name, error))?;
        info!(self.api.log, &Context::background(), "created a stream", stream = name);
        Ok(())
    }

    async fn update_stream(&self, declared: Config) -> Result<(), EventsError> {
        let Some(info) = self.stream_info(&declared.name).await? else {
            return self.create_stream(declared).await;
        };
        if info.config.storage != declared.storage {
            // No server can change this, and its error does not name the field.
            return Err(EventsError::Drift { differences: sentences(&differences(&declared, &info.config)) });
        }
        let name = declared.name.clone();
        let config = merged(&declared, info.config);
        let context = self.api.context();
        let updated = self.api.call("update stream", context.update_stream(config)).await?;
        updated.map(drop).map_err(|error| self.refused("update stream", &name, error))
    }

    /// The error of a stream that the server does not accept. When another stream has its subjects, it names the setting that
    /// chooses them.
    fn refused(&self, operation: &'static str, stream: &str, error: CreateStreamError) -> EventsError {
        let CreateStreamErrorKind::JetStream(answer) = error.kind() else {
            return EventsError::backend(operation, error);
        };
        if answer.error_code() != ErrorCode::STREAM_SUBJECT_OVERLAP {
            return EventsError::backend(operation, error);
        }
        let option = if stream == self.settings.stream.name {
            "events.stream.subject_prefix"
        } else {
            "events.dead_letters.subject_prefix"
        };
        EventsError::option(option, "overlaps the subjects of another stream on the server")
    }
}
