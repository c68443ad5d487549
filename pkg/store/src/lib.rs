//! Key-value, locks, sessions, objects, cache and rate limits over JetStream or Redis, with an in-memory twin.
