//! What the containers of a task share.

use super::stage::{TASK, eventually, play};
use agent_driver::{Namespace, Sharing, TaskSpec};
use std::net::IpAddr;

fn task() -> TaskSpec {
    TaskSpec {
        id: TASK.to_owned(),
        shares_pid: true,
        shares_ipc: true,
        has_network: true,
        hostname: "ip-10-0-0-7".to_owned(),
        ..TaskSpec::default()
    }
}

#[test]
fn a_sandbox_holds_network_processes_and_ipc() {
    play("sandbox", async |stage| {
        let sandbox = stage.runtime.ensure_task(&task()).await.unwrap();
        let netns = sandbox.netns.clone().unwrap();
        assert!(netns.exists(), "{netns:?}");
        let stage = stage.restart_agent().await;
        assert_eq!(stage.runtime.ensure_task(&task()).await.unwrap(), sandbox);
        assert!(stage.runtime.makes_network_namespaces());

        let inside = |name: &str, script: &str| {
            let mut spec = stage.shell(name, script);
            spec.network.namespace = Namespace::Sandbox;
            spec.network.hosts = vec![(IpAddr::from([10, 0, 0, 7]), "ip-10-0-0-7".to_owned())];
            spec.network.dns_servers = vec![IpAddr::from([10, 0, 0, 2])];
            (spec.pid, spec.ipc) = (Sharing::Task, Sharing::Task);
            spec
        };
        let mut server = inside(
            "0",
            "touch /dev/shm/shared; (sleep 0.1; exec sleep 0.1) & echo up; exec nc -l -p 80 -e echo hi",
        );
        server.args[0] = "/bin/sh".to_owned();
        stage.runtime.start(server).await.unwrap();
        eventually("it is up", || stage.spooled("0") == "up\n");
        let script = "cat /proc/1/comm; ls /dev/shm; hostname; grep -c 10.0.0.7.ip-10 /etc/hosts; cat /etc/resolv.conf | grep nameserver; \
            until nc 127.0.0.1 80; do sleep 0.05; done";
        let output = stage.output(inside("1", script)).await;
        assert_eq!(output, "pause\nshared\nip-10-0-0-7\n1\nnameserver 10.0.0.2\nhi\n");
        // Process 1 reaps what it inherits.
        let script = "sh -c 'sleep 0.1 & exit'; sleep 0.5; ps -o stat,args | grep -c ^Z";
        let (_, output) = stage.run(inside("2", script)).await;
        assert_eq!(output, "0\n");
        // It is hidden.
        assert_eq!(stage.runtime.list().await.unwrap().len(), 3);
        for seen in stage.runtime.list().await.unwrap() {
            stage.runtime.remove(&seen.id).await.unwrap();
        }
        for _ in 0..2 {
            stage.runtime.remove_task(TASK).await.unwrap();
        }
        assert!(!netns.exists());
        stage
    });
}
