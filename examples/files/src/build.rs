#![allow(clippy::future_not_send, reason = "the runtime of a service builds it on the main thread")]

use std::sync::Arc;

use underpin_errors::Error;
use underpin_service::{Http, Nats, OnEnd, RestartPolicy, Rpc, Start};

use crate::file::{FileTable, Files, Links};
use crate::http::{self, App};
use crate::storage::Storage;
use crate::user_setting::{self, UserSettings};
use crate::{Settings, tables};

/// Opens the components of the service, each with those that it stands on. They are stopped in the reverse order.
///
/// # Errors
/// A component cannot be opened; the error names the setting.
pub async fn build(start: &mut Start<Settings>) -> Result<(), Error> {
    let (settings, log) = (start.settings(), start.log());
    let database = underpin_service::database(&settings.database).migrate(tables::migrations());
    let database = start.plugin(database).await?;
    let nats = start.plugin(Nats::open(&settings.nats)).await?;
    let Storage { files: objects, user_settings } = Storage::open(start, &nats).await?;
    let rpc = start.plugin(Rpc::open(&nats, &settings.rpc)).await?;

    let table = FileTable::new(&database);
    let (links, log_of_files) = (Links::new(table.link_secret().await?), Arc::clone(&log));
    let uploads = settings.uploads.clone();
    let files = Files { table, objects, links, settings: uploads, log: log_of_files };
    let files = Arc::new(files);
    let swept = Arc::clone(&files);
    let restart = OnEnd::Restart(RestartPolicy::default());
    start.supervise("sweeper", restart, move |stop| Arc::clone(&swept).keep_swept(stop));
    let user_settings = UserSettings::new(user_settings, Arc::clone(&log));
    start.traffic(rpc.service(user_setting::service(user_settings)));

    let app = App { files, caller: rpc.caller(), gate: start.gate(), log };
    start.traffic(Http::new(&settings.http, http::router(Arc::new(app), &settings.http)));
    Ok(())
}
