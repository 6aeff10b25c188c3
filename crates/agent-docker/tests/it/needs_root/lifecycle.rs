//! From start to removal.

use super::stage::{TASK, eventually, play};
use agent_driver::{ExecSpec, LogOutput, PullPolicy, RuntimeError, RuntimeId, RuntimeState, StopSignal};

#[test]
fn a_container_lives_once() {
    play("once", async |stage| {
        let (exit, output) =
            stage.run(stage.shell("0", "echo one; echo two >&2; printf unfinished; exit 7")).await;
        assert_eq!((exit.code, exit.oom_killed), (7, false));
        assert!(exit.at_unix_ms > 1_600_000_000_000, "{exit:?}");
        let mut lines: Vec<_> = output.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["! two", "one", "unfinished"]);

        // Started again, it is left as it is.
        stage.runtime.start(stage.shell("0", "exit 1")).await.unwrap();
        let id = RuntimeId(format!("{TASK}-0"));
        assert_eq!(stage.runtime.wait(&id).await.unwrap(), exit);
        let seen = stage.runtime.list().await.unwrap();
        assert_eq!((seen.len(), seen[0].task.as_str(), seen[0].state), (1, TASK, RuntimeState::Exited(exit)));

        stage.runtime.remove(&id).await.unwrap();
        stage.runtime.remove(&id).await.unwrap();
        assert!(!stage.engine.root.join("spools/0").exists());
        assert!(matches!(stage.runtime.wait(&id).await, Err(RuntimeError::NotFound(_))));
        assert!(matches!(stage.runtime.stop(&id, StopSignal::Kill).await, Err(RuntimeError::NotFound(_))));
        stage
    });
}

#[test]
fn signals_end_a_container() {
    play("signals", async |stage| {
        let deaf = stage.shell("0", "echo up; while :; do sleep 1; done");
        let polite = stage.shell("1", "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done");
        let mut other = stage.shell("2", "trap 'exit 4' USR1; echo up; while :; do sleep 0.01; done");
        other.stop_signal = "SIGUSR1".to_owned();
        let rows = [
            (deaf, StopSignal::Kill, 137),
            (polite, StopSignal::Terminate, 3),
            (other, StopSignal::Terminate, 4),
        ];
        for (spec, signal, code) in rows {
            let id = spec.id.clone();
            stage.runtime.start(spec).await.unwrap();
            let name = id.0.rsplit('-').next().unwrap().to_owned();
            eventually("the trap is set", || stage.spooled(&name).contains("up"));
            stage.runtime.stop(&id, signal).await.unwrap();
            assert_eq!(stage.runtime.wait(&id).await.unwrap().code, code);
            stage.runtime.stop(&id, signal).await.unwrap();
        }
        stage
    });
}

#[test]
fn what_cannot_be_started_says_why_in_dockers_words_and_leaves_nothing() {
    play("refused", async |stage| {
        let mut user = stage.spec("1", &["true"]);
        user.user = "nobody".to_owned();
        let mut image = stage.spec("2", &["true"]);
        image.image.0 = format!("sha256:{}", "0".repeat(64));
        let mut swap = stage.spec("3", &["true"]);
        swap.limits.memory_mib = Some(1);
        let rows = [
            (stage.spec("0", &["nope"]), true, r#"exec: "nope": executable file not found in $PATH"#),
            (user, true, "unable to find user nobody: no matching entries in passwd file"),
            (image, false, "No such image"),
            (swap, false, "Minimum memory limit allowed is"),
        ];
        for (spec, is_start, part) in rows {
            for _ in 0..2 {
                let error = stage.runtime.start(spec.clone()).await.unwrap_err();
                assert_eq!(matches!(error, RuntimeError::Start(_)), is_start, "{error:?}");
                assert!(error.to_string().contains(part), "{error}");
                assert_eq!(stage.runtime.list().await.unwrap(), []);
            }
        }
        stage
    });
}

#[test]
fn what_was_made_and_not_started_is_started() {
    play("unstarted", async |stage| {
        let spec = stage.shell("0", "exit 3");
        stage.runtime.start(spec.clone()).await.unwrap();
        stage.runtime.wait(&spec.id).await.unwrap();
        let name = format!("wharf-{}", spec.id);
        let label = |name: &str, label: &str| {
            format!(
                "{label}={}",
                stage.engine.inspect(name, &format!("{{{{index .Config.Labels {label:?}}}}}"))
            )
        };
        let labels = ["wharf.instance", "wharf.task", "wharf.container"].map(|l| label(&name, l));
        stage.runtime.remove(&spec.id).await.unwrap();
        let create = ["create", "--name", &name];
        let labels = labels.iter().flat_map(|l| ["--label", l]).collect::<Vec<_>>();
        stage.engine.docker(&[&create, &*labels, &["busybox:test", "true"]].concat());
        assert_eq!(stage.runtime.list().await.unwrap()[0].state, RuntimeState::Unstarted);
        stage.runtime.start(spec.clone()).await.unwrap();
        assert_eq!(stage.runtime.wait(&spec.id).await.unwrap().code, 3);
        stage
    });
}

#[test]
fn a_restart_is_carried_out_once() {
    play("restart", async |stage| {
        let spec = stage.shell("0", "echo run; echo x >> /count; exit $(wc -l < /count)");
        let id = spec.id.clone();
        assert_eq!(stage.run(spec).await.0.code, 1);
        stage.runtime.restart(&id, 1).await.unwrap();
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 2);
        let stage = stage.restart_agent().await;
        stage.runtime.restart(&id, 1).await.unwrap();
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 2);
        stage.runtime.restart(&id, 2).await.unwrap();
        stage.runtime.restart(&id, 2).await.unwrap();
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 3);
        assert_eq!(stage.spooled("0"), "run\nrun\nrun\n");
        let nobody = RuntimeId("nobody-1".to_owned());
        assert!(matches!(stage.runtime.restart(&nobody, 1).await, Err(RuntimeError::NotFound(_))));
        stage
    });
}

