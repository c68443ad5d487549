//! Request-reply services and queue groups over NATS, interoperable with NATS micro, with an in-memory twin.
