//! Request id, trace and organization of a job, as JSON beside its payload, and the span of its enqueue.

use std::collections::BTreeMap;

use underpin_logger::{Context, RequestId, Span, TraceParent, TraceState};

use crate::Job;
use crate::store::NewJob;

const REQUEST_ID: &str = "request_id";
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const ORGANIZATION: &str = "organization_id";

/// Opens the span of enqueuing jobs of one kind, `create send_mail`, from which they continue the trace.
pub(crate) fn create_span<J: Job>(context: &Context, jobs: &mut [NewJob]) -> Span {
    let mut span = match &*jobs {
        [job] => context.create_span(J::KIND, &job.id.to_string()),
        jobs => context.create_batch_span(J::KIND, jobs.len()),
    };
    span.set("messaging.destination.name", J::options().queue);
    let headers = headers_of(span.ctx());
    jobs.iter_mut().for_each(|job| job.headers.clone_from(&headers));
    span
}

/// The headers of a job that continues this context.
pub(crate) fn headers_of(context: &Context) -> String {
    let headers: BTreeMap<&str, &str> = [
        (REQUEST_ID, context.request_id().map(RequestId::as_str)),
        (TRACEPARENT, context.traceparent()),
        (TRACESTATE, context.tracestate()),
        (ORGANIZATION, context.organization_id()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    // Texts under texts always encode.
    serde_json::to_string(&headers).unwrap_or_else(|_| "{}".to_owned())
}

/// The context of an attempt. What does not parse is left out: a job is worth more than its trace. Without a request id the
/// job gets a new one.
pub(crate) fn context_of(headers: &str) -> Context {
    let headers: BTreeMap<String, String> = serde_json::from_str(headers).unwrap_or_default();
    let value = |name: &str| headers.get(name).map(String::as_str);
    let request_id = value(REQUEST_ID).and_then(|text| RequestId::parse(text).ok());
    let mut context = Context::new(request_id.unwrap_or_else(RequestId::generate));
    if let Some(organization) = value(ORGANIZATION) {
        context = context.with_organization(organization);
    }
    if let Some(trace) = value(TRACEPARENT).and_then(|text| TraceParent::parse(text).ok()) {
        context = context.with_trace(trace);
        if let Some(state) = value(TRACESTATE).and_then(|text| TraceState::parse(text).ok()) {
            context = context.with_trace_state(state);
        }
    }
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_survives_the_queue() {
        let context = Context::new(RequestId::parse("req-42").unwrap())
            .with_trace(TraceParent::generate())
            .with_trace_state(TraceState::parse("rojo=1").unwrap())
            .with_organization("acme");
        let after = context_of(&headers_of(&context));
        assert_eq!(after.request_id(), context.request_id());
        assert_eq!(after.traceparent(), context.traceparent());
        assert_eq!((after.tracestate(), after.organization_id()), (Some("rojo=1"), Some("acme")));
        assert!(context_of("not json").request_id().is_some());
        assert_eq!(headers_of(&Context::background()), "{}");
    }
}
