//! The hidden container that holds what a task's containers share: a network, process ids, IPC. The Amazon ECS agent
//! has its pause container for that.
//!
//! Its image has one file, a static program of a few dozen instructions that is assembled here: it lets the kernel reap
//! the children that it inherits as process 1, and sleeps.

use crate::engine::{Engine, EngineError, present};
use crate::name;
use agent_driver::TaskSpec;
use bollard::body_full;
use bollard::models::{ContainerCreateBody, ContainerState, HostConfig, HostConfigLogConfig};
use bollard::query_parameters::{CreateContainerOptions, CreateImageOptions, RemoveContainerOptions};
use futures_util::TryStreamExt as _;
use std::future::ready;

/// The version is the program's.
const IMAGE: &str = "wharf-sandbox";
const IMAGE_TAG: &str = "1";

/// Where the program is loaded, whole.
const BASE: u64 = 0x40_0000;
/// Sizes of the ELF header and of the one program header.
const HEADERS: u64 = 64 + 56;
/// `struct sigaction` with `SIG_IGN`: handler, flags, restorer, mask.
const IGNORE: [u64; 4] = [1, 0, 0, 0];

/// Makes the sandbox, and starts it; answers its process id. Idempotent.
pub(crate) async fn ensure(engine: &Engine, task: &TaskSpec, cgroup: &str) -> Result<i64, EngineError> {
    let name = name::sandbox(&task.id).map_err(EngineError::Refused)?;
    if let Some(pid) = running(engine, &name).await? {
        return Ok(pid);
    }
    // One that has ended held namespaces that are gone.
    remove(engine, &name).await?;
    ensure_image(engine).await?;
    let options = CreateContainerOptions { name: Some(name.clone()), ..Default::default() };
    let made =
        engine.ask(|| engine.docker.create_container(Some(options.clone()), body(engine, task, cgroup)));
    match made.await {
        // An earlier attempt of this request was carried out, and its answer was lost.
        Ok(_) | Err(EngineError::Conflict(_)) => {}
        Err(error) => return Err(error),
    }
    engine.ask(|| engine.docker.start_container(&name, None)).await?;
    running(engine, &name)
        .await?
        .ok_or_else(|| EngineError::Refused("the task's sandbox ended at once".to_owned()))
}

/// Removes a sandbox. Idempotent.
pub(crate) async fn remove(engine: &Engine, name: &str) -> Result<(), EngineError> {
    let options = RemoveContainerOptions { force: true, v: true, link: false };
    let removed = engine.ask(|| engine.docker.remove_container(name, Some(options.clone())));
    present(removed.await).map(|_| ())
}

async fn running(engine: &Engine, name: &str) -> Result<Option<i64>, EngineError> {
    let found = engine.ask(|| engine.docker.inspect_container(name, None));
    let state = present(found.await)?.and_then(|found| found.state);
    let pid = |state: ContainerState| state.pid.filter(|&pid| state.running == Some(true) && pid > 0);
    Ok(state.and_then(pid))
}

