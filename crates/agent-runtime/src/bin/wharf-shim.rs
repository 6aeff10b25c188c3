//! The shim as a program of its own, for this crate's tests and benchmark.

fn main() {
    std::process::exit(agent_runtime::shim_main(std::env::args_os().skip(1)));
}
