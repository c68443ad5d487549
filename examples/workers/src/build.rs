#![allow(clippy::future_not_send, reason = "the runtime of a service builds it on the main thread")]

use std::sync::Arc;

use underpin_errors::Error;
use underpin_service::{Bus, Http, Rpc, Start};

use crate::http::{self, App};
use crate::job::{self, Worker};
use crate::mail::{self, Mailer};
use crate::payment::{LedgerGateway, Payments};
use crate::{Settings, math, tables};

/// Opens the components of the service, each with those that it stands on. They are stopped in the reverse order.
///
/// # Errors
/// A component cannot be opened; the error names the setting.
pub async fn build(start: &mut Start<Settings>) -> Result<(), Error> {
    let (settings, log) = (start.settings(), start.log());
    let database = underpin_service::database(&settings.database).migrate(tables::migrations());
    let database = start.plugin(database).await?;
    let bus = start.plugin(Bus::open(&settings.events)).await?;
    let outbox = start.part(underpin_service::outbox(&database, &bus)).await?;
    let jobs = start.plugin(underpin_service::jobs(&database)).await?;
    let rpc = start.plugin(Rpc::open(&bus.nats(), &settings.rpc)).await?;

    start.traffic(rpc.service(math::service()));
    start.traffic(rpc.service(mail::service(Mailer::new(Arc::clone(&log)))));
    let gateway = Arc::new(LedgerGateway::new(&settings.gateway));
    let payments = Payments::new(&database, gateway, settings.gateway.timeout, Arc::clone(&log));
    start.traffic(bus.consumer(Payments::options(), payments));
    let worker = Worker::new(&database, &settings.simulation);
    start.traffic(underpin_service::workers(job::workers(&jobs, &settings.jobs, &worker)));

    let app = App { database, outbox, jobs, caller: rpc.caller(), gate: start.gate(), log };
    let routes = http::router(Arc::new(app), &settings.http);
    start.traffic(Http::new(&settings.http, routes));
    Ok(())
}
