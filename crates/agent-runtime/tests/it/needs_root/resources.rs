//! Limits, as the kernel has them.

use super::stage::{TASK, play};
use agent_driver::{Runtime, StopSignal, TaskSpec};
use std::fs;
use std::process::Command;

#[test]
fn limits_are_in_the_cgroup_files() {
    let limits = TaskSpec { cpu_units: Some(512), memory_mib: Some(256), ..TaskSpec::default() };
    play("cgroup", limits, async |stage| {
        let mut spec = stage.place.shell("a", "cat /proc/self/cgroup; echo up; exec sleep 1000");
        spec.limits.cpu_shares = 512;
        spec.limits.memory_mib = Some(64);
        spec.limits.memory_mib_reserved = Some(32);
        let id = spec.id.clone();
        stage.runtime.start(spec).await.unwrap();
        let value = |file: &str| {
            let found =
                stage.place.groups().iter().find_map(|g| fs::read_to_string(g.join(TASK).join(file)).ok());
            found.map(|text| text.trim().to_owned())
        };
        let own = |file: &str| value(&format!("{id}/{file}"));
        if value("cpu.cfs_quota_us").is_some() {
            assert_eq!(value("cpu.cfs_quota_us").unwrap(), "50000");
            assert_eq!(value("memory.limit_in_bytes").unwrap(), (256 << 20).to_string());
            assert_eq!(own("cpu.shares").unwrap(), "512");
            assert_eq!(own("memory.limit_in_bytes").unwrap(), (64 << 20).to_string());
            assert_eq!(own("memory.soft_limit_in_bytes").unwrap(), (32 << 20).to_string());
            assert!(own("devices.list").unwrap().contains("c 1:3 rwm"));
        } else {
            assert_eq!(value("cpu.max").unwrap(), "50000 100000");
            assert_eq!(value("memory.max").unwrap(), (256 << 20).to_string());
            assert_eq!(own("cpu.weight").unwrap(), "20");
            assert_eq!(own("memory.max").unwrap(), (64 << 20).to_string());
            assert_eq!(own("memory.low").unwrap(), (32 << 20).to_string());
        }
        stage.runtime.stop(&id, StopSignal::Kill).await.unwrap();
        stage.runtime.wait(&id).await.unwrap();
    });
}

#[test]
fn the_task_shows_in_its_processes_cgroups() {
    let limited = TaskSpec { memory_mib: Some(128), ..TaskSpec::default() };
    for (name, task, below) in [("path", TaskSpec::default(), ""), ("path-limited", limited, "/TASK")] {
        play(name, task, async |stage| {
            let output =
                stage.output(stage.place.shell("a", "cat /proc/self/cgroup; ls /sys/fs/cgroup")).await;
            let path = format!(":/{}{}/{TASK}-a", stage.place.parent, below.replace("TASK", TASK));
            let groups = output.lines().filter(|line| line.ends_with(&path)).count();
            assert!(groups >= stage.place.groups().len(), "{output}");
            assert!(output.contains("memory\n") || output.contains("memory.max\n"), "{output}");
        });
    }
}

#[test]
fn running_out_of_memory_is_told_apart() {
    play("oom", TaskSpec::default(), async |stage| {
        let mut spec = stage.place.shell("a", "head -c 100m /dev/zero | tail -c 90m | wc -c; echo $?");
        spec.limits.memory_mib = Some(16);
        let (exit, _) = stage.run(spec).await;
        assert!(exit.oom_killed, "{exit:?}");

        // Within the task's limit, not the container's.
        let spec = stage.place.shell("b", "true");
        let (exit, _) = stage.run(spec).await;
        assert!(!exit.oom_killed, "{exit:?}");
    });
}

/// Where there is version 1, version 2 is tried alone: in a mount namespace without the others. Where there is none,
/// every test here has been tried so.
#[test]
fn version_2_alone_carries_containers() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    if !mounts.lines().any(|line| line.split(' ').nth(2) == Some("cgroup")) {
        return;
    }
    let alone = "mount --make-rprivate / && awk '$3 == \"cgroup\" { print $2 }' /proc/self/mounts | xargs umount && \
        { grep -q ' cgroup2 ' /proc/self/mounts || mount -t cgroup2 cgroup2 /sys/fs/cgroup; } && \
        exec \"$0\" --exact \"$@\"";
    let tests = [
        "needs_root::lifecycle::signals_end_a_container",
        "needs_root::isolation::capabilities_system_calls_and_devices_are_limited",
        "needs_root::adoption::a_container_does_not_outlive_its_shim",
        "needs_root::adoption::a_running_container_is_removed_with_all_its_processes",
        "needs_root::adoption::a_teardown_ends_tasks_that_never_had_a_container",
        "needs_root::adoption::the_shim_of_a_silent_container_rests_and_misses_nothing",
        "needs_root::options::devices",
        "needs_root::process::programs_beside_the_containers",
        "needs_root::process::processes_and_ipc_of_a_task",
        "needs_root::process::processes_and_ipc_of_the_host",
        "needs_root::process::restarts_go_on_where_the_container_was",
    ];
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", alone])
        .arg(std::env::current_exe().unwrap())
        .args(tests)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(&format!("{} passed", tests.len())), "{said}{output:?}");
}
