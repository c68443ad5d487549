use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};
use underpin_errors::Classify;

use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::meters::{CALL_SECONDS, CALLS, PerRecorder};

/// The metrics of outgoing calls, by subject.
#[derive(Default)]
pub(crate) struct CallMeters(RwLock<HashMap<Endpoint, Arc<PerRecorder<CallHandles>>>>);

/// How many subjects handles are kept for. A caller whose subjects have ids in them would fill the memory.
const MAX_SUBJECTS: usize = 512;

struct CallHandles {
    ok: Counter,
    seconds: Histogram,
}

impl CallMeters {
    pub(crate) fn called<T>(&self, endpoint: &Endpoint, result: &Result<T, RpcError>, took: Duration) {
        let handles = self.of(endpoint).get(|| CallHandles {
            ok: answered(endpoint, "OK"),
            seconds: histogram!(CALL_SECONDS, "subject" => endpoint.label()),
        });
        handles.seconds.record(took);
        match result {
            Ok(_) => handles.ok.increment(1),
            Err(error) => answered(endpoint, error.kind().code()).increment(1),
        }
    }

    fn of(&self, endpoint: &Endpoint) -> Arc<PerRecorder<CallHandles>> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(endpoint) {
            return Arc::clone(known);
        }
        let mut subjects = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if subjects.len() >= MAX_SUBJECTS {
            return Arc::new(PerRecorder::new());
        }
        Arc::clone(subjects.entry(endpoint.clone()).or_insert_with(|| Arc::new(PerRecorder::new())))
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
            meters.called(&Endpoint::at(format!("a.{n}")), &Ok(()), Duration::ZERO);
        }
        assert_eq!(meters.0.read().unwrap().len(), MAX_SUBJECTS);
    }
}
