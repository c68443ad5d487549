//! The durable consumer of a subscription: declared, created, compared, and put back where it was when it is gone.

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::ConsumerInfoErrorKind;
use async_nats::jetstream::stream::Info as StreamInfo;
use underpin_logger::{Context, warn};

use super::plan::Difference;
use super::stream::sorted;
use super::{Inner, TopologyMode};
use crate::{EventsError, StartPosition, SubscribeOptions};

/// What is remembered of a consumer, so that it can be put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    stream_created: async_nats::datetime::DateTime,
    /// Everything up to here is confirmed.
    ack_floor: u64,
}

impl Known {
    /// Notes how far the consumer is by now.
    pub(super) fn confirmed(&mut self, ack_floor: u64) {
        self.ack_floor = self.ack_floor.max(ack_floor);
    }
}

/// A consumer that is in place.
pub(super) struct Bound {
    pub(super) known: Known,
    pub(super) info: consumer::Info,
}

impl Inner {
    /// Makes sure that stream and consumer are there and as declared.
    pub(super) async fn bind(
        &self,
        options: &SubscribeOptions,
        known: Option<&Known>,
    ) -> Result<Bound, EventsError> {
        let stream = self.stream_in_place().await?;
        let declared = self.declared_consumer(options);
        let info = match self.consumer_info(&options.name).await? {
            Some(info) => self.consumer_as_declared(declared, info).await?,
            None if self.settings.topology == TopologyMode::Verify => {
                return Err(EventsError::NotFound { what: format!("consumer {}", options.name) });
            }
            None => {
                let deliver_policy = start(options, known, &stream);
                if known.is_some() {
                    let start = format!("{deliver_policy:?}");
                    warn!(
                        self.log,
                        &Context::background(),
                        "a consumer was gone and is put back",
                        subscription = options.name,
                        start
                    );
                }
                self.create_consumer(pull::Config { deliver_policy, ..declared }).await?
            }
        };
        let known = Known { stream_created: stream.created, ack_floor: info.ack_floor.stream_sequence };
        Ok(Bound { known, info })
    }

    pub(super) async fn consumer_info(&self, name: &str) -> Result<Option<consumer::Info>, EventsError> {
        let jetstream = self.jetstream();
        let stream = jetstream.get_stream_no_info(&self.settings.stream.name);
        let stream = stream.await.map_err(|error| EventsError::backend("consumer info", error))?;
        match self.connection.call("consumer info", stream.consumer_info(name)).await? {
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
        if let Some(info) = self.stream_info(name).await? {
            return Ok(info);
        }
        if self.settings.topology == TopologyMode::Apply {
            self.apply().await?;
        }
        self.stream_info(name).await?.ok_or_else(|| EventsError::NotFound { what: format!("stream {name}") })
    }

    fn declared_consumer(&self, options: &SubscribeOptions) -> pull::Config {
        pull::Config {
            durable_name: Some(options.name.clone()),
            name: Some(options.name.clone()),
            description: Some("a subscription of underpin-events".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: options.ack_wait,
            // The subscription counts the attempts and puts the event aside itself. A server that stops delivering leaves
            // it in the stream, seen by nobody.
            max_deliver: -1,
            // Messages that wait for their next attempt count as well, and must not stop the delivery of others.
            max_ack_pending: i64::try_from(options.max_unacknowledged()).unwrap_or(i64::MAX),
            filter_subjects: self.settings.stream.filters(options),
            ..pull::Config::default()
        }
    }

    async fn consumer_as_declared(
        &self,
        declared: pull::Config,
        info: consumer::Info,
    ) -> Result<consumer::Info, EventsError> {
        let drift = differences(&declared, &info.config);
        if drift.is_empty() {
            return Ok(info);
        }
        let sentences: Vec<String> = drift.iter().map(ToString::to_string).collect();
        if self.settings.topology == TopologyMode::Verify {
            return Err(EventsError::Drift { differences: sentences });
        }
        let drift = sentences.join("; ");
        warn!(
            self.log,
            &Context::background(),
            "changing a consumer that differs",
            consumer = info.name,
            drift
        );
        // Where it began cannot be changed, and does not matter any more.
        self.create_consumer(pull::Config { deliver_policy: info.config.deliver_policy, ..declared }).await
    }

    /// Creates or changes, then compares what the server made of it.
    async fn create_consumer(&self, config: pull::Config) -> Result<consumer::Info, EventsError> {
        let jetstream = self.jetstream();
        let create = jetstream.create_consumer_on_stream(config.clone(), self.settings.stream.name.as_str());
        let created = self.connection.call("create consumer", create).await?;
        let created = created.map_err(|error| EventsError::backend("create consumer", error))?;
        let info = created.cached_info().clone();
        let left = differences(&config, &info.config);
        if left.is_empty() {
            return Ok(info);
        }
        Err(EventsError::Drift { differences: left.iter().map(ToString::to_string).collect() })
    }
}

/// Where a consumer begins. One that was lost goes on behind what was confirmed; one whose stream was made anew has seen
/// nothing of it.
fn start(options: &SubscribeOptions, known: Option<&Known>, stream: &StreamInfo) -> DeliverPolicy {
    match known {
        Some(known) if known.stream_created == stream.created => {
            DeliverPolicy::ByStartSequence { start_sequence: known.ack_floor.saturating_add(1) }
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
