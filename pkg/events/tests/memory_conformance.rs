//! The in-memory bus against the behaviour suite.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;

use async_trait::async_trait;
use underpin_events::conformance::{Bus, Capabilities, Harness};
use underpin_events::memory::MemoryBus;

struct Memory(MemoryBus);

#[async_trait]
impl Harness for Memory {
    async fn start() -> Self {
        Self(MemoryBus::new())
    }

    async fn bus(&self) -> Arc<dyn Bus> {
        Arc::new(self.0.clone())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
}

underpin_events::conformance_tests!(Memory);
