use std::sync::Arc;

use tracing_core::{
    Event, Interest, LevelFilter, Metadata, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer, registry::LookupSpan};

use super::{
    event::EventSource,
    span_fields::SpanFields,
    traced_span::{self, TracedSpan},
};
use crate::{
    Context, Level, LevelHandle, SlogLogger, stream::pipeline::Pipeline, stream::record::RecordMeta,
};

/// A `tracing_subscriber` layer that writes events, with the fields of the spans around them, into a logger's stream.
///
/// Where the process has a span sink, spans that are created in a sampled [`Context`] are recorded below it, and what runs inside of
/// them has their context as [`Context::current`]. `otel.name` and `otel.kind` are honoured.
///
/// [`SlogLogger::install`](crate::SlogLogger::install) sets one up for the whole process. In a subscriber of your own,
/// know that the layer's level rules hold for the subscriber as a whole. They may change while it runs: `tracing` asks
/// every callsite again then.
///
/// # Examples
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
/// use underpin_logger::{JsonFormat, SlogLogger, TracingLayer, sink::MemorySink};
///
/// let sink = MemorySink::new();
/// let logger = SlogLogger::json(JsonFormat::new()).sink(sink.clone()).build();
/// let layer = TracingLayer::new(&logger).expect("a logger that writes lines itself");
///
/// // With layers of your own beside it, and `tracing::subscriber::set_global_default` in a service.
/// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
///     let _payment = tracing::info_span!("payment", order_id = 7).entered();
///     tracing::warn!("card refused");
/// });
/// let line = sink.lines().concat();
/// assert!(line.contains(r#""msg":"card refused""#) && line.contains(r#""order_id":7"#), "{line}");
/// ```
#[derive(Debug, Clone)]
pub struct TracingLayer {
    pipeline: Arc<Pipeline>,
    levels: LevelHandle,
    hide_sql: bool,
}

impl TracingLayer {
    /// A layer into the stream of `logger`; `None` when that logger writes through slog.
    pub fn new(logger: &SlogLogger) -> Option<Self> {
        let pipeline = Arc::clone(logger.pipeline()?);
        let hide_sql = pipeline.redact.covers("db.statement");
        Some(Self { pipeline, levels: logger.levels().clone(), hide_sql })
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for TracingLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let level = asked_of(metadata);
        // A context may raise the level of one request, so "yes" for all is known here and "no" for all only while
        // no context has done so.
        if self.levels.rules_allow(level, metadata.target()) {
            Interest::always()
        } else if crate::level_floor::may_raise(level) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: layer::Context<'_, S>) -> bool {
        self.levels.wants(asked_of(metadata), metadata.target(), &Context::current())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let least = Level::ALL.into_iter().find(|level| self.levels.may_allow(*level));
        Some(match least {
            Some(Level::Trace) => LevelFilter::TRACE,
            Some(Level::Debug) => LevelFilter::DEBUG,
            // No lower, for the sake of spans.
            Some(Level::Info | Level::Warn | Level::Error | Level::Fatal) => LevelFilter::INFO,
            None => LevelFilter::OFF,
        })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, spans: layer::Context<'_, S>) {
        if let Some(span) = spans.span(id) {
            let mut fields = SpanFields::default();
            attributes.record(&mut fields);
            let traced = parent_of(attributes, &spans)
                .and_then(|parent| TracedSpan::open(&parent, attributes.metadata(), &fields));
            let mut extensions = span.extensions_mut();
            extensions.replace(fields);
            if let Some(traced) = traced {
                extensions.replace(traced);
            }
        }
    }

    fn on_enter(&self, id: &Id, spans: layer::Context<'_, S>) {
        if let Some(ctx) = traced_context(id, &spans) {
            traced_span::enter(id, &ctx);
        }
    }

    fn on_exit(&self, id: &Id, _: layer::Context<'_, S>) {
        traced_span::exit(id);
    }

    fn on_close(&self, id: Id, spans: layer::Context<'_, S>) {
        let Some(span) = spans.span(&id) else { return };
        let mut extensions = span.extensions_mut();
        let (traced, fields) = (extensions.remove::<TracedSpan>(), extensions.remove::<SpanFields>());
        // The sink of the process is foreign code: it runs under no lock.
        drop(extensions);
        if let Some(traced) = traced {
            let fields = fields.unwrap_or_default();
            traced.close(span.metadata().target(), &fields, &self.pipeline.redact);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, spans: layer::Context<'_, S>) {
        // User code runs here; it may log inside of this span, which takes the lock of the extensions.
        let mut recorded = SpanFields::default();
        record.record(&mut recorded);
        if let Some(span) = spans.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            fields.merge(recorded);
        }
    }

    fn on_event(&self, event: &Event<'_>, spans: layer::Context<'_, S>) {
        let metadata = event.metadata();
        let ctx = Context::current();
        let level = level_of(*metadata.level());
        let decision = self.levels.decision(level, metadata.target(), &ctx);
        let meta = RecordMeta {
            level,
            ctx: &ctx,
            target: metadata.target(),
            location: metadata.file().zip(metadata.line()),
            error: None,
            since_epoch: crate::random::since_epoch(),
        };
        self.pipeline.emit(decision, &meta, &EventSource { event, spans, hide_sql: self.hide_sql });
    }
}

/// The context below which a span is created: that of the span named by the caller, or what is current. `None` for the root of a tree
/// of its own, which belongs to no trace.
fn parent_of<S>(attributes: &Attributes<'_>, spans: &layer::Context<'_, S>) -> Option<Context>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    match attributes.parent() {
        Some(parent) => traced_context(parent, spans),
        None if attributes.is_contextual() => Context::try_current(),
        None => None,
    }
}

fn traced_context<S>(id: &Id, spans: &layer::Context<'_, S>) -> Option<Context>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    spans.span(id)?.extensions().get::<TracedSpan>().map(|traced| traced.ctx().clone())
}

/// The level that decides whether a span or an event is of use. Spans down to info are kept wherever their target logs
/// at all, because the events inside of them carry their fields.
fn asked_of(metadata: &Metadata<'_>) -> Level {
    match level_of(*metadata.level()) {
        level if metadata.is_span() && level >= Level::Info => Level::Fatal,
        level => level,
    }
}

fn level_of(level: tracing_core::Level) -> Level {
    match level {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warn,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}
