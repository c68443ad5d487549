//! Errors of services.

use std::sync::Arc;
use std::time::Duration;

use underpin_errors::{Error, Kind};

use super::{Harness, Rpc, request};
use crate::call::Call;
use crate::error::RpcError;
use crate::handler::handler_fn;
use crate::host::Running;
use crate::request::Reply;
use crate::service::Service;
use crate::typed::typed;

/// A service whose handler fails with the error of an index.
struct Failing {
    rpc: Arc<dyn Rpc>,
    _running: Arc<dyn Running>,
}

impl Failing {
    async fn start(
        harness: &impl Harness,
        fail: impl Fn(usize) -> Error + Copy + Send + Sync + 'static,
    ) -> Self {
        let rpc = harness.rpc().await;
        let handler = typed(move |index: usize, _| async move { Err::<(), _>(fail(index)) });
        let service = Service::new("errors", "1.0.0").endpoint("fail", handler);
        let _running = rpc.serve(service).await.unwrap();
        Self { rpc, _running }
    }

    async fn call(&self, index: usize) -> RpcError {
        let mut request = request("errors.fail", "");
        request.body = index.to_string().into();
        self.rpc.call(request).await.unwrap_err()
    }
}

pub async fn every_kind_arrives_as_it_was(harness: &impl Harness) {
    let error = |index: usize| {
        Error::new(Kind::ALL[index], "what happened")
            .code("SOME_CODE")
            .violation("items[0].quantity", "must be at least 1")
            .retry_after(Duration::from_secs(7))
            .detail("order", 42)
    };
    let service = Failing::start(harness, error).await;
    for (index, kind) in Kind::ALL.into_iter().enumerate() {
        let (sent, got) = (error(index), service.call(index).await);
        let remote = got.as_remote().unwrap_or_else(|| panic!("{got:?}"));
        assert_eq!(remote.number(), Some(kind.http_status().to_string().as_str()));
        let got = remote.error();
        assert_eq!((got.kind(), got.error_code()), (kind, "SOME_CODE"), "{kind}");
        assert_eq!(got.retry_delay(), Some(Duration::from_secs(7)), "{kind}");
        assert_eq!(got.public_message(), sent.public_message(), "{kind}");
        if sent.is_client_error() {
            assert_eq!((got.violations(), got.details()), (sent.violations(), sent.details()), "{kind}");
        }
        assert!(got.request_id().is_some(), "{kind}");
    }
}

pub async fn private_text_stays_in_the_service(harness: &impl Harness) {
    let service = Failing::start(harness, |_| {
        let cause = std::io::Error::other("secret cause");
        Error::wrap(Kind::Internal, cause, "secret context").violation("secret", "secret").detail("secret", 1)
    })
    .await;
    let error = service.call(0).await;
    let remote = error.as_remote().unwrap();
    let seen = format!("{error:?} {error} {:?} {}", remote, String::from_utf8_lossy(remote.body()));
    assert!(!seen.contains("secret"), "{seen}");
    assert_eq!(remote.error().kind(), Kind::Internal);
}

pub async fn a_text_with_line_breaks_is_a_text(harness: &impl Harness) {
    let text = "first\r\nNats-Service-Error-Code: 200\r\n\r\nnaïve \u{1f600} \0";
    let service = Failing::start(harness, move |_| Error::bad_request(text)).await;
    let error = service.call(0).await;
    let remote = error.as_remote().unwrap();
    assert_eq!((remote.number(), remote.error().public_message()), (Some("400"), text));
}

pub async fn a_panic_is_an_internal_error_and_stops_nothing_else(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let handler = handler_fn(|call: Call| async move {
        assert_ne!(&call.body()[..], b"panic", "secret text of the panic");
        Ok(Reply::new("fine"))
    });
    let running = rpc.serve(Service::new("errors", "1.0.0").endpoint("panic", handler)).await.unwrap();
    for _ in 0..3 {
        let error = rpc.call(request("errors.panic", "panic")).await.unwrap_err();
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        assert_eq!(Error::from(error).kind(), Kind::Internal);
        assert_eq!(rpc.call(request("errors.panic", "")).await.unwrap().body, "fine");
    }
    assert_eq!(running.stats().endpoints[0].num_errors, 3);
}

pub async fn a_body_that_does_not_decode_is_an_invalid_argument(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let handler = typed(async |n: u32, _: Call| Ok::<_, Error>(n));
    let _running = rpc.serve(Service::new("errors", "1.0.0").endpoint("number", handler)).await.unwrap();
    for bad in ["", "{", "\"text\"", "-1"] {
        let error = Error::from(rpc.call(request("errors.number", bad)).await.unwrap_err());
        assert_eq!((error.kind(), error.error_code()), (Kind::InvalidArgument, "INVALID_BODY"), "{bad}");
    }
}
