//! sea-orm on a pool that survives: connect with retry, health, bounded close, safe transactions.
