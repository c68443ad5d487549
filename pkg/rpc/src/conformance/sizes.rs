//! Messages that are too large.

use underpin_errors::{Error, Kind};

use super::{Harness, request};
use crate::call::Call;
use crate::error::RpcError;
use crate::handler::handler_fn;
use crate::request::Reply;
use crate::service::Service;
use crate::typed::typed;

pub async fn a_request_that_is_too_large_is_refused(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let size = handler_fn(|call: Call| async move { Ok(Reply::new(call.body().len().to_string())) });
    let _running = rpc.serve(Service::new("sizes", "1.0.0").endpoint("size", size)).await.unwrap();
    let limit = harness.max_payload();
    let mut large = request("sizes.size", "");
    large.body = vec![b'x'; limit + 1].into();
    for result in [rpc.call(large.clone()).await.map(drop), rpc.send(large.clone()).await] {
        let told =
            matches!(result, Err(RpcError::TooLarge { size, limit: told }) if size > limit && told == limit);
        assert!(told, "{result:?}");
    }
    // The headers of a request need some room too.
    large.body = vec![b'x'; limit - 4096].into();
    assert_eq!(rpc.call(large).await.unwrap().body, (limit - 4096).to_string());
}

pub async fn a_reply_that_is_too_large_is_an_error(harness: &impl Harness) {
    let rpc = harness.rpc().await;
    let repeat = typed(async |n: usize, _: Call| Ok::<_, Error>("x".repeat(n)));
    let running = rpc.serve(Service::new("sizes", "1.0.0").endpoint("repeat", repeat)).await.unwrap();
    let mut large = request("sizes.repeat", "");
    large.body = (harness.max_payload() + 1).to_string().into();
    let error = Error::from(rpc.call(large.clone()).await.unwrap_err());
    assert_eq!((error.error_code(), error.kind()), ("REPLY_TOO_LARGE", Kind::OutOfRange));
    assert!(error.public_message().contains(&harness.max_payload().to_string()), "{error}");
    assert_eq!(running.stats().endpoints[0].num_errors, 1);
    large.body = "10".into();
    assert_eq!(rpc.call(large).await.unwrap().body, "\"xxxxxxxxxx\"");
}
