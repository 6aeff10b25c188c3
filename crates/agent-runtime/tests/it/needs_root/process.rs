//! Terminals, process 1, shared namespaces, programs beside the container's, restarts, figures.

use super::stage::{Stage, TASK, eventually, play, spool_dir, spooled};
use agent_driver::{
    ContainerSpec, EXEC_OUTPUT_BYTES_MAX, ExecEnd, ExecSpec, JsonFileSpec, LogOutput, Runtime, RuntimeError,
    RuntimeId, RuntimeState, Sharing, StopSignal, TaskSpec,
};
use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

/// Starts a container that prints `up` when it is ready.
async fn start(stage: &Stage, spec: ContainerSpec) -> RuntimeId {
    let (id, dir) = (spec.id.clone(), spool_dir(&spec));
    stage.runtime.start(spec).await.unwrap();
    eventually("it is up", || spooled(&dir).0.contains("up"));
    id
}

fn exec(script: &str, timeout_ms: u64) -> ExecSpec {
    ExecSpec { args: ["sh", "-c", script].map(str::to_owned).to_vec(), timeout_ms }
}

async fn run(stage: &Stage, id: &RuntimeId, script: &str) -> (Option<i32>, String) {
    let ExecEnd { code, output } = stage.runtime.exec(id, &exec(script, 10_000)).await.unwrap();
    (code, output)
}

#[test]
fn a_terminal() {
    play("terminal", TaskSpec::default(), async |stage| {
        let script = "tty; test -t 0 && test -t 1 && test -t 2 && echo all; echo $TERM; echo err >&2; \
                      test -c /dev/console && echo console > /dev/console; stat -c %U $(tty); echo x > /dev/tty";
        let mut spec = stage.place.shell("a", script);
        spec.terminal = true;
        spec.user = "web".to_owned();
        let output = stage.output(spec).await;
        assert_eq!(output, "/dev/pts/0\r\nall\r\nxterm\r\nerr\r\nconsole\r\nweb\r\nx\r\n");
        // Without anywhere to write to it is drained all the same.
        let mut spec = stage.place.shell("b", "head -c 300000 /dev/zero | od -v -A n; exit 5");
        (spec.terminal, spec.log) = (true, LogOutput::Discard);
        let id = spec.id.clone();
        stage.runtime.start(spec).await.unwrap();
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 5);
    });
}

#[test]
fn standard_input_is_open_or_at_its_end() {
    play("stdin", TaskSpec::default(), async |stage| {
        assert_eq!(stage.output(stage.place.shell("a", "cat; echo end")).await, "end\n");
        let mut spec = stage.place.shell("b", "echo up; cat; echo end");
        spec.stdin_open = true;
        let dir = spool_dir(&spec);
        let id = start(&stage, spec).await;
        assert_eq!(run(&stage, &id, "stat -L -c %F /proc/1/fd/0").await, (Some(0), "fifo\n".to_owned()));
        stage.runtime.stop(&id, StopSignal::Kill).await.unwrap();
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 137);
        assert_eq!(spooled(&dir).0, "up\n");
    });
}

#[test]
fn a_process_1_reaps_forwards_and_ends() {
    play("init", TaskSpec::default(), async |stage| {
        for (name, user, terminal) in [("a", "", false), ("b", "web", false), ("c", "", true)] {
            let script =
                "trap 'echo got; exit 6' USR1; (sleep 0 & exec true); echo up; while :; do sleep 0.01; done";
            let mut spec = stage.place.shell(name, script);
            spec.init = true;
            spec.terminal = terminal;
            spec.user = user.to_owned();
            spec.stop_signal = "SIGUSR1".to_owned();
            let dir = spool_dir(&spec);
            let id = start(&stage, spec).await;
            let (_, output) =
                run(&stage, &id, "ps -o pid,comm | grep -E ' (1|2) '; ls /proc/1/fd | wc -l").await;
            assert!(output.contains("1 init"), "{output}");
            eventually("orphans are reaped", || {
                let zombies = "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l";
                let count = futures(&stage, &id, zombies);
                count == "0\n"
            });
            stage.runtime.stop(&id, StopSignal::Terminate).await.unwrap();
            assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 6);
            assert!(spooled(&dir).0.contains("got"));
        }
        let mut spec = stage.place.shell("d", "kill -9 $$");
        spec.init = true;
        assert_eq!(stage.run(spec).await.0.code, 137);
        let mut spec = stage.place.spec("e", &["nope"]);
        spec.init = true;
        assert!(matches!(stage.runtime.start(spec).await, Err(RuntimeError::Start(_))));
    });
}

