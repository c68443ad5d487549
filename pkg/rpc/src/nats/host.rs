use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::BoxError;

use super::denial_watcher::DenialWatcher;
use super::discovery::Discovery;
use super::failure;
use super::rpc::NatsRpc;
use super::running::NatsRunning;
use super::subscription::EndpointSubscription;
use crate::deadline;
use crate::engine::Instance;
use crate::error::RpcError;
use crate::host::{Host, Running};
use crate::micro::Verb;
use crate::service::Service;

#[async_trait]
impl Host for NatsRpc {
    async fn serve(&self, service: Service) -> Result<Arc<dyn Running>, RpcError> {
        let instance = Arc::new(Instance::new(service, &self.log)?);
        let until = deadline::after(self.nats.request_timeout());
        self.nats.connected(until).await.map_err(failure::of_serve)?;
        let mut inbox = self.nats.reply_inbox().await.map_err(failure::of_serve)?;
        let mut readers = Vec::new();
        for (index, spec) in instance.specs().enumerate() {
            let reader = EndpointSubscription {
                nats: self.nats.clone(),
                instance: Arc::clone(&instance),
                index,
                subject: spec.subject().to_owned(),
                group: spec.group.name().map(str::to_owned),
                log: Arc::clone(&self.log),
            };
            let reading = reader.subscribe().await.map_err(unsubscribed)?;
            readers.push((reader, reading));
        }
        let (nats, log) = (self.nats.clone(), Arc::clone(&self.log));
        let discovery = Discovery { nats, instance: Arc::clone(&instance), log };
        let questions = discovery.subscribe().await.map_err(unsubscribed)?;
        let discovered = Verb::ALL.into_iter().flat_map(|verb| verb.subjects(&instance.name, &instance.id));
        let endpoints = instance.specs().map(|spec| spec.subject().to_owned());
        let watch = Arc::new(DenialWatcher::new(endpoints.chain(discovered)));
        // Dropping what was subscribed unsubscribes it.
        watch.confirm(&self.nats, &mut inbox).await?;

        let running = NatsRunning::new(instance, self.nats.clone(), Arc::clone(&watch));
        running.follow(async move { watch.follow(inbox).await });
        running.follow(discovery.run(questions));
        for (reader, reading) in readers {
            running.read(reader.run(reading));
        }
        running.supervise();
        Ok(Arc::new(running))
    }
}

fn unsubscribed(source: BoxError) -> RpcError {
    RpcError::Transport { operation: "subscribe", source }
}
