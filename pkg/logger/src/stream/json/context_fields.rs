use super::{buf::Buf, escape, limits};
use crate::{Context, RequestId, TraceParent, shorten::shortened};

/// Appends the fields of a context as each of its lines has them, `,"request_id":"...","trace_id":...`; nothing for background work.
pub(super) fn append(ctx: &Context, line: &mut Buf) {
    let fields = ctx.json_fields();
    if let Some(kept) = fields.get() {
        line.extend_from_slice(kept);
        return;
    }
    let start = line.len();
    render(ctx, line);
    fields.rendered(line.get(start..).unwrap_or_default());
}

fn render(ctx: &Context, line: &mut Buf) {
    let organization = ctx.organization_id().map(|id| shortened(id, limits::CAP));
    let mut put = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            line.extend_from_slice(key.as_bytes());
            escape::push(line, value);
            line.push(b'"');
        }
    };
    put(",\"request_id\":\"", ctx.request_id().map(RequestId::as_str));
    put(",\"trace_id\":\"", ctx.trace().map(TraceParent::trace_id));
    put(",\"span_id\":\"", ctx.trace().map(TraceParent::span_id));
    put(",\"organization_id\":\"", organization.as_deref());
}
