//! Discovery, statistics and health.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use underpin_errors::{Error, HealthStatus, Kind};

use super::{Harness, eventually, request};
use crate::call::Call;
use crate::caller::CallerExt;
use crate::gather::Gather;
use crate::group::Group;
use crate::handler::{handler_fn, handler_fn_with};
use crate::micro::{ServiceInfo, ServicePing};
use crate::request::Reply;
use crate::service::Service;

fn service(name: &str) -> Service {
    let echo = || handler_fn(|call: Call| async move { Ok(Reply::new(call.body().clone())) });
    Service::new(name, "1.2.3")
        .description("for the suite")
        .metadata("team", "a")
        .endpoint("echo", echo())
        .endpoint_metadata("format", "text")
        .endpoint("all", echo())
        .group(Group::None)
}

pub async fn instances_are_found_by_name_and_id(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let first = rpc.serve(service("one")).await.unwrap();
    let second = harness.rpc().await.serve(service("one")).await.unwrap();
    let other = rpc.serve(service("two")).await.unwrap();
    let (within, caller) = (Duration::from_secs(3), harness.rpc().await);

    let all: HashSet<_> =
        caller.services(None, within).await.unwrap().into_iter().map(|info| info.id).collect();
    assert_eq!(all, HashSet::from([first.info().id, second.info().id, other.info().id]));
    let named = caller.services(Some("one"), within).await.unwrap();
    assert_eq!(named.len(), 2, "{named:?}");
    assert!(named.contains(&first.info()) && named.contains(&second.info()));
    assert!(caller.services(Some("three"), within).await.unwrap().is_empty());

    let endpoints = &named[0].endpoints;
    assert_eq!((endpoints[0].subject.as_str(), endpoints[0].queue_group.as_str()), ("one.echo", "q"));
    assert_eq!((endpoints[1].name.as_str(), endpoints[1].queue_group.as_str()), ("all", ""));
    assert_eq!(endpoints[0].metadata["format"], "text");

    let id = first.info().id;
    let mut by_id = request("one", "");
    by_id.endpoint = format!("$SRV.PING.one.{id}").into();
    let pong: ServicePing = serde_json::from_slice(&caller.call(by_id.clone()).await.unwrap().body).unwrap();
    assert_eq!((pong.id.as_str(), pong.ty.as_str()), (id.as_str(), "io.nats.micro.v1.ping_response"));
    assert_eq!((pong.version.as_str(), pong.metadata["team"].as_str()), ("1.2.3", "a"));
    by_id.endpoint = format!("$SRV.INFO.one.{id}").into();
    let info: ServiceInfo = serde_json::from_slice(&caller.call(by_id).await.unwrap().body).unwrap();
    assert_eq!(info, first.info());
    let pings = caller.gather(request("$SRV.PING", ""), Gather::until_deadline().count(3)).await.unwrap();
    assert_eq!(pings.len(), 3);
}

pub async fn statistics_count_what_happened(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let handler = handler_fn(|call: Call| async move {
        tokio::time::sleep(Duration::from_millis(2)).await;
        if call.body().is_empty() { Err(Error::not_found("no\norder")) } else { Ok(Reply::new("")) }
    });
    let running = rpc.serve(Service::new("stats", "1.0.0").endpoint("get", handler)).await.unwrap();
    for body in ["a", "", "b"] {
        drop(rpc.call(request("stats.get", body)).await);
    }
    let stats = rpc.service_stats(Some("stats"), Duration::from_secs(3)).await.unwrap().remove(0);
    assert_eq!(stats, running.stats());
    assert!(stats.started.starts_with("20") && stats.started.ends_with('Z'), "{}", stats.started);
    let endpoint = &stats.endpoints[0];
    assert_eq!((endpoint.num_requests, endpoint.num_errors), (3, 1));
    assert_eq!(endpoint.last_error, "404:no order");
    assert!(endpoint.processing_time >= 6_000_000, "{endpoint:?}");
    assert_eq!(endpoint.average_processing_time, endpoint.processing_time / 3);
}

pub async fn health_shows_overload(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let gate = Arc::new(Semaphore::new(0));
    let handler = handler_fn_with(Arc::clone(&gate), async |gate: Arc<Semaphore>, _: Call| {
        gate.acquire().await.unwrap().forget();
        Ok(Reply::new(""))
    });
    let service = Service::new("health", "1.0.0").endpoint("slow", handler).limit(1).queue(0);
    let running = rpc.serve(service).await.unwrap();
    assert_eq!((running.name(), running.check().await.status), ("health", HealthStatus::Up));
    let first = tokio::spawn({
        let rpc = Arc::clone(&rpc);
        async move { rpc.call(request("health.slow", "")).await }
    });
    eventually(harness.patience(), "it runs", || async { running.stats().endpoints[0].num_requests == 1 })
        .await;
    let error = Error::from(rpc.call(request("health.slow", "")).await.unwrap_err());
    assert_eq!(error.kind(), Kind::ResourceExhausted);
    assert_eq!(running.check().await.status, HealthStatus::Degraded);
    gate.add_permits(1);
    first.await.unwrap().unwrap();
    assert_eq!(running.check().await.status, HealthStatus::Up, "no new refusals");
}
