//! Real PostgreSQL and NATS for tests: found or started, one fresh database per test.
