//! The cost of an error: one pointer, one allocation from static text. Its own binary, for the counting allocator.
#![allow(unsafe_code, reason = "GlobalAlloc is an unsafe trait; this counts and forwards to System")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::process::Command;

use underpin_errors::{Error, Kind};

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static MADE: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is forwarded unchanged to System; counting touches thread-local cells and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.set(MADE.get() + 1);
        LIVE.set(LIVE.get() + 1);
        // SAFETY: the caller keeps the contract of GlobalAlloc::alloc.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - 1);
        // SAFETY: the caller keeps the contract of GlobalAlloc::dealloc.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations made by `work`, and how many of them are left once its result is dropped.
fn count<T>(work: impl FnOnce() -> T) -> (usize, isize) {
    let (made, live) = (MADE.get(), LIVE.get());
    let result = black_box(work());
    let made = MADE.get() - made;
    drop(result);
    (made, LIVE.get() - live)
}

#[test]
fn building_an_error_from_static_text_allocates_once() {
    // With the feature `backtrace`, these variables cause a capture, which allocates: count without them.
    if ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"].iter().any(|name| std::env::var_os(name).is_some()) {
        let test = "building_an_error_from_static_text_allocates_once";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env_remove("RUST_BACKTRACE")
            .env_remove("RUST_LIB_BACKTRACE")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        return;
    }
    // The first error asks the environment whether to capture and remembers the answer.
    drop(Error::internal("warm up"));
    assert_eq!(count(|| Error::not_found("no order")), (1, 0));
    assert_eq!(count(|| Error::new(Kind::Internal, "bug").code("LEDGER_BROKEN")), (1, 0));
    assert_eq!(count(|| Err::<(), _>(Error::timeout("slow"))), (1, 0));
    // Each of these adds one.
    assert_eq!(count(|| Error::not_found("no order").context("load")), (2, 0));
    assert_eq!(count(|| Error::not_found(String::from("no order"))), (2, 0));
}

#[test]
fn a_result_of_unit_is_one_pointer() {
    assert_eq!(size_of::<Result<(), Error>>(), 8);
}
