//! The program of a container: where it is, its environment, and how it is executed.

use super::ABOUT_TO_EXEC;
use crate::etc;
use agent_driver::ContainerSpec;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::{AccessFlags, access, execve};
use std::convert::Infallible;
use std::ffi::{CString, NulError};
use std::fs::File;
use std::io::Write;

const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Executes `args` with the container's environment; says so on the report just before.
///
/// # Errors
/// Docker's words for why it could not be.
pub(super) fn execute(
    spec: &ContainerSpec,
    args: &[String],
    home: &str,
    report: &mut File,
) -> Result<Infallible, String> {
    let env = complete_env(spec, home);
    let name = args.first().ok_or("there is no command")?;
    let path = env.iter().find_map(|var| var.strip_prefix("PATH=")).unwrap_or_default();
    let program = find_program(name, path)?;
    let c_strings =
        |strings: &[String]| strings.iter().map(|s| CString::new(s.as_str())).collect::<Result<_, _>>();
    let has_nul = |_: NulError| "an argument or a variable has a NUL byte".to_owned();
    let args: Vec<CString> = c_strings(args).map_err(has_nul)?;
    let env: Vec<CString> = c_strings(&env).map_err(has_nul)?;
    let c_program = CString::new(program.as_str()).map_err(has_nul)?;
    // The shim is gone when this fails, and the container must not be without it.
    report.write_all(&[ABOUT_TO_EXEC]).map_err(|e| format!("report: {e}"))?;
    let Err(errno) = execve(&c_program, &args, &env);
    Err(format!("exec {program}: {}", reason(errno)))
}

/// What Docker adds when it is missing.
fn complete_env(spec: &ContainerSpec, home: &str) -> Vec<String> {
    let mut env = spec.env.clone();
    let terminal = spec.terminal.then(|| "TERM=xterm".to_owned());
    let defaults =
        [DEFAULT_PATH.to_owned(), format!("HOSTNAME={}", etc::hostname(spec)), format!("HOME={home}")];
    for default in defaults.into_iter().chain(terminal) {
        let name = default.split_inclusive('=').next().unwrap_or_default();
        if !env.iter().any(|var| var.starts_with(name)) {
            env.push(default);
        }
    }
    env
}

/// Docker's words for what is not there or not executable.
fn find_program(name: &str, path: &str) -> Result<String, String> {
    if name.contains('/') {
        return match check_executable(name) {
            Ok(()) => Ok(name.to_owned()),
            Err(Errno::ENOENT) => Err(format!("exec: {name:?}: stat {name}: no such file or directory")),
            Err(errno) => Err(format!("exec: {name:?}: {}", reason(errno))),
        };
    }
    let mut denied = false;
    for dir in path.split(':') {
        let candidate = format!("{}/{name}", if dir.is_empty() { "." } else { dir });
        match check_executable(&candidate) {
            Ok(()) if !name.is_empty() => return Ok(candidate),
            Err(Errno::EACCES) => denied = true,
            _ => {}
        }
    }
    let why = if denied { "permission denied" } else { "executable file not found in $PATH" };
    Err(format!("exec: {name:?}: {why}"))
}

fn check_executable(path: &str) -> nix::Result<()> {
    if nix::sys::stat::stat(path)?.st_mode & libc::S_IFMT == libc::S_IFDIR {
        return Err(Errno::EISDIR);
    }
    access(path, AccessFlags::X_OK)
}

/// Lower case, as Go's runtimes print it.
fn reason(errno: Errno) -> String {
    match errno {
        Errno::ENOEXEC => "exec format error".to_owned(),
        other => other.desc().to_lowercase(),
    }
}
