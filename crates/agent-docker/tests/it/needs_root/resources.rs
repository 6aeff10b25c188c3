//! Limits of tasks and containers, and what is used of them.

use super::stage::{Stage, TASK, eventually, play};
use agent_driver::{StopSignal, TaskSpec};
use std::fs;
use std::path::Path;

/// A file of the task's group, whichever version has it.
fn value(stage: &Stage, controller: &str, file: &str) -> Option<String> {
    let dirs = [Path::new("/sys/fs/cgroup").join(controller), "/sys/fs/cgroup".into()];
    let path = |dir: &Path| dir.join(stage.engine.cgroup_parent()).join(TASK).join(file);
    let found = dirs.iter().find_map(|dir| fs::read_to_string(path(dir)).ok());
    found.map(|text| text.trim().to_owned())
}

#[test]
fn a_task_has_limits_and_its_containers_are_below_them() {
    play("limits", async |stage| {
        let task = TaskSpec {
            id: TASK.to_owned(),
            cpu_units: Some(512),
            memory_mib: Some(256),
            ..TaskSpec::default()
        };
        for _ in 0..2 {
            stage.runtime.ensure_task(&task).await.unwrap();
        }
        if let Some(quota) = value(&stage, "cpu", "cpu.cfs_quota_us") {
            assert_eq!(quota, "50000");
            assert_eq!(value(&stage, "memory", "memory.limit_in_bytes").unwrap(), (256 << 20).to_string());
        } else {
            assert_eq!(value(&stage, "", "cpu.max").unwrap(), "50000 100000");
            assert_eq!(value(&stage, "", "memory.max").unwrap(), (256 << 20).to_string());
        }
        let spec = stage.spec("0", &["sleep", "1000"]);
        stage.runtime.start(spec.clone()).await.unwrap();
        let pid = stage.engine.inspect(&format!("wharf-{}", spec.id), "{{.State.Pid}}");
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        assert!(groups.contains(&format!("/{}/{TASK}/", stage.engine.cgroup_parent())), "{groups}");
        stage
    });
}

#[test]
fn running_out_of_memory_is_told_apart() {
    play("oom", async |stage| {
        let mut spec = stage.shell("0", "head -c 100m /dev/zero | tail -c 90m | wc -c");
        spec.limits.memory_mib = Some(16);
        let (exit, _) = stage.run(spec).await;
        assert!(exit.oom_killed, "{exit:?}");
        let (exit, _) = stage.run(stage.shell("1", "true")).await;
        assert!(!exit.oom_killed, "{exit:?}");
        stage
    });
}

#[test]
fn what_is_used_is_counted() {
    play("stats", async |stage| {
        let mut spec = stage.shell("0", "head -c 20m /dev/zero > /dev/shm/x; echo up; exec yes > /dev/null");
        spec.limits.memory_mib = Some(64);
        spec.network.namespace = agent_driver::Namespace::RuntimeBridge { ports: vec![], links: vec![] };
        let id = spec.id.clone();
        stage.runtime.start(spec).await.unwrap();
        eventually("it is up", || stage.spooled("0") == "up\n");
        let first = stage.runtime.stats(&id).await.unwrap();
        assert_eq!((first.memory_limit_bytes, first.pids), (64 << 20, 1));
        assert!(first.memory_bytes > 20 << 20 && first.memory_bytes < 64 << 20, "{first:?}");
        assert_eq!(first.networks.keys().collect::<Vec<_>>(), ["eth0"]);
        assert!(first.at_unix_ms > 1_600_000_000_000);
        let mut last = first.clone();
        while last.cpu_total_ns <= first.cpu_total_ns {
            last = stage.runtime.stats(&id).await.unwrap();
        }
        stage.runtime.stop(&id, StopSignal::Kill).await.unwrap();
        stage.runtime.wait(&id).await.unwrap();
        assert!(stage.runtime.stats(&id).await.is_err());
        stage
    });
}