/// What a program in the container prints, from where one cannot wait.
fn futures(stage: &Stage, id: &RuntimeId, script: &str) -> String {
    tokio::task::block_in_place(|| {
        tokio::runtime::Handle::current().block_on(async { run(stage, id, script).await.1 })
    })
}

#[test]
fn processes_and_ipc_of_a_task() {
    let task = TaskSpec { shares_pid: true, shares_ipc: true, ..TaskSpec::default() };
    play("shared", task, async |stage| {
        let shared = |name: &str, script: &str| {
            let mut spec = stage.place.shell(name, script);
            (spec.pid, spec.ipc) = (Sharing::Task, Sharing::Task);
            spec
        };
        let a = shared("a", "echo hello > /dev/shm/note; (sleep 1111 & exec true); echo up; exec sleep 1000");
        let a = start(&stage, a).await;
        let script = "cat /dev/shm/note; ps -o args | grep -c 'sleep [1]000'; ps -o pid,comm | grep holder | cut -c 1-15; \
                      ls /proc/1/root 2>&1; true";
        let output = stage.output(shared("b", script)).await;
        assert!(output.starts_with("hello\n1\n"), "{output}");
        assert!(output.contains("holder") && output.contains("ermission denied"), "{output}");
        // Of its own there is nothing of the others' to be seen.
        assert_eq!(
            stage.output(stage.place.shell("c", "ls /dev/shm; ps | grep -c '[s]leep'; true")).await,
            "0\n"
        );
        // Its end takes what it left behind with it, though process 1 is another's.
        stage.runtime.stop(&a, StopSignal::Kill).await.unwrap();
        assert_eq!(stage.runtime.wait(&a).await.unwrap().code, 137);
        let output =
            stage.output(shared("d", "cat /dev/shm/note; ps -o args | grep -c '[s]leep 1'; true")).await;
        assert_eq!(output, "hello\n0\n");

        // The death of the holder is theirs, and the next task's containers get another.
        let e = start(&stage, shared("e", "echo up; exec sleep 1000")).await;
        let state = stage.place.root.join(format!("state/{TASK}.holder/state.json"));
        let pid = || -> i32 {
            let text = fs::read_to_string(&state).unwrap();
            let digits = text.split_once("\"init\":").unwrap().1;
            digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
        };
        let first = pid();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGKILL).unwrap();
        assert_eq!(stage.runtime.wait(&e).await.unwrap().code, 137);
        let refused = stage.runtime.start(shared("f", "true")).await;
        assert!(matches!(refused, Err(RuntimeError::Create(_))), "{refused:?}");
        let task = TaskSpec { id: TASK.to_owned(), shares_pid: true, ..TaskSpec::default() };
        stage.place.runtime().ensure_task(&task).await.unwrap();
        assert_ne!(pid(), first);
        let mut g = stage.place.shell("g", "echo $$");
        g.pid = Sharing::Task;
        assert_eq!(stage.run(g).await.0.code, 0);
    });
}

#[test]
fn processes_and_ipc_of_the_host() {
    play("hosts", TaskSpec::default(), async |stage| {
        let own = |kind: &str| fs::read_link(format!("/proc/self/ns/{kind}")).unwrap().display().to_string();
        let script = "readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc; echo up; (sleep 1234 & exec true); exec sleep 1000";
        let mut spec = stage.place.shell("a", script);
        (spec.pid, spec.ipc) = (Sharing::Host, Sharing::Host);
        let dir = spool_dir(&spec);
        let id = start(&stage, spec).await;
        assert_eq!(spooled(&dir).0, format!("{}\n{}\nup\n", own("pid"), own("ipc")));
        let (_, output) = run(&stage, &id, "cat /proc/self/cgroup").await;
        assert!(output.contains(&format!("/{id}")), "{output}");
        stage.runtime.stop(&id, StopSignal::Kill).await.unwrap();
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 137);
    });
}

