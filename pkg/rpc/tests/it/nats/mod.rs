mod conformance;
mod drain;
mod faults;
mod permissions;
mod rolling;
