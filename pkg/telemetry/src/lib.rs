//! Traces and logs to OTLP, metrics to Prometheus, for a service.