#[test]
fn programs_beside_the_containers() {
    play("exec", TaskSpec::default(), async |stage| {
        let mut spec = stage.place.shell("a", "echo up; exec sleep 1000");
        spec.user = "web".to_owned();
        spec.cwd = "/srv".to_owned();
        spec.env = vec!["COLOUR=blue".to_owned()];
        spec.security.capabilities_drop = vec!["MKNOD".to_owned()];
        let id = start(&stage, spec).await;
        let script = "id -u; pwd; echo $COLOUR $HOME; hostname; grep -E 'CapBnd|Seccomp:' /proc/self/status | cut -f 2; \
                      echo err >&2; ps -o comm | grep -c sleep; ls /proc/self/fd | wc -l; exit 3";
        assert_eq!(
            run(&stage, &id, script).await,
            (Some(3), "101\n/srv\nblue /srv\nharbour\n00000000a00425fb\n2\nerr\n1\n4\n".to_owned())
        );
        let (_, groups) = run(&stage, &id, "cat /proc/self/cgroup").await;
        assert!(groups.lines().filter(|line| line.contains(&format!("/{id}"))).count() > 0, "{groups}");
        // By an agent that did not start it.
        let other = stage.place.runtime();
        assert_eq!(other.exec(&id, &exec("exit 0", 5_000)).await.unwrap().code, Some(0));
        assert_eq!(run(&stage, &id, "kill -9 $$").await.0, Some(137));
        // Its output is bounded, and it does not wait for anybody to read it.
        let (code, output) = run(&stage, &id, "head -c 1000000 /dev/zero | tr '\\0' z").await;
        assert_eq!((code, output.len()), (Some(0), EXEC_OUTPUT_BYTES_MAX));
        // What it leaves behind goes with it.
        run(&stage, &id, "sleep 2222 & sleep 2222 & true").await;
        assert_eq!(run(&stage, &id, "ps -o args | grep -c '[s]leep 2222'").await.1, "0\n");
        let begin = Instant::now();
        let late =
            stage.runtime.exec(&id, &exec("sleep 3333 & echo partial; sleep 3333", 3_000)).await.unwrap();
        assert_eq!(late, ExecEnd { code: None, output: "partial\n".to_owned() });
        assert!(begin.elapsed() < Duration::from_secs(60));
        assert_eq!(run(&stage, &id, "ps -o args | grep -c '[s]leep 3333'").await.1, "0\n");
        let nope = ExecSpec { args: vec!["nope".to_owned()], timeout_ms: 5_000 };
        assert!(matches!(stage.runtime.exec(&id, &nope).await, Err(RuntimeError::Start(_))));
        // Nobody waits any more.
        drop(
            tokio::time::timeout(
                Duration::from_millis(200),
                stage.runtime.exec(&id, &exec("exec sleep 4444", 60_000)),
            )
            .await,
        );
        eventually("it has gone", || futures(&stage, &id, "ps -o args | grep -c '[s]leep 4444'") == "0\n");

        stage.runtime.stop(&id, StopSignal::Kill).await.unwrap();
        stage.runtime.wait(&id).await.unwrap();
        for id in [id, RuntimeId("nobody-1".to_owned())] {
            let gone = stage.runtime.exec(&id, &exec("true", 1_000)).await;
            assert!(matches!(gone, Err(RuntimeError::NotFound(_))), "{gone:?}");
            assert!(matches!(stage.runtime.stats(&id).await, Err(RuntimeError::NotFound(_))));
        }
    });
}

#[test]
fn restarts_go_on_where_the_container_was() {
    play("restart", TaskSpec::default(), async |stage| {
        let runtime = &stage.runtime;
        let spec = stage.place.shell("a", "echo run >> /count; wc -l < /count; exit $(wc -l < /count)");
        let (id, dir) = (spec.id.clone(), spool_dir(&spec));
        let early = runtime.restart(&id, 1).await;
        assert!(matches!(early, Err(RuntimeError::NotFound(_))), "{early:?}");
        assert_eq!(stage.run(spec).await.0.code, 1);
        for attempt in 1..=3 {
            // Twice is once, also for another agent.
            runtime.restart(&id, attempt).await.unwrap();
            stage.place.runtime().restart(&id, attempt).await.unwrap();
            assert_eq!(runtime.wait(&id).await.unwrap().code, attempt as i32 + 1);
        }
        runtime.restart(&id, 2).await.unwrap();
        assert_eq!(runtime.wait(&id).await.unwrap().code, 4);
        assert_eq!(spooled(&dir), ("1\n2\n3\n4\n".to_owned(), true));

        let spec = stage.place.shell("b", "echo up; exec sleep 1000");
        let b = start(&stage, spec).await;
        assert!(matches!(runtime.restart(&b, 1).await, Err(RuntimeError::Host(_))));
        assert_eq!(runtime.list().await.unwrap().len(), 2);

        // A program that is gone: it has run, and its failure is told.
        let spec = stage.place.spec("c", &["/bin/cp", "/bin/busybox", "/bin/gone"]);
        let mut spec = ContainerSpec { id: spec.id.clone(), ..spec };
        spec.args = ["/bin/sh", "-c", "rm /bin/sh"].map(str::to_owned).to_vec();
        let c = spec.id.clone();
        assert_eq!(stage.run(spec).await.0.code, 0);
        assert!(matches!(runtime.restart(&c, 1).await, Err(RuntimeError::Start(_))));
        assert_eq!(runtime.wait(&c).await.unwrap().code, 127);
        runtime.restart(&c, 1).await.unwrap();
    });
}