#[test]
fn a_program_in_a_container_is_bounded_and_leaves_nothing() {
    play("exec", async |stage| {
        let mut spec = stage.spec("0", &["sleep", "1000"]);
        spec.env.push("COLOUR=red".to_owned());
        spec.log = LogOutput::Discard;
        let id = spec.id.clone();
        stage.runtime.start(spec).await.unwrap();
        let exec = async |script: &str, timeout_ms| {
            let args = ["sh", "-c", script].map(str::to_owned).to_vec();
            stage.runtime.exec(&id, &ExecSpec { args, timeout_ms }).await.unwrap()
        };
        let end = exec("echo $COLOUR; echo err >&2; exit 3", 10_000).await;
        assert_eq!(end.code, Some(3));
        assert!(end.output.contains("red\n") && end.output.contains("err\n"), "{end:?}");
        assert_eq!(exec("kill -9 $$", 10_000).await.code, Some(137));
        let end = exec("yes | head -n 100000", 10_000).await;
        assert_eq!((end.code, end.output.len()), (Some(0), 4096));

        let sleepers = async || exec("ps -o args | grep -c '[s]leep 77'; true", 10_000).await.output;
        let end = exec("echo begun; setsid sleep 777 & sleep 778", 1_000).await;
        assert_eq!((end.code, end.output.as_str()), (None, "begun\n"));
        assert_eq!(sleepers().await, "0\n");
        // A child that outlives its parent, with its output and without.
        for script in ["sleep 779 & exit 5", "sleep 779 >/dev/null 2>&1 & exit 5"] {
            assert_eq!(exec(script, 10_000).await.code, Some(5), "{script}");
            assert_eq!(sleepers().await, "0\n", "{script}");
        }
        let args = vec!["nope".to_owned()];
        let end = stage.runtime.exec(&id, &ExecSpec { args, timeout_ms: 10_000 }).await.unwrap();
        assert!(end.code != Some(0) && end.output.contains("executable file not found"), "{end:?}");

        stage.runtime.stop(&id, StopSignal::Kill).await.unwrap();
        stage.runtime.wait(&id).await.unwrap();
        let args = vec!["true".to_owned()];
        let ended = stage.runtime.exec(&id, &ExecSpec { args, timeout_ms: 1_000 }).await;
        assert!(matches!(ended, Err(RuntimeError::NotFound(_))), "{ended:?}");
        stage
    });
}

#[test]
fn an_engine_that_was_killed_says_how_containers_ended() {
    play("killed", async |mut stage| {
        let runs = stage.spec("0", &["sleep", "1000"]);
        let (exit, _) = stage.run(stage.shell("1", "exit 4")).await;
        stage.runtime.start(runs.clone()).await.unwrap();
        let (runtime, id) = (stage.runtime.clone(), runs.id.clone());
        let waiting = tokio::spawn(async move { runtime.wait(&id).await });
        stage.engine.kill();
        stage.engine.revive();
        // Docker ends what it finds, unless it was told to let it live.
        let found = waiting.await.unwrap().unwrap();
        assert_ne!(found.code, 0, "{found:?}");
        assert_eq!(stage.runtime.wait(&RuntimeId(format!("{TASK}-1"))).await.unwrap(), exit);
        stage
    });
}

#[test]
fn images_that_are_here_are_used() {
    play("images", async |stage| {
        assert!(stage.image.id.0.starts_with("sha256:"), "{:?}", stage.image);
        assert_eq!((stage.image.config.cmd.join(" "), stage.image.digest.clone()), ("sh".to_owned(), None));
        assert_eq!(stage.image.config.env, ["PATH=/bin"]);
        for policy in [PullPolicy::Default, PullPolicy::PreferCached] {
            assert_eq!(stage.images.ensure("busybox:test", policy).await.unwrap(), stage.image);
            let error = stage.images.ensure("127.0.0.1:1/nobody/nothing:1", policy).await.unwrap_err();
            assert!(error.to_string().contains("connection refused"), "{error}");
        }
        let error = stage.images.ensure("a b", PullPolicy::Default).await.unwrap_err();
        assert_eq!(error.to_string(), "invalid reference format");
        stage
    });
}
