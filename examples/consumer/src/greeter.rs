use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use underpin_database::{Database, DatabaseError, sql};
use underpin_errors::{Error, Kind, ResultExt};
use underpin_events::{Delivery, Event, EventHandler, EventPublisher, Outcome, TypedEvent};
use underpin_logger::{Context, Logger, info, warn};

/// The event of the service that takes orders.
#[derive(Debug, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// Who ordered.
    pub customer: String,
}

impl TypedEvent for OrderPlaced {
    const TYPE: &'static str = "order.placed";
}

/// The event of the greeter.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerGreeted {
    /// The whole greeting.
    pub text: String,
}

impl TypedEvent for CustomerGreeted {
    const TYPE: &'static str = "customer.greeted";
}

/// Greets a customer whose first order it sees.
pub struct Greeter {
    /// Knows the customers: table `customer`, column `name`.
    pub database: Arc<dyn Database>,
    /// Where greetings go.
    pub events: Arc<dyn EventPublisher>,
    /// The log.
    pub log: Arc<dyn Logger>,
    /// The greeting, with `{}` for the name.
    pub greeting: String,
}

impl Greeter {
    /// The greeting has the id of the order's event, so that a second delivery publishes nothing new: source and id together
    /// make an event, and the source is another one.
    async fn greet(&self, ctx: &Context, event: &Event) -> Result<(), Error> {
        let order = event.decode::<OrderPlaced>().wrap_err(Kind::InvalidArgument, "read the order")?;
        if self.is_known(&order.customer).await.context("look the customer up")? {
            return Ok(());
        }
        let greeted = CustomerGreeted { text: self.greeting.replace("{}", &order.customer) };
        let greeting = Event::typed("/greeter", &greeted).id(event.id()).caused_by(ctx).build();
        self.events.publish(greeting.wrap_err(Kind::Internal, "describe the greeting")?).await?;
        info!(self.log, ctx, "customer greeted", order = event.id());
        Ok(())
    }

    async fn is_known(&self, name: &str) -> Result<bool, DatabaseError> {
        let query = sql("SELECT 1 FROM customer WHERE name = $1", [name.into()]);
        Ok(self.database.query_one(query).await?.is_some())
    }
}

#[async_trait]
impl EventHandler for Greeter {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let ctx = delivery.context();
        match self.greet(&ctx, delivery.event()).await {
            Ok(()) => Outcome::ack(),
            Err(error) if error.is_client_error() => Outcome::dead_letter(error.report().to_string()),
            Err(error) => {
                warn!(self.log, &ctx, &error, "customer not greeted yet", attempt = delivery.attempt());
                Outcome::retry(error.report().to_string())
            }
        }
    }
}
