//! Development tasks, run as `cargo xtask TASK`.
//!
//! Not part of the product: nothing depends on this crate. Each task is one module; `main` only dispatches.

use std::path::PathBuf;
use std::process::ExitCode;

mod codegen;
mod tidy;

const USAGE: &str = "usage: cargo xtask codegen [--check] | tidy";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["codegen"] => codegen::write(&root()),
        ["codegen", "--check"] => codegen::check(&root()),
        // What is generated must be fresh before it is worth judging.
        ["tidy"] => codegen::check(&root()).and_then(|()| tidy::run(&root())),
        _ => Err(anyhow::anyhow!("{USAGE}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root.
fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
