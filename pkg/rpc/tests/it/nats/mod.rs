mod conformance;
mod drain;
mod faults;
mod interop;
mod permissions;
mod rolling;
