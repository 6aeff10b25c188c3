//! `wharf`: Amazon ECS on your own machines. The one binary; the only crate that knows every other, reads the
//! environment and parses the command line.

mod cli;
mod clock;
mod data_dir;
mod endpoint;
mod host;
mod join;
mod server;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The supervisor of a container: before anything that has threads.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == SHIM) {
        return ExitCode::from(u8::try_from(agent_runtime::shim_main(args)).unwrap_or(1));
    }
    cli::main()
}

/// The first argument that makes this program a shim.
const SHIM: &str = "shim";
