//! The durable consumer of a subscription: declared, created, compared, and restored at its position when it was deleted.

use std::collections::HashMap;
use std::sync::Arc;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::Info as StreamInfo;
use underpin_logger::{Context, warn};

use super::api::JetStreamApi;
use super::plan::{Difference, sentences};
use super::settings::{DEFAULT_NAME, JetStreamSettings};
use super::stream::sorted;
use super::stream_settings::TopologyMode;
use super::topology::Topology;
use crate::{EventsError, StartPosition, SubscribeOptions};

/// The first server whose consumers with several filters do not scan the backlog for each message.
const FAST_FILTERS: &str = "2.11.0";
/// The key in the metadata of a consumer that names the service it belongs to.
const SERVICE: &str = "underpin-service";

/// The position of a consumer, so that it can be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    stream_created: async_nats::datetime::DateTime,
    /// Everything up to here is confirmed.
    ack_floor: u64,
}

impl Position {
    pub(super) fn confirmed(&mut self, ack_floor: u64) {
        self.ack_floor = self.ack_floor.max(ack_floor);
    }
}

/// A consumer that is in place.
pub(super) struct BoundConsumer {
    pub(super) position: Position,
    pub(super) info: consumer::Info,
}

/// Creates, compares and restores durable consumers.
pub(crate) struct ConsumerManager {
    api: Arc<JetStreamApi>,
    topology: Arc<Topology>,
    settings: JetStreamSettings,
}

impl ConsumerManager {
    pub(super) fn new(api: Arc<JetStreamApi>, topology: Arc<Topology>, settings: &JetStreamSettings) -> Self {
        Self { api, topology, settings: settings.clone() }
    }

    /// Makes sure that stream and consumer are there and as declared.
    pub(super) async fn bind(
        &self,
        options: &SubscribeOptions,
        before: Option<&Position>,
    ) -> Result<BoundConsumer, EventsError> {
        let stream = self.stream_in_place().await?;
        let declared = self.declared(options);
        let info = match self.info(&options.name).await? {
            Some(info) => self.as_declared(declared, info, options).await?,
            None if self.settings.topology == TopologyMode::Verify => {
                return Err(EventsError::NotFound { what: format!("consumer {}", options.name) });
            }
            None => {
                let deliver_policy = start(options, before, &stream);
                if before.is_some() {
                    let (ctx, start) = (Context::background(), format!("{deliver_policy:?}"));
                    let subscription = &options.name;
                    warn!(self.api.log, &ctx, "restoring a consumer that was deleted", subscription, start);
                }
                self.create(pull::Config { deliver_policy, ..declared }).await?
            }
        };
        let position = Position { stream_created: stream.created, ack_floor: info.ack_floor.stream_sequence };
        Ok(BoundConsumer { position, info })
    }

    pub(super) async fn info(&self, name: &str) -> Result<Option<consumer::Info>, EventsError> {
        let context = self.api.context();
        let stream = context.get_stream_no_info(&self.settings.stream.name).await;
        let stream = stream.map_err(|error| EventsError::backend("consumer info", error))?;
        match self.api.call("consumer info", stream.consumer_info(name)).await? {
            Ok(info) => Ok(Some(info)),
            Err(error) => match error.kind() {
                ConsumerInfoErrorKind::NotFound | ConsumerInfoErrorKind::StreamNotFound => Ok(None),
                ConsumerInfoErrorKind::Offline | ConsumerInfoErrorKind::TimedOut => {
                    Err(EventsError::Unavailable(error.into()))
                }
                _ => Err(EventsError::backend("consumer info", error)),
            },
        }
    }

    async fn stream_in_place(&self) -> Result<StreamInfo, EventsError> {
        let name = &self.settings.stream.name;
        if let Some(info) = self.topology.stream_info(name).await? {
            return Ok(info);
        }
        if self.settings.topology == TopologyMode::Apply {
            self.topology.apply().await?;
        }
        let info = self.topology.stream_info(name).await?;
        info.ok_or_else(|| EventsError::NotFound { what: format!("stream {name}") })
    }

