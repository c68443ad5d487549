//! Calls and their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use underpin_errors::{Error, Kind};
use underpin_logger::Context;

use super::{Harness, eventually, request, within};
use crate::call::Call;
use crate::caller::CallerExt;
use crate::error::RpcError;
use crate::handler::{handler_fn, handler_fn_with};
use crate::method::Method;
use crate::request::{Reply, Request};
use crate::service::Service;

const DOUBLE: Method<u32, u32> = Method::new("calls", "double").within(Duration::from_secs(60));

pub async fn a_question_gets_its_answer(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let echo = handler_fn(|call: Call| async move {
        let tenant = call.headers().get("X-Tenant").unwrap_or("none").to_owned();
        assert_eq!(call.endpoint().subject(), "calls.echo");
        Ok(Reply::new(call.body().clone()).header("x-tenant-seen", tenant))
    });
    let _running = rpc.serve(Service::new("calls", "1.0.0").endpoint("echo", echo)).await.unwrap();
    let caller = harness.rpc().await;
    for body in ["hello", ""] {
        let reply = caller.call(request("calls.echo", body).header("x-tenant", "acme")).await.unwrap();
        assert_eq!((&reply.body[..], reply.headers.get("x-tenant-seen")), (body.as_bytes(), Some("acme")));
    }
}

pub async fn types_are_those_of_the_method(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let factor = Arc::new(2);
    let scale = async |factor: Arc<u32>, n: u32, _: Call| {
        n.checked_mul(*factor)
            .ok_or_else(|| Error::bad_request("too large").violation("", "at most 2147483647"))
    };
    let service = Service::new("calls", "1.0.0").on_with(&DOUBLE, factor, scale);
    let _running = rpc.serve(service).await.unwrap();
    let ctx = Context::background();
    assert_eq!(harness.rpc().await.ask(&DOUBLE, &ctx, &21).await.unwrap(), 42);
    let error = Error::from(rpc.ask(&DOUBLE, &ctx, &u32::MAX).await.unwrap_err());
    assert_eq!((error.kind(), error.violations().len()), (Kind::InvalidArgument, 1));
}

pub async fn no_responders_is_reported_at_once_and_is_no_timeout(harness: &impl Harness) {
    let (rpc, began) = (harness.rpc().await, Instant::now());
    let error = rpc.call(request("calls.nowhere", "")).await.unwrap_err();
    assert!(matches!(&error, RpcError::NoResponders { subject } if subject == "calls.nowhere"), "{error:?}");
    assert!(!error.is_ambiguous() && began.elapsed() < harness.patience(), "{:?}", began.elapsed());
    let error = rpc.gather(request("calls.nowhere", ""), crate::Gather::until_deadline()).await.unwrap_err();
    assert!(matches!(error, RpcError::NoResponders { .. }), "{error:?}");
}

pub async fn a_call_without_an_answer_ends_at_its_deadline_and_is_ambiguous(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let deaf = handler_fn(|_| std::future::pending());
    let _running = rpc.serve(Service::new("calls", "1.0.0").endpoint("deaf", deaf)).await.unwrap();
    let began = Instant::now();
    let limited = request("calls.deaf", "").within(Duration::from_millis(300));
    let error = within(harness.patience(), "the call ends", rpc.call(limited)).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
    // The service answers at the same moment: either of the two may be first.
    assert_eq!(Error::from(error).kind(), Kind::DeadlineExceeded);
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());
}

pub async fn an_answer_of_another_type_is_an_error_of_the_caller(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let odd = handler_fn(|_| async { Ok(Reply::new("not a number")) });
    let _running = rpc.serve(Service::new("calls", "1.0.0").method(&DOUBLE, odd)).await.unwrap();
    let error = rpc.ask(&DOUBLE, &Context::background(), &1).await.unwrap_err();
    assert!(matches!(error, RpcError::Decode(_)), "{error:?}");
}

