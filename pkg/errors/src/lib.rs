//! One error type for a service: kinds, public and internal text kept apart, problem+json, health.
