use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::{Counter, Histogram, counter, histogram};
use tokio::time::Instant;
use underpin_errors::Classify;
use underpin_logger::Handles;

use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::meters::{CALL_SECONDS, CALLS};

/// The metrics of outgoing calls, by subject.
#[derive(Default)]
pub(crate) struct CallMeters {
    /// Replaced when there is a new subject: each call reads it, and threads that take a lock contend for it.
    subjects: ArcSwap<HashMap<Endpoint, Arc<Handles<CallHandles>>>>,
}

/// How many subjects handles are kept for. A caller whose subjects have ids in them would fill the memory.
const MAX_SUBJECTS: usize = 512;

struct CallHandles {
    ok: Counter,
    seconds: Histogram,
}

impl CallMeters {
    pub(crate) fn called<T>(
        &self,
        endpoint: &Endpoint,
        result: &Result<T, RpcError>,
        now: Instant,
        took: Duration,
    ) {
        let register = || CallHandles {
            ok: answered(endpoint, "OK"),
            seconds: histogram!(CALL_SECONDS, "subject" => endpoint.label()),
        };
        let record = |handles: &CallHandles| {
            handles.seconds.record(took);
            match result {
                Ok(_) => handles.ok.increment(1),
                Err(error) => answered(endpoint, error.kind().code()).increment(1),
            }
        };
        let subjects = self.subjects.load();
        if let Some(handles) = subjects.get(endpoint) {
            return handles.with(now.into_std(), register, record);
        }
        record(&register());
        if subjects.len() < MAX_SUBJECTS {
            self.subjects.rcu(|subjects| {
                let mut subjects = HashMap::clone(subjects);
                subjects.entry(endpoint.clone()).or_default();
                subjects
            });
        }
    }
}

fn answered(endpoint: &Endpoint, outcome: &'static str) -> Counter {
    counter!(CALLS, "subject" => endpoint.label(), "outcome" => outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handles_of_many_subjects_are_bounded() {
        let meters = CallMeters::default();
        for n in 0..2 * MAX_SUBJECTS {
            meters.called(&Endpoint::at(format!("a.{n}")), &Ok(()), Instant::now(), Duration::ZERO);
        }
        assert_eq!(meters.subjects.load().len(), MAX_SUBJECTS);
    }
}
