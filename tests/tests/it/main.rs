//! The outbox, the inbox, jobs and a store under chaos.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod jobs_processes;
#[cfg(test)]
mod random;
#[cfg(test)]
mod store;
