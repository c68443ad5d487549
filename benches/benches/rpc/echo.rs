//! The services that are called: each answers with the body of the request.

use std::error::Error;
use std::sync::Arc;

use async_nats::service::ServiceExt;
use futures_util::StreamExt;
use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsSettings};
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{Call, Reply, RpcSettings, Service, handler_fn};

pub(crate) type Done<T> = Result<T, Box<dyn Error>>;

pub(crate) fn service() -> Service {
    let echo = handler_fn(|call: Call| async move { Ok(Reply::new(call.body().clone())) });
    Service::new("ours", "1.0.0").endpoint("echo", echo).limit(1024)
}

pub(crate) async fn connect(url: &str) -> Done<NatsRpc> {
    let nats = Connection::connect(&NatsSettings::new(url), Arc::new(NoopLogger)).await?;
    Ok(NatsRpc::new(nats, RpcSettings::default(), Arc::new(NoopLogger))?)
}

/// A subscriber that publishes each request back.
pub(crate) async fn raw(url: &str) -> Done<()> {
    let client = async_nats::connect(url).await?;
    let mut requests = client.queue_subscribe("raw.echo", "q".to_owned()).await?;
    client.flush().await?;
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            if let Some(reply) = request.reply {
                drop(client.publish(reply, request.payload).await);
            }
        }
    });
    Ok(())
}

/// The service module of async-nats, as its documentation shows it.
pub(crate) async fn module(url: &str) -> Done<()> {
    let client = async_nats::connect(url).await?;
    let service =
        client.service_builder().start("module", "1.0.0").await.map_err(|error| error.to_string())?;
    let mut endpoint = service.endpoint("module.echo").await.map_err(|error| error.to_string())?;
    client.flush().await?;
    tokio::spawn(async move {
        let _service = service;
        while let Some(request) = endpoint.next().await {
            let body = request.message.payload.clone();
            drop(request.respond(Ok(body)).await);
        }
    });
    Ok(())
}
