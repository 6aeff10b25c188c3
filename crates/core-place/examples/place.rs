//! `wharf bench place` without the rest of Wharf.

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

fn main() {
    // The thread's own time: what else the machine does is no matter.
    let clock = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from);
    for figure in core_place::bench::measure(&clock) {
        println!("{:<75} {:<24} {:>12}  {}", figure.measured, figure.of, figure.figure, figure.note);
    }
}
