//! Durable jobs enqueued in the transaction of the caller, and cron, on underpin-database.
