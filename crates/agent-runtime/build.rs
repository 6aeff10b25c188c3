//! Builds `keeper/main.rs`, a program without any library, for this crate to carry.

use std::env;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = "keeper/main.rs";
/// One file of a page or two, at a fixed address.
const LINK: [&str; 5] =
    ["-nostdlib", "-nostartfiles", "-static", "-Wl,--build-id=none", "-Wl,-z,noseparate-code"];

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    let variable = |name: &str| env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"));
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--crate-name=keeper", "--crate-type=bin", "--edition=2024", "--target"])
        .arg(variable("TARGET"));
    rustc.args(["-Copt-level=s", "-Cpanic=abort", "-Crelocation-model=static", "-Cstrip=symbols"]);
    rustc.args(LINK.map(|argument| format!("-Clink-arg={argument}")));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    rustc.arg("-o").arg(Path::new(&variable("OUT_DIR")).join("keeper")).arg(SOURCE);
    let status = rustc.status().unwrap_or_else(|e| panic!("{rustc:?}: {e}"));
    assert!(status.success(), "{rustc:?}: {status}");
}
