//! Agents and shims that are killed.

use super::stage::{Place, TASK, eventually, play, spool_dir, spooled};
use agent_driver::{Runtime, RuntimeError, RuntimeId, RuntimeState, StopSignal, TaskSpec};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

const PLACE: &str = "WHARF_TEST_PLACE";

#[test]
fn a_container_outlives_the_object_that_started_it() {
    play("dropped", TaskSpec::default(), async |stage| {
        let spec = stage.place.shell("a", "trap 'exit 9' TERM; echo up; while :; do sleep 0.01; done");
        let (id, dir) = (spec.id.clone(), spool_dir(&spec));
        stage.runtime.start(spec).await.unwrap();
        let place = stage.place.clone();
        drop(stage);
        let next = place.runtime();
        let waits = [next.wait(&id), next.wait(&id)];
        eventually("the trap is set", || spooled(&dir).0.contains("up"));
        next.stop(&id, StopSignal::Terminate).await.unwrap();
        for wait in waits {
            assert_eq!(wait.await.unwrap().code, 9);
        }
        assert_eq!(place.runtime().wait(&id).await.unwrap().code, 9);
    });
}

/// Not a test of its own: the agent that the next one kills.
#[test]
fn agent() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let (root, parent) = place.split_once(' ').unwrap();
    let place = Place { root: root.into(), parent: parent.to_owned() };
    let tokio = tokio::runtime::Runtime::new().unwrap();
    tokio.block_on(async {
        let script = "trap 'echo bye; exit 11' TERM; echo up; while :; do sleep 0.01; done";
        let runtime = place.runtime();
        runtime.start(place.shell("a", script)).await.unwrap();
        runtime.start(place.spec("b", &["true"])).await.unwrap();
        println!("started");
        std::future::pending::<()>().await;
    });
}

#[test]
fn a_container_outlives_the_agent_and_its_process_group() {
    play("killed", TaskSpec::default(), async |stage| {
        let place = &stage.place;
        let mut agent = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "needs_root::adoption::agent", "--nocapture"])
            .env(PLACE, format!("{} {}", place.root.display(), place.parent))
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut stdout = agent.stdout.take().unwrap();
        while !said.contains("started") {
            let mut byte = [0];
            assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{said}");
            said.push(byte[0] as char);
        }
        let group = nix::unistd::Pid::from_raw(-(agent.id() as i32));
        nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL).unwrap();
        agent.wait().unwrap();

        let id = |n: &str| RuntimeId(format!("{TASK}-{n}"));
        assert_eq!(stage.runtime.wait(&id("b")).await.unwrap().code, 0);
        let states: Vec<_> = stage.runtime.list().await.unwrap().into_iter().map(|seen| seen.state).collect();
        assert!(matches!(states[..], [RuntimeState::Running, RuntimeState::Exited(_)]), "{states:?}");
        eventually("the trap is set", || spooled(&place.root.join("logs/a")).0.contains("up"));
        stage.runtime.stop(&id("a"), StopSignal::Terminate).await.unwrap();
        assert_eq!(stage.runtime.wait(&id("a")).await.unwrap().code, 11);
        assert_eq!(spooled(&place.root.join("logs/a")), ("up\nbye\n".to_owned(), true));
    });
}

#[test]
fn a_container_does_not_outlive_its_shim() {
    play("shimless", TaskSpec::default(), async |stage| {
        for (name, user) in [("a", "root"), ("b", "web")] {
            let mut spec = stage.place.spec(name, &["sleep", "1000"]);
            spec.user = user.to_owned();
            let id = spec.id.clone();
            stage.runtime.start(spec).await.unwrap();
            let (shim, init) = stage.place.pids(&id);
            // A container that gets hold of the program must not be able to replace it, not even when it is not busy.
            let program = format!("/proc/{shim}/exe");
            let writable = nix::unistd::access(&*program, nix::unistd::AccessFlags::W_OK);
            assert!(writable == Err(nix::errno::Errno::EROFS) || rests(shim), "{writable:?}");
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(shim), nix::sys::signal::Signal::SIGKILL)
                .unwrap();
            assert!(matches!(stage.runtime.wait(&id).await, Err(RuntimeError::Host(_))));
            eventually("init is gone", || {
                let status = std::fs::read_to_string(format!("/proc/{init}/stat"));
                status.map_or(true, |stat| stat.contains(") Z "))
            });
            assert_eq!(stage.runtime.list().await.unwrap()[0].state, RuntimeState::Lost);
            // It may have run, so it is not quietly run again.
            let again = stage.runtime.start(stage.place.spec(name, &["sleep", "1000"])).await;
            assert!(matches!(again, Err(RuntimeError::Host(_))), "{again:?}");
            stage.runtime.remove(&id).await.unwrap();
        }
    });
}

/// Whether a shim is its keeper.
fn rests(shim: i32) -> bool {
    let program = std::fs::read_link(format!("/proc/{shim}/exe")).unwrap_or_default();
    program.to_string_lossy().starts_with("/memfd:keeper")
}

