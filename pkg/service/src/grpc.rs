//! gRPC services in a service (feature `grpc`): health from the checks of all components, and reflection on the admin listener.
//!
//! [`Start::grpc`](crate::Start::grpc) makes [`Grpc`] routes whose health is that of the service;
//! [`Start::serve_reflection`](crate::Start::serve_reflection) shows the services to tools such as grpcurl, on the admin listener only.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use underpin_errors::{Error, Health, HealthCheck, HealthChecks, HealthStatus};
pub use underpin_http::grpc::{Grpc, reflection};
use underpin_logger::Logger;

use crate::readiness::Readiness;

/// How long all checks may take. Each has less.
const CHECKS: Duration = Duration::from_secs(5);

/// One check for all of the service, for the health of gRPC.
pub(crate) fn whole(readiness: Readiness) -> HealthChecks {
    HealthChecks::new().within(CHECKS).with(Arc::new(Whole(readiness)))
}

struct Whole(Readiness);

#[async_trait]
impl HealthCheck for Whole {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "service"
    }

    async fn check(&self) -> Health {
        let Some(checks) = self.0.checks() else { return Health::down("the service is starting") };
        match checks.run().await.status {
            HealthStatus::Down => Health::down("a required component is down"),
            _ => Health::up(),
        }
    }
}

/// What reflection shows. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Reflected(Arc<Mutex<Descriptors>>);

#[derive(Default)]
struct Descriptors {
    sets: Vec<&'static [u8]>,
    routes: Option<Router>,
}

impl Reflected {
    /// Shows the services of these descriptors, too.
    pub(crate) fn add(&self, descriptors: &'static [u8], log: Arc<dyn Logger>) -> Result<(), Error> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sets = [shown.sets.as_slice(), &[descriptors]].concat();
        shown.routes = Some(reflection(&sets, log)?);
        shown.sets = sets;
        Ok(())
    }

    pub(crate) fn routes(&self) -> Option<Router> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).routes.clone()
    }
}
