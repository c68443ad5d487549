//! Jobs in the database, of three kinds with three kinds of progress: counted, by name, and without a known end.

mod email;
mod image;
mod new;
mod report;
mod step;
mod view;

use underpin_jobs::{Jobs, Workers, WorkersBuilder, WorkersSettings, typed_job_with};

pub(crate) use email::EmailJob;
pub(crate) use image::ImageJob;
pub(crate) use new::NewJob;
pub(crate) use report::ReportJob;
pub(crate) use step::{Steps, Worker};
pub(crate) use view::{JobView, StatusFilter, list, view};

/// The queue of each kind: one kind cannot keep another waiting.
const QUEUES: [(&str, usize); 3] = [("email", 8), ("image", 2), ("report", 1)];

/// The workers. Each handler is registered for its kind: a worker claims no job that it does not know.
pub(crate) fn workers(jobs: &Jobs, settings: &WorkersSettings, worker: &Worker) -> WorkersBuilder {
    let builder = Workers::builder(jobs)
        .settings(settings.clone())
        .on(typed_job_with(worker.clone(), step::work::<EmailJob>))
        .on(typed_job_with(worker.clone(), step::work::<ImageJob>))
        .on(typed_job_with(worker.clone(), step::work::<ReportJob>));
    QUEUES.into_iter().fold(builder, |builder, (queue, at_once)| builder.queue(queue, at_once))
}
