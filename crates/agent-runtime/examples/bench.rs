//! Create, start, exit and remove of a static program, many times; then what idle containers cost.
//!
//! `cargo run --release -p agent-runtime --example bench -- PATH-OF-WHARF-SHIM STATIC-TRUE [COUNT] [IDLE]`
//!
//! Prints milliseconds, and for the idle containers kilobytes of their shims.

use agent_driver::{
    ContainerSpec, ExecSpec, Limits, LogOutput, Networking, Runtime, RuntimeId, SpoolMode, SpoolSpec,
    TaskSpec,
};
use agent_runtime::{OciRuntime, OciRuntimeConfig, SILENCE_MS, ShimCommand};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const TASK: &str = "bench";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let number =
        |index: usize, default: usize| args.get(index).map_or(default, |arg| arg.parse().expect("a number"));
    let [_, shim, program, ..] = &args[..] else { panic!("which shim, which program?") };
    let tokio =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("tokio");
    tokio.block_on(bench(shim.into(), Path::new(program), number(3, 100), number(4, 20)));
}

async fn bench(shim: PathBuf, program: &Path, count: usize, idle: usize) {
    let root = std::env::temp_dir().join(format!("wharf-bench-{}", std::process::id()));
    let layer = root.join("layer");
    fs::create_dir_all(&layer).expect("the layer");
    fs::copy(program, layer.join("true")).expect("the program");
    fs::copy("/bin/busybox", layer.join("busybox")).expect("busybox-static");
    let runtime = OciRuntime::new(OciRuntimeConfig {
        state_dir: root.join("state"),
        data_dir: root.join("data"),
        shim: ShimCommand { program: shim, args: Vec::new() },
        cgroup_parent: "wharf-bench".into(),
        silence_ms: SILENCE_MS,
    })
    .expect("the runtime");
    let task = TaskSpec {
        id: TASK.to_owned(),
        cpu_units: Some(2048),
        memory_mib: Some(1024),
        ..TaskSpec::default()
    };
    runtime.ensure_task(&task).await.expect("the task");

    let mut times = [const { Vec::new() }; 4];
    for n in 0..count {
        let spec = spec(&root, n, &["/true"]);
        let id = spec.id.clone();
        let begin = Instant::now();
        runtime.start(spec).await.expect("started");
        let started = Instant::now();
        assert_eq!(runtime.wait(&id).await.expect("ended").code, 0);
        let ended = Instant::now();
        runtime.remove(&id).await.expect("removed");
        let laps = [started - begin, ended - started, ended.elapsed(), begin.elapsed()];
        times.iter_mut().zip(laps).for_each(|(list, lap)| list.push(lap));
    }
    for (name, list) in ["start", "exit", "remove", "all"].iter().zip(&mut times) {
        list.sort_unstable();
        let at = |share: f64| ms(list[((list.len() - 1) as f64 * share) as usize]);
        println!("{name:6} min {:.2} p50 {:.2} p90 {:.2} p99 {:.2} ms", at(0.0), at(0.5), at(0.9), at(0.99));
    }

    let sleeper = spec(&root, count, &["/busybox", "sleep", "1000"]);
    runtime.start(sleeper.clone()).await.expect("started");
    let mut execs = Vec::new();
    for _ in 0..count {
        let (begin, spec) = (Instant::now(), ExecSpec { args: vec!["/true".to_owned()], timeout_ms: 5_000 });
        assert_eq!(runtime.exec(&sleeper.id, &spec).await.expect("executed").code, Some(0));
        execs.push(begin.elapsed());
    }
    execs.sort_unstable();
    println!("exec   p50 {:.2} p90 {:.2} ms", ms(execs[count / 2]), ms(execs[count * 9 / 10]));
    runtime.remove(&sleeper.id).await.expect("removed");

    measure_idle(&runtime, &root, idle).await;
    runtime.remove_task(TASK).await.expect("the task");
    fs::remove_dir_all(&root).expect("the files");
}

/// What containers cost whose shims rest.
async fn measure_idle(runtime: &OciRuntime, root: &Path, idle: usize) {
    let (free, kernel) = (available_kb(), kernel_kb());
    let specs: Vec<_> = (0..idle).map(|n| idle_spec(root, n)).collect();
    for spec in &specs {
        let task = TaskSpec { id: spec.task.clone(), ..TaskSpec::default() };
        runtime.ensure_task(&task).await.expect("the task");
        runtime.start(spec.clone()).await.expect("started");
    }
    tokio::time::sleep(Duration::from_millis(u64::from(SILENCE_MS) + 2_000)).await;
    let used = free.saturating_sub(available_kb());
    let kernel = kernel_kb().saturating_sub(kernel);
    for key in ["Rss", "Pss", "Private_Clean", "Private_Dirty"] {
        let sum: u64 = specs.iter().map(|spec| shim_kb(root, &spec.id, key)).sum();
        println!("shim {key:14} {} kB", sum / idle.max(1) as u64);
    }
    println!("kernel             {} kB a container", kernel / idle.max(1) as u64);
    println!("whole system       {} kB a container", used / idle.max(1) as u64);
    for spec in &specs {
        runtime.remove(&spec.id).await.expect("removed");
        runtime.remove_task(&spec.task).await.expect("removed");
    }
}

/// Of a task of its own, without limits of the task's.
fn idle_spec(root: &Path, n: usize) -> ContainerSpec {
    let task = format!("idle{n}");
    let id = RuntimeId(format!("{task}-0"));
    ContainerSpec { id, task, ..spec(root, n, &["/busybox", "sleep", "1000"]) }
}

fn spec(root: &Path, n: usize, args: &[&str]) -> ContainerSpec {
    ContainerSpec {
        id: RuntimeId(format!("{TASK}-{n}")),
        task: TASK.to_owned(),
        layers: vec![root.join("layer")],
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        network: Networking { hostname: "bench".to_owned(), ..Networking::default() },
        limits: Limits { cpu_shares: 128, memory_mib: Some(64), ..Limits::default() },
        log: LogOutput::Spool(SpoolSpec {
            dir: root.join("logs").join(n.to_string()),
            mode: SpoolMode::Blocking { max_bytes: 1 << 20 },
        }),
        ..ContainerSpec::default()
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn shim_kb(root: &Path, id: &RuntimeId, key: &str) -> u64 {
    let state = fs::read_to_string(root.join("state").join(&id.0).join("state.json")).expect("it runs");
    let pid: String =
        state.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("smaps");
    field_kb(&smaps, key)
}

/// What is the kernel's own and cannot be reclaimed.
fn kernel_kb() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").expect("meminfo");
    ["SUnreclaim", "KernelStack", "PageTables", "Percpu"].iter().map(|key| field_kb(&text, key)).sum()
}

fn available_kb() -> u64 {
    field_kb(&fs::read_to_string("/proc/meminfo").expect("meminfo"), "MemAvailable")
}

fn field_kb(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
