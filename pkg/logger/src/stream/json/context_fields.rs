use super::{buf::Buf, escape, limits};
use crate::{Context, RequestId, TraceParent, shorten::shortened};

/// The fields of a context as each of its lines has them, `,"request_id":"...","trace_id":...`; empty for background work.
/// Rendered once per context.
pub(crate) fn context_fields(ctx: &Context) -> &[u8] {
    ctx.json_fields().get_or_init(|| {
        let mut buf = Buf::with_capacity(256);
        let organization = ctx.organization_id().map(|id| shortened(id, limits::CAP));
        let mut put = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                buf.extend_from_slice(key.as_bytes());
                escape::push(&mut buf, value);
                buf.push(b'"');
            }
        };
        put(",\"request_id\":\"", ctx.request_id().map(RequestId::as_str));
        put(",\"trace_id\":\"", ctx.trace().map(TraceParent::trace_id));
        put(",\"span_id\":\"", ctx.trace().map(TraceParent::span_id));
        put(",\"organization_id\":\"", organization.as_deref());
        buf.to_vec().into_boxed_slice()
    })
}