pub async fn a_message_without_a_reply_is_handled(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let (seen, mut messages) = mpsc::unbounded_channel();
    let handler = handler_fn_with(seen, async |seen: mpsc::UnboundedSender<u32>, call: Call| {
        let n: u32 = call.json()?;
        let _ = seen.send(n);
        if n == 1 { Err(Error::internal("without a caller")) } else { Ok(Reply::new("ignored")) }
    });
    let running = rpc.serve(Service::new("calls", "1.0.0").method(&DOUBLE, handler)).await.unwrap();
    let caller = harness.rpc().await;
    for n in 0..3 {
        caller.tell(&DOUBLE, &Context::background(), &n).await.unwrap();
        assert_eq!(within(harness.patience(), "the message arrives", messages.recv()).await, Some(n));
    }
    // Without an instance a message is lost, and that is no error.
    running.drain(harness.patience()).await;
    caller.tell(&DOUBLE, &Context::background(), &3).await.unwrap();
}

pub async fn what_cannot_be_sent_is_refused(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let ctx = Context::background();
    for bad in [
        Request::new("", "", &ctx),
        Request::new("two words", "", &ctx),
        Request::new("a.*", "", &ctx),
        request("a", "").header("a b", "x"),
        request("a", "").header("a", "x\r\ny"),
        request("a", "").header("Nats-Service-Error", "x"),
    ] {
        for result in [rpc.call(bad.clone()).await.map(drop), rpc.send(bad.clone()).await] {
            assert!(matches!(result, Err(RpcError::Invalid { .. })), "{bad:?}: {result:?}");
        }
    }
}

pub async fn only_idempotent_calls_are_repeated(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let calls = Arc::new(AtomicU32::new(0));
    let flaky = handler_fn_with(Arc::clone(&calls), async |calls: Arc<AtomicU32>, _: Call| {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Error::unavailable("restarting")),
            _ => Ok(Reply::new("done")),
        }
    });
    let _running = rpc.serve(Service::new("calls", "1.0.0").endpoint("flaky", flaky)).await.unwrap();
    let error = Error::from(rpc.call(request("calls.flaky", "")).await.unwrap_err());
    assert_eq!((error.kind(), calls.swap(0, Ordering::SeqCst)), (Kind::Unavailable, 1));
    rpc.call(request("calls.flaky", "").idempotent()).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

pub async fn many_calls_at_once_get_their_own_answers(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let service = Service::new("calls", "1.0.0").on(&DOUBLE, async |n, _| Ok::<_, Error>(n * 2));
    let running = rpc.serve(service.limit(8).queue(2000)).await.unwrap();
    let mut calls = JoinSet::new();
    for n in 0..1000_u32 {
        let rpc = Arc::clone(&rpc);
        calls.spawn(async move { (n, rpc.ask(&DOUBLE, &Context::background(), &n).await) });
    }
    while let Some(done) = calls.join_next().await {
        let (n, answer) = done.unwrap();
        assert_eq!(answer.unwrap(), n * 2);
    }
    assert_eq!(running.stats().endpoints[0].num_requests, 1000);
}

pub async fn invalid_services_are_refused(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let echo = || handler_fn(|call: Call| async move { Ok(Reply::new(call.body().clone())) });
    let good = || Service::new("calls", "1.0.0").endpoint("echo", echo());
    for bad in [
        Service::new("calls", "1.0.0"),
        Service::new("two words", "1.0.0").endpoint("echo", echo()),
        Service::new("calls", "v1").endpoint("echo", echo()),
        Service::new("calls", "1.0.0").limit(1).endpoint("echo", echo()),
        Service::new("other", "1.0.0").method(&DOUBLE, echo()),
        good().endpoint("echo", echo()),
        good().subject("a.>"),
        good().limit(0),
        good().timeout(Duration::ZERO),
    ] {
        let refused = rpc.serve(bad.clone()).await.err();
        assert!(matches!(refused, Some(RpcError::Invalid { .. })), "{bad:?}: {refused:?}");
    }
    let running = rpc.serve(good()).await.unwrap();
    eventually(harness.patience(), "served", || async { rpc.call(request("calls.echo", "")).await.is_ok() })
        .await;
    running.drain(harness.patience()).await;
}
