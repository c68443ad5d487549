//! The gluing test and the fault tests of the whole family.