fn body(engine: &Engine, task: &TaskSpec, cgroup: &str) -> ContainerCreateBody {
    let none = HostConfigLogConfig { typ: Some("none".to_owned()), config: None };
    ContainerCreateBody {
        hostname: Some(task.hostname.clone()).filter(|name| !name.is_empty()),
        image: Some(format!("{IMAGE}:{IMAGE_TAG}")),
        entrypoint: Some(vec!["/pause".to_owned()]),
        labels: Some(engine.labels(&task.id)),
        host_config: Some(HostConfig {
            cgroup_parent: Some(cgroup.to_owned()),
            network_mode: Some("none".to_owned()),
            ipc_mode: Some(if task.shares_ipc { "shareable" } else { "private" }.to_owned()),
            log_config: Some(none),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn ensure_image(engine: &Engine) -> Result<(), EngineError> {
    let whole = format!("{IMAGE}:{IMAGE_TAG}");
    let found = engine.ask(|| engine.docker.inspect_image(&whole));
    if present(found.await)?.is_some() {
        return Ok(());
    }
    let archive = archive().map_err(EngineError::here("the sandbox's image"))?;
    let options = CreateImageOptions {
        from_src: Some("-".to_owned()),
        repo: Some(IMAGE.to_owned()),
        tag: Some(IMAGE_TAG.to_owned()),
        ..Default::default()
    };
    engine
        .ask(|| {
            engine
                .docker
                .create_image(Some(options.clone()), Some(body_full(archive.clone().into())), None)
                .try_for_each(|_| ready(Ok(())))
        })
        .await
}

/// The image's file system.
fn archive() -> std::io::Result<Vec<u8>> {
    let program = program();
    let mut header = tar::Header::new_ustar();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "pause", &*program)?;
    archive.into_inner()
}

/// A 64-bit little-endian ELF file of one segment.
fn program() -> Vec<u8> {
    let (machine, code) = if cfg!(target_arch = "aarch64") { (183_u16, aarch64()) } else { (62, x86_64()) };
    let size = HEADERS + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let half = |file: &mut Vec<u8>, values: &[u16]| file.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    let word = |file: &mut Vec<u8>, values: &[u32]| file.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    let long = |file: &mut Vec<u8>, values: &[u64]| file.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    // An executable; its entry, where the program header is, and no sections.
    half(&mut file, &[2, machine]);
    word(&mut file, &[1]);
    long(&mut file, &[BASE + HEADERS, 64, 0]);
    word(&mut file, &[0]);
    half(&mut file, &[64, 56, 1, 0, 0, 0]);
    // The whole file, to be read and executed.
    word(&mut file, &[1, 5]);
    long(&mut file, &[0, BASE, BASE, size, size, 0x1_0000]);
    file.extend(code);
    file
}

/// `rt_sigaction(SIGCHLD, &IGNORE, NULL, 8)`, then `pause()` for ever.
fn x86_64() -> Vec<u8> {
    let mut code = vec![
        0xbf, 17, 0, 0, 0, // mov edi, SIGCHLD
        0x48, 0x8d, 0x35, 24, 0, 0, 0, // lea rsi, [rip + IGNORE]
        0x31, 0xd2, // xor edx, edx
        0x41, 0xba, 8, 0, 0, 0, // mov r10d, 8
        0xb8, 13, 0, 0, 0, // mov eax, rt_sigaction
        0x0f, 0x05, // syscall
        0xb8, 34, 0, 0, 0, // mov eax, pause
        0x0f, 0x05, // syscall
        0xeb, 0xf7, // jmp to the second mov eax
    ];
    code.extend(IGNORE.iter().flat_map(|v| v.to_le_bytes()));
    code
}

/// The same with `ppoll(NULL, 0, NULL, NULL)`: there is no `pause`.
fn aarch64() -> Vec<u8> {
    let instructions: [u32; 14] = [
        0xd280_0220, // mov x0, #SIGCHLD
        0x1000_01a1, // adr x1, IGNORE
        0xd280_0002, // mov x2, #0
        0xd280_0103, // mov x3, #8
        0xd280_10c8, // mov x8, #rt_sigaction
        0xd400_0001, // svc #0
        0xd280_0000, // mov x0, #0
        0xd280_0001, // mov x1, #0
        0xd280_0002, // mov x2, #0
        0xd280_0003, // mov x3, #0
        0xd280_0928, // mov x8, #ppoll
        0xd400_0001, // svc #0
        0x17ff_fffa, // b to mov x0, #0
        0xd503_201f, // nop: what follows is aligned
    ];
    let code = instructions.iter().flat_map(|i| i.to_le_bytes());
    code.chain(IGNORE.iter().flat_map(|v| v.to_le_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distances that the instructions have in them.
    #[test]
    fn the_programs_find_their_data() {
        let x86 = x86_64();
        let lea_end = 12;
        assert_eq!(x86.len() - lea_end - 32, usize::from(x86[8]));
        let arm = aarch64();
        let adr = u32::from_le_bytes(arm[4..8].try_into().unwrap());
        assert_eq!(arm.len() - 4 - 32, (adr as usize >> 5 & 0x7_ffff) * 4);
        let branch = u32::from_le_bytes(arm[48..52].try_into().unwrap());
        assert_eq!(((branch << 6) as i32 >> 6) * 4, 24 - 48);
    }
}
