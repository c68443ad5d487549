use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use underpin_errors::Error;

use crate::micro::EndpointStats;
use crate::remote_error::one_line;
use crate::service::EndpointSpec;

/// The statistics of one endpoint. A lock is taken for errors only.
#[derive(Debug, Default)]
pub(super) struct EndpointCounters {
    requests: AtomicU64,
    errors: AtomicU64,
    nanoseconds: AtomicU64,
    in_flight: AtomicU64,
    refused: AtomicU64,
    expired: AtomicU64,
    last_error: Mutex<String>,
}

impl EndpointCounters {
    pub(super) fn arrived(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refusals(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn expired(&self) {
        self.expired.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, took: Duration) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, error: &Error) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        let text = format!("{}:{}", error.http_status(), one_line(error.public_message()));
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    pub(super) fn document(&self, spec: &EndpointSpec, waiting: usize) -> EndpointStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (requests, nanoseconds) = (read(&self.requests), read(&self.nanoseconds));
        EndpointStats {
            name: spec.name.clone(),
            subject: spec.subject().to_owned(),
            queue_group: spec.group.name().unwrap_or_default().to_owned(),
            num_requests: requests,
            num_errors: read(&self.errors),
            last_error: self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            processing_time: nanoseconds,
            average_processing_time: nanoseconds.checked_div(requests).unwrap_or(0),
            data: Some(json!({
                "in_flight": read(&self.in_flight),
                "waiting": waiting,
                "refused": read(&self.refused),
                "expired": read(&self.expired),
            })),
        }
    }
}
