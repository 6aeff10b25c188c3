//! Compiles the program of the built-in image: a static binary of its own, so not a target that cargo could make.

use std::env;
use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "hello/main.rs";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let target = variable("TARGET");
    let output = PathBuf::from(variable("OUT_DIR")).join("hello");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--edition=2024", "--crate-name=hello", "--crate-type=bin", "--target", &target]);
    for option in [
        "opt-level=s",
        "panic=abort",
        "lto=fat",
        "codegen-units=1",
        "target-feature=+crt-static",
        "strip=symbols",
        "relocation-model=static",
    ] {
        rustc.args(["-C", option]);
    }
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.args(["-C", &format!("linker={linker}")]);
    }
    rustc.arg(SOURCE).arg("-o").arg(&output);
    let status = rustc.status().unwrap_or_else(|error| panic!("cannot run rustc: {error}"));
    assert!(status.success(), "{SOURCE} does not compile: a static C library (libc6-dev or musl) is needed");
}
