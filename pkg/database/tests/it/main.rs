//! The tests of the crate, as one binary.
#![allow(unreachable_pub, reason = "the items of entities and migrators are public, as in a service")]

#[cfg(test)]
mod basics;
#[cfg(test)]
mod by_key;
#[cfg(test)]
mod column_types;
#[cfg(test)]
mod common;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod leader;
#[cfg(test)]
mod left_behind;
#[cfg(test)]
mod listen;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod pooler;
#[cfg(test)]
mod retry_table;
#[cfg(test)]
mod sea_orm_code;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod session_state;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod slow_log;
#[cfg(test)]
mod spans;
#[cfg(test)]
mod sqlx_queries;
#[cfg(test)]
mod transactions;
#[cfg(test)]
mod values;