/// The agent was killed before it let the new shim begin.
#[test]
fn a_restart_that_was_not_begun_leaves_the_container_as_it_was() {
    play("unbegun-restart", TaskSpec::default(), async |stage| {
        let spec = stage.place.shell("a", "test -e /mark && exit 8; touch /mark; exit 4");
        let id = spec.id.clone();
        assert_eq!(stage.run(spec).await.0.code, 4);
        // What it does up to there.
        let work = stage.place.root.join(format!("data/{id}/work"));
        fs::remove_dir_all(&work).unwrap();
        assert!(
            matches!(stage.runtime.list().await.unwrap()[0].state, RuntimeState::Exited(exit) if exit.code == 4)
        );
        fs::create_dir(&work).unwrap();
        stage.place.runtime().restart(&id, 1).await.unwrap();
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 8);
    });
}

#[test]
fn figures_of_a_container() {
    let task = TaskSpec { memory_mib: Some(128), ..TaskSpec::default() };
    play("stats", task, async |stage| {
        let script = "head -c 20000000 /dev/zero > /dev/shm/big; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo up; exec sleep 1000";
        let mut spec = stage.place.shell("a", script);
        spec.limits.memory_mib = Some(64);
        let id = start(&stage, spec).await;
        let stats = stage.place.runtime().stats(&id).await.unwrap();
        assert!(stats.memory_bytes > 20_000_000 && stats.memory_bytes < 64 << 20, "{stats:?}");
        assert!(stats.memory_bytes_max == 0 || stats.memory_bytes_max >= stats.memory_bytes, "{stats:?}");
        assert_eq!(stats.memory_limit_bytes, 64 << 20, "{stats:?}");
        assert!(stats.cpu_total_ns > 1_000_000, "{stats:?}");
        assert_eq!(stats.pids, 1, "{stats:?}");
        assert!(stats.at_unix_ms > 1_600_000_000_000, "{stats:?}");
        assert_eq!(stats.networks, BTreeMap::new());
    });
}

#[test]
fn logs_in_dockers_form() {
    play("jsonfile", TaskSpec::default(), async |stage| {
        let path = stage.place.root.join("logs/a.log");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut spec = stage.place.shell("a", "echo one; echo two >&2");
        spec.log = LogOutput::JsonFile(JsonFileSpec {
            path: path.clone(),
            max_bytes: Some(1 << 20),
            max_files: 2,
            attributes: BTreeMap::new(),
        });
        let id = spec.id.clone();
        stage.runtime.start(spec).await.unwrap();
        stage.runtime.wait(&id).await.unwrap();
        stage.runtime.restart(&id, 1).await.unwrap();
        stage.runtime.wait(&id).await.unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(r#"{"log":"one\n","stream":"stdout","time":"20"#).count(), 2, "{text}");
        assert_eq!(text.matches(r#"{"log":"two\n","stream":"stderr","time":"20"#).count(), 2, "{text}");
        stage.runtime.remove(&id).await.unwrap();
        assert!(!path.exists());
    });
}

#[test]
fn limits_of_swap_are_the_kernels() {
    play("swap", TaskSpec::default(), async |stage| {
        let mut spec = stage.place.shell("a", "echo up; exec sleep 1000");
        spec.limits.memory_mib = Some(64);
        spec.limits.memory_swap_bytes = Some(80 << 20);
        if stage.place.groups().iter().any(|group| group.join("memory.limit_in_bytes").exists()) {
            spec.limits.swappiness = Some(7);
        }
        let id = start(&stage, spec).await;
        let value = |file: &str| {
            let mut groups = stage.place.groups().into_iter();
            groups.find_map(|g| fs::read_to_string(g.join(&id.0).join(file)).ok())
        };
        match value("memory.memsw.limit_in_bytes") {
            Some(text) => {
                assert_eq!(text.trim(), (80 << 20).to_string());
                assert_eq!(value("memory.swappiness").unwrap().trim(), "7");
            }
            None => assert_eq!(value("memory.swap.max").unwrap().trim(), (16 << 20).to_string()),
        }
    });
}
