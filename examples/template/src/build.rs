use std::sync::Arc;

use underpin_errors::Error;
use underpin_outbox::Inbox;
use underpin_service::{Bus, Http, Start};

use crate::counter::Counter;
use crate::http::{self, App};
use crate::settings::Settings;
use crate::store;

/// Opens the components of the service, each with those that it stands on. They are stopped in the reverse order.
///
/// # Errors
/// A component cannot be opened; the error names the setting.
pub async fn build(start: &mut Start<Settings>) -> Result<(), Error> {
    let (settings, log) = (start.settings(), start.log());
    let database = underpin_service::database(&settings.database).migrate(store::migrations());
    let database = start.plugin(database).await?;
    let bus = start.plugin(Bus::open(&settings.events)).await?;
    let outbox = start.part(underpin_service::outbox(&database, &bus)).await?;
    let (shared, inbox) = (Arc::new(database.clone()), Inbox::default());
    start.traffic(bus.consumer(Counter::options(), Counter { database: shared, inbox, log: log.clone() }));
    let routes = http::router(App { database, outbox, log }, &settings.http, start.gate());
    start.traffic(Http::new(&settings.http, routes));
    Ok(())
}