    fn declared(&self, options: &SubscribeOptions) -> pull::Config {
        pull::Config {
            durable_name: Some(options.name.clone()),
            name: Some(options.name.clone()),
            description: Some("a subscription of underpin-events".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: options.ack_wait,
            // The subscription counts the attempts and dead-letters the event itself. A server that stops delivering leaves it
            // in the stream unhandled.
            max_deliver: -1,
            // Messages that wait for their next attempt count as well, and must not stop the delivery of others.
            max_ack_pending: i64::try_from(options.max_unacknowledged()).unwrap_or(i64::MAX),
            filter_subjects: self.filters(options),
            metadata: self.metadata(),
            ..pull::Config::default()
        }
    }

    /// The subjects that the consumer selects.
    ///
    /// With several filters, nats-server 2.10 scans the backlog for each message that it delivers: with 70,000 events it delivers
    /// a hundred a second instead of some 20,000. There a subscription to all types has no filter, and skips the replays for others
    /// itself.
    fn filters(&self, options: &SubscribeOptions) -> Vec<String> {
        let slow = self.api.connection.require("fast filters", FAST_FILTERS).is_err();
        if slow && options.types.is_empty() { Vec::new() } else { self.settings.stream.filters(options) }
    }

    /// The service that the consumer belongs to, unless it has only the default name.
    fn metadata(&self) -> HashMap<String, String> {
        let named = self.settings.name != DEFAULT_NAME;
        named.then(|| (SERVICE.to_owned(), self.settings.name.clone())).into_iter().collect()
    }

    async fn as_declared(
        &self,
        mut declared: pull::Config,
        info: consumer::Info,
        options: &SubscribeOptions,
    ) -> Result<consumer::Info, EventsError> {
        let owner = info.config.metadata.get(SERVICE);
        if let Some(owner) = owner.filter(|owner| **owner != self.settings.name) {
            return Err(EventsError::ForeignConsumer {
                consumer: info.name,
                owner: owner.clone(),
                service: self.settings.name.clone(),
            });
        }
        if declared.filter_subjects.is_empty() && self.settings.topology == TopologyMode::Verify {
            // With its filters it is slower and no less right.
            let filters = self.settings.stream.filters(options);
            if sorted(&filters) == sorted(&info.config.filter_subjects) {
                declared.filter_subjects = filters;
            }
        }
        let drift = differences(&declared, &info.config);
        // A consumer of an earlier version, or of a service without a name, names no service: it is adopted.
        let adopt =
            owner.is_none() && !declared.metadata.is_empty() && self.settings.topology == TopologyMode::Apply;
        if drift.is_empty() && !adopt {
            return Ok(info);
        }
        if self.settings.topology == TopologyMode::Verify {
            return Err(EventsError::Drift { differences: sentences(&drift) });
        }
        if !drift.is_empty() {
            let (ctx, drift, consumer) = (Context::background(), sentences(&drift).join("; "), &info.name);
            warn!(self.api.log, &ctx, "changing a consumer that differs", consumer, drift);
        }
        let mut metadata = info.config.metadata.clone();
        metadata.extend(declared.metadata.clone());
        // Where it began cannot be changed, and does not matter any more.
        self.create(pull::Config { deliver_policy: info.config.deliver_policy, metadata, ..declared }).await
    }

    /// Creates or changes, then compares with the result on the server.
    async fn create(&self, config: pull::Config) -> Result<consumer::Info, EventsError> {
        let context = self.api.context();
        let create = context.create_consumer_on_stream(config.clone(), self.settings.stream.name.as_str());
        let created = self.api.call("create consumer", create).await?;
        let created = created.map_err(|error| EventsError::backend("create consumer", error))?;
        let info = created.cached_info().clone();
        let left = differences(&config, &info.config);
        if left.is_empty() {
            return Ok(info);
        }
        Err(EventsError::Drift { differences: sentences(&left) })
    }
}

/// Where a consumer begins. One that was deleted goes on behind what was confirmed; one whose stream was created again begins at
/// its start.
fn start(options: &SubscribeOptions, before: Option<&Position>, stream: &StreamInfo) -> DeliverPolicy {
    match before {
        Some(before) if before.stream_created == stream.created => {
            DeliverPolicy::ByStartSequence { start_sequence: before.ack_floor.saturating_add(1) }
        }
        Some(_) => DeliverPolicy::All,
        None => match options.start {
            StartPosition::Oldest => DeliverPolicy::All,
            StartPosition::Next => DeliverPolicy::New,
            StartPosition::Sequence(sequence) => {
                DeliverPolicy::ByStartSequence { start_sequence: sequence.max(1) }
            }
        },
    }
}

fn differences(declared: &pull::Config, found: &consumer::Config) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |field: &str, declared_value: String, found: String| {
        if declared_value != found {
            let object = format!("consumer {}", declared.durable_name.as_deref().unwrap_or_default());
            differences.push(Difference { object, field: field.to_owned(), declared: declared_value, found });
        }
    };
    let mut filters = found.filter_subjects.clone();
    if !found.filter_subject.is_empty() {
        filters.push(found.filter_subject.clone());
    }
    compare("filter_subjects", sorted(&declared.filter_subjects), sorted(&filters));
    compare("ack_policy", format!("{:?}", declared.ack_policy), format!("{:?}", found.ack_policy));
    compare("ack_wait", format!("{:?}", declared.ack_wait), format!("{:?}", found.ack_wait));
    compare("max_deliver", declared.max_deliver.to_string(), found.max_deliver.to_string());
    compare("max_ack_pending", declared.max_ack_pending.to_string(), found.max_ack_pending.to_string());
    differences
}
