//! Queue groups, gathering and versions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use underpin_errors::Error;
use underpin_logger::Context;

use super::{Harness, eventually, request, within};
use crate::call::Call;
use crate::caller::CallerExt;
use crate::gather::Gather;
use crate::group::Group;
use crate::handler::{Handler, handler_fn, handler_fn_with};
use crate::method::Method;
use crate::request::Reply;
use crate::service::Service;

fn counting(count: &Arc<AtomicU32>) -> Arc<dyn Handler> {
    handler_fn_with(Arc::clone(count), async |count: Arc<AtomicU32>, _: Call| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Reply::new("counted"))
    })
}

pub async fn instances_share_the_calls(harness: &impl Harness) {
    let counts = [Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0))];
    let mut running = Vec::new();
    for count in &counts {
        let service = Service::new("groups", "1.0.0").endpoint("work", counting(count));
        running.push(harness.rpc().await.serve(service).await.unwrap());
    }
    let caller = harness.rpc().await;
    for _ in 0..200 {
        caller.call(request("groups.work", "")).await.unwrap();
    }
    let counts = counts.map(|count| count.load(Ordering::SeqCst));
    assert_eq!(counts.iter().sum::<u32>(), 200);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

pub async fn every_group_gets_a_message(harness: &impl Harness) {
    let (mail, stats) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let rpc = harness.rpc().await;
    let service = Service::new("groups", "1.0.0")
        .endpoint("mail", counting(&mail))
        .subject("orders.placed")
        .group(Group::Named("mail".into()))
        .endpoint("stats", counting(&stats))
        .subject("orders.placed")
        .group(Group::Named("stats".into()));
    // Two instances: still one member of each group.
    let _running =
        [rpc.serve(service.clone()).await.unwrap(), harness.rpc().await.serve(service).await.unwrap()];
    for n in 1..=50 {
        rpc.send(request("orders.placed", "{}")).await.unwrap();
        eventually(harness.patience(), "both groups got it", || async {
            mail.load(Ordering::SeqCst) == n && stats.load(Ordering::SeqCst) == n
        })
        .await;
    }
    assert!(rpc.call(request("orders.placed", "{}")).await.is_ok(), "the first answer counts");
}

pub async fn without_a_group_every_instance_answers(harness: &impl Harness) {
    let mut running = Vec::new();
    for n in 0..3 {
        let handler = handler_fn(move |_| async move { Ok(Reply::new(n.to_string())) });
        let service = Service::new("groups", "1.0.0").endpoint("all", handler).group(Group::None);
        running.push(harness.rpc().await.serve(service).await.unwrap());
    }
    let rpc = harness.rpc().await;
    let three = Gather::until_deadline().count(3);
    let replies =
        within(harness.patience(), "three replies", rpc.gather(request("groups.all", ""), three)).await;
    let mut bodies: Vec<_> = replies.unwrap().into_iter().map(|reply| reply.unwrap().body).collect();
    bodies.sort();
    assert_eq!(bodies, ["0", "1", "2"]);
}

pub async fn a_gather_ends_by_count_pause_or_deadline(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let answer = |error: bool| {
        handler_fn(move |_| async move {
            if error { Err(Error::not_found("not here")) } else { Ok(Reply::new("here")) }
        })
    };
    let service = |error| Service::new("groups", "1.0.0").endpoint("find", answer(error)).group(Group::None);
    let _running = [rpc.serve(service(false)).await.unwrap(), rpc.serve(service(true)).await.unwrap()];

    let one = rpc.gather(request("groups.find", ""), Gather::until_deadline().count(1)).await.unwrap();
    assert_eq!(one.len(), 1);
    let began = Instant::now();
    let paused = Gather::until_deadline().pause(Duration::from_secs(2));
    let both =
        within(harness.patience(), "a pause", rpc.gather(request("groups.find", ""), paused)).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(2));
    assert_eq!(both.iter().filter(|reply| reply.is_ok()).count(), 1, "{both:?}");
    let short = request("groups.find", "").within(Duration::from_secs(3));
    let both = rpc.gather(short, Gather::until_deadline()).await.unwrap();
    assert_eq!(both.len(), 2, "{both:?}");
}

pub async fn two_versions_are_served_side_by_side(harness: &impl Harness) {
    const TOTAL: Method<u32, u32> = Method::new("groups", "total");
    const TOTAL_V2: Method<Vec<u32>, u32> = Method::new("groups", "total").version(2);
    let rpc = harness.rpc().await;
    let service = Service::new("groups", "2.0.0")
        .on(&TOTAL, async |n, _| Ok::<_, Error>(n))
        .on(&TOTAL_V2, async |all: Vec<u32>, _| Ok::<_, Error>(all.iter().sum()));
    let running = rpc.serve(service).await.unwrap();
    let ctx = Context::background();
    assert_eq!(rpc.ask(&TOTAL, &ctx, &1).await.unwrap(), 1);
    assert_eq!(rpc.ask(&TOTAL_V2, &ctx, &vec![1, 2]).await.unwrap(), 3);
    let names: Vec<_> = running.info().endpoints.into_iter().map(|endpoint| endpoint.name).collect();
    assert_eq!(names, ["total", "total-v2"]);
}
