//! The tables. Outbox, inbox and jobs keep their own.

use underpin_database::migrate::{Migration, Migrations};

pub(crate) fn migrations() -> Migrations {
    Migrations::new("workers")
        .step(Migration::new("0001_payment", PAYMENT).down("DROP TABLE payment"))
        .step(Migration::new("0002_job_step", JOB_STEP).down("DROP TABLE job_step"))
}

/// A payment, from before the gateway is asked.
const PAYMENT: &str = "
    CREATE TABLE payment (
        id VARCHAR(255) NOT NULL PRIMARY KEY,
        user_id VARCHAR(255) NOT NULL,
        subscription_id VARCHAR(255) NOT NULL,
        cents BIGINT NOT NULL,
        charge VARCHAR(255)
    )";

/// The steps of jobs that are done. The key makes the effect of a step happen once, whoever does it.
const JOB_STEP: &str = "
    CREATE TABLE job_step (
        job VARCHAR(36) NOT NULL,
        step BIGINT NOT NULL,
        effect VARCHAR(1000) NOT NULL,
        PRIMARY KEY (job, step)
    )";
