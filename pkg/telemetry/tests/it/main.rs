//! Tests of underpin-telemetry through its public interface.
