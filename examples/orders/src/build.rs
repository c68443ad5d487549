#![allow(clippy::future_not_send, reason = "the runtime of a service builds it on the main thread")]

use underpin_errors::Error;
use underpin_service::{Bus, Http, Start};

use crate::app::App;
use crate::consumer::Consumer;
use crate::{Settings, greeting, http, store};

/// Opens the components of the service, each with those that it stands on. They are stopped in the reverse order.
///
/// # Errors
/// A component cannot be opened; the error names the setting.
pub async fn build(start: &mut Start<Settings>) -> Result<(), Error> {
    let settings = start.settings();
    // Opened first and so stopped last: it exports what the others record.
    start.plugin(underpin_service::telemetry(&settings.telemetry)).await?;
    let database =
        start.plugin(underpin_service::database(&settings.database).migrate(store::migrations())).await?;
    let bus = start.plugin(Bus::open(&settings.events)).await?;
    let outbox = start.part(underpin_service::outbox(&database, &bus)).await?;
    start.traffic(bus.consumer(Consumer::options(), Consumer::new(&database, start.log())));
    let app = App::new(&database, outbox, start.log());
    let routes = http::router(app, &settings.http, start.gate());
    let http = start.traffic(Http::new(&settings.http, routes));
    start.on_ready(async move || greeting::greet(http.address()));
    Ok(())
}
