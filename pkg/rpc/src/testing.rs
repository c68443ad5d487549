//! Mocks of the public traits. For behaviour rather than interaction use [`MemoryRpc`](crate::memory::MemoryRpc).
//!
//! # Examples
//! ```
//! use std::sync::Arc;
//! use underpin_errors::{Error, Kind};
//! use underpin_logger::Context;
//! use underpin_rpc::testing::MockCaller;
//! use underpin_rpc::{Caller, CallerExt, Method, Reply, RpcError};
//!
//! const DOUBLE: Method<u32, u32> = Method::new("math", "double");
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let mut mock = MockCaller::new();
//! mock.expect_call().once().returning(|request| {
//!     assert_eq!((request.endpoint.subject(), &request.body[..]), ("math.double", &b"21"[..]));
//!     Ok(Reply::new("42"))
//! });
//! mock.expect_call().returning(|_| Err(RpcError::remote(Error::not_found("no such number"))));
//!
//! let caller: Arc<dyn Caller> = Arc::new(mock);
//! assert_eq!(caller.ask(&DOUBLE, &Context::background(), &21).await.unwrap(), 42);
//! let error = Error::from(caller.ask(&DOUBLE, &Context::background(), &0).await.unwrap_err());
//! assert_eq!(error.kind(), Kind::NotFound);
//! # }
//! ```
#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "mockall writes these items; their traits are documented"
)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mockall::mock;
use underpin_errors::{Error, Health, HealthCheck};

pub use crate::layer::MockAuthenticator;
use crate::{
    Call, Caller, DrainOutcome, Gather, Handler, Host, Reply, Request, RpcError, Running, Service,
    ServiceInfo, ServiceStats,
};

mock! {
    #[derive(Debug)]
    pub Caller {}

    #[async_trait]
    impl Caller for Caller {
        async fn call(&self, request: Request) -> Result<Reply, RpcError>;
        async fn gather(&self, request: Request, until: Gather) -> Result<Vec<Result<Reply, RpcError>>, RpcError>;
        async fn send(&self, request: Request) -> Result<(), RpcError>;
    }
}

mock! {
    #[derive(Debug)]
    pub Handler {}

    #[async_trait]
    impl Handler for Handler {
        async fn handle(&self, call: Call) -> Result<Reply, Error>;
    }
}

mock! {
    #[derive(Debug)]
    pub Host {}

    #[async_trait]
    impl Host for Host {
        async fn serve(&self, service: Service) -> Result<Arc<dyn Running>, RpcError>;
    }
}

mock! {
    #[derive(Debug)]
    pub Running {}

    #[async_trait]
    impl HealthCheck for Running {
        fn name(&self) -> &str;
        async fn check(&self) -> Health;
    }

    #[async_trait]
    impl Running for Running {
        fn info(&self) -> ServiceInfo;
        fn stats(&self) -> ServiceStats;
        async fn drain(&self, within: Duration) -> DrainOutcome;
        async fn closed(&self);
    }
}
