use std::{
    hint,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
};

/// Locks what is never held for long: a line is copied, or written with one system call. Looks again, at growing distances,
/// for a few microseconds before the thread goes to sleep, which together with being woken costs more than that.
#[inline]
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.try_lock() {
        Ok(guard) => guard,
        Err(_) => lock_contended(mutex),
    }
}

#[cold]
fn lock_contended<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    const LONGEST: u32 = 64;

    let mut pauses = 1;
    while pauses <= LONGEST {
        (0..pauses).for_each(|_| hint::spin_loop());
        pauses *= 2;
        match mutex.try_lock() {
            Ok(guard) => return guard,
            // No code panics while holding it, and no state could be half changed.
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