#[test]
fn the_shim_of_a_silent_container_rests_and_misses_nothing() {
    play("resting", TaskSpec::default(), async |stage| {
        let script = "mkfifo /fifo; while read line; do echo $line; done < /fifo; exit 7";
        let spec = stage.place.shell("a", script);
        let (id, dir) = (spec.id.clone(), spool_dir(&spec));
        stage.runtime.start(spec).await.unwrap();
        let (shim, init) = stage.place.pids(&id);
        eventually("it rests", || rests(shim));
        let status = std::fs::read_to_string(format!("/proc/{shim}/status")).unwrap();
        let kb = |key: &str| -> u32 {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
        };
        assert!(kb("RssAnon") + kb("VmPTE") <= 64, "{status}");
        let open = std::fs::read_dir(format!("/proc/{shim}/fd")).unwrap().count();
        assert_eq!(open, 3 + 5, "the standard streams, and what it waits for and needs to go on");
        let fifo = format!("/proc/{init}/root/fifo");
        eventually("the pipe is there", || std::fs::exists(&fifo).unwrap());
        let mut fifo = std::fs::File::options().write(true).open(fifo).unwrap();
        for line in ["one", "two"] {
            writeln!(fifo, "{line}").unwrap();
            eventually("the line is there", || spooled(&dir).0.contains(line));
            eventually("it rests again", || rests(shim));
        }
        assert_eq!(stage.place.pids(&id), (shim, init));
        drop(fifo);
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 7);
        assert_eq!(spooled(&dir), ("one\ntwo\n".to_owned(), true));
    });
}

#[test]
fn a_shim_that_cannot_read_what_its_container_is_waits_until_it_can() {
    play("unreadable", TaskSpec::default(), async |stage| {
        let script = "mkfifo /fifo; while read line; do echo $line; done < /fifo; exit 7";
        let spec = stage.place.shell("a", script);
        let (id, dir) = (spec.id.clone(), spool_dir(&spec));
        stage.runtime.start(spec).await.unwrap();
        let (shim, init) = stage.place.pids(&id);
        let fifo = format!("/proc/{init}/root/fifo");
        eventually("the pipe is there", || std::fs::exists(&fifo).unwrap());
        let mut fifo = std::fs::File::options().write(true).open(fifo).unwrap();
        eventually("it rests", || rests(shim));
        let launch = stage.place.root.join("data").join(&id.0).join("launch.json");
        let kept = std::fs::read(&launch).unwrap();
        std::fs::remove_file(&launch).unwrap();
        std::fs::create_dir(&launch).unwrap();
        writeln!(fifo, "one").unwrap();
        eventually("it is awake", || !rests(shim));
        std::fs::remove_dir(&launch).unwrap();
        std::fs::write(&launch, kept).unwrap();
        writeln!(fifo, "two").unwrap();
        drop(fifo);
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 7);
        assert_eq!(spooled(&dir), ("one\ntwo\n".to_owned(), true));
    });
}

/// Denies this thread, and what it starts, to execute what is only open, as a security module may.
#[allow(unsafe_code)]
fn deny_execveat() {
    use nix::libc::{self, sock_filter};
    let step = |code: u32, jump_else: u8, k: i64| sock_filter {
        code: code as u16,
        jt: 0,
        jf: jump_else,
        k: k as u32,
    };
    let mut steps = [
        // The number is the first that a filter is given.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, libc::SYS_execveat),
        step(libc::BPF_RET | libc::BPF_K, 0, i64::from(libc::SECCOMP_RET_ERRNO) | i64::from(libc::EACCES)),
        step(libc::BPF_RET | libc::BPF_K, 0, i64::from(libc::SECCOMP_RET_ALLOW)),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: the program points to as many steps as it says; the kernel copies them.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn a_shim_that_must_not_rest_tries_it_once() {
    deny_execveat();
    play("restless", TaskSpec::default(), async |stage| {
        // Long enough for dozens of attempts.
        let spec = stage.place.shell("a", "sleep 1; echo bye; exit 3");
        let (id, dir) = (spec.id.clone(), spool_dir(&spec));
        stage.runtime.start(spec).await.unwrap();
        let segments = || std::fs::read_dir(&dir).unwrap().count() - 1;
        eventually("it has tried", || segments() == 2);
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 3);
        assert_eq!(spooled(&dir), ("bye\n".to_owned(), true));
        assert_eq!(segments(), 2, "each attempt begins one");
    });
}

#[test]
fn a_running_container_is_removed_with_all_its_processes() {
    play("removed", TaskSpec::default(), async |stage| {
        let spec = stage.place.shell("a", "sleep 1000 & sleep 1000 & echo up; wait");
        let (id, dir) = (spec.id.clone(), spool_dir(&spec));
        stage.runtime.start(spec).await.unwrap();
        eventually("it is up", || spooled(&dir).0.contains("up"));
        stage.runtime.remove(&id).await.unwrap();
        assert_eq!(stage.runtime.list().await.unwrap(), []);
        assert!(!dir.exists());
        assert!(matches!(stage.runtime.wait(&id).await, Err(RuntimeError::NotFound(_))));
    });
}

#[test]
fn a_teardown_ends_tasks_that_never_had_a_container() {
    let shares = TaskSpec { shares_pid: true, ..TaskSpec::default() };
    play("barren", shares, async |stage| {
        assert_ne!(stage.place.groups(), Vec::<std::path::PathBuf>::new());
        stage.runtime.teardown().await.unwrap();
        assert_eq!(stage.place.groups(), Vec::<std::path::PathBuf>::new());
        assert!(!stage.place.root.join("state").exists());
    });
}
