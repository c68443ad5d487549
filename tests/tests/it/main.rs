//! The outbox and the inbox under chaos.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod jobs_processes;
#[cfg(test)]
mod random;
