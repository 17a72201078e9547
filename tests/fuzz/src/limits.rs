//! The memory and time that an input may cost.

use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The limit in CPU seconds of this thread. A target reads kilobytes, so this is thousands of times what it
/// needs; it finds a loop that does not end, or one that is quadratic in a number of the input, even on a
/// slow and busy machine and in a build without optimization, where the dearest template that its bounds allow
/// takes four to six seconds.
const MOST_SECONDS: f64 = 20.0;

/// Runs `parse`, which may take `memory` bytes from the heap at once.
pub fn within<R>(memory: usize, parse: impl FnOnce() -> R) -> R {
    HEAP.reset_peak_usage();
    let (before, began) = (HEAP.current_usage(), seconds());
    let parsed = parse();
    let (taken, took) = (HEAP.peak_usage().saturating_sub(before), seconds() - began);
    assert!(
        taken <= memory,
        "took {taken} bytes of memory, expected at most {memory}"
    );
    assert!(
        took < MOST_SECONDS,
        "took {took:.1} CPU seconds, expected less than {MOST_SECONDS}"
    );
    parsed
}

/// CPU time of this thread so far.
fn seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
