//! From start to removal.

use super::stage::{TASK, eventually, play, set_spool_mode, spool_dir, spooled};
use agent_driver::{
    Namespace, Runtime, RuntimeError, RuntimeId, RuntimeState, Seen, SpoolMode, StopSignal, TaskSpec,
};
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn exit_codes_and_output_are_kept() {
    play("exit", TaskSpec::default(), async |stage| {
        let script = "echo one; echo two >&2; printf unfinished; exit 7";
        let (exit, output) = stage.run(stage.place.shell("a", script)).await;
        assert_eq!((exit.code, exit.oom_killed), (7, false));
        assert!(exit.at_unix_ms > 1_600_000_000_000, "{exit:?}");
        let mut lines: Vec<_> = output.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["! two", "one", "unfinished"]);
    });
}

#[test]
fn no_line_of_a_program_that_ends_at_once_is_lost() {
    play("burst", TaskSpec::default(), async |stage| {
        let mut spec =
            stage.place.shell("a", "head -c 200000 /dev/zero | od -v -A n | head -n 9000; echo last");
        set_spool_mode(&mut spec, SpoolMode::Blocking { max_bytes: 4 << 20 });
        let output = stage.output(spec).await;
        assert_eq!((output.lines().count(), output.lines().last()), (9001, Some("last")));
    });
}

#[test]
fn a_full_blocking_spool_makes_the_container_wait_but_not_its_end() {
    play("full", TaskSpec::default(), async |stage| {
        let mut spec = stage.place.shell("a", "yes");
        set_spool_mode(&mut spec, SpoolMode::Blocking { max_bytes: 64 << 10 });
        let (id, dir) = (spec.id.clone(), spool_dir(&spec));
        stage.runtime.start(spec).await.unwrap();
        eventually("the spool is full", || spooled(&dir).0.len() >= 8 << 10);
        stage.runtime.stop(&id, StopSignal::Kill).await.unwrap();
        assert_eq!(stage.runtime.wait(&id).await.unwrap().code, 137);
    });
}

#[test]
fn signals_end_a_container() {
    play("signal", TaskSpec::default(), async |stage| {
        let place = &stage.place;
        let runtime = &stage.runtime;
        let deaf = place.shell("deaf", "echo up; while :; do sleep 1; done");
        let polite = place.shell("polite", "trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done");
        for (spec, signal, code) in [(deaf, StopSignal::Kill, 137), (polite, StopSignal::Terminate, 3)] {
            let (id, dir) = (spec.id.clone(), spool_dir(&spec));
            runtime.start(spec).await.unwrap();
            eventually("the trap is set", || spooled(&dir).0.contains("up"));
            runtime.stop(&id, signal).await.unwrap();
            assert_eq!(runtime.wait(&id).await.unwrap().code, code);
            // Once more is no error.
            runtime.stop(&id, signal).await.unwrap();
        }
        let nobody = RuntimeId("nobody-1".to_owned());
        assert!(matches!(runtime.stop(&nobody, StopSignal::Kill).await, Err(RuntimeError::NotFound(_))));
        assert!(matches!(runtime.wait(&nobody).await, Err(RuntimeError::NotFound(_))));
    });
}

#[test]
fn starting_twice_starts_once() {
    play("twice", TaskSpec::default(), async |stage| {
        let spec = stage.place.shell("a", "echo up; exec sleep 1000");
        stage.runtime.start(spec.clone()).await.unwrap();
        stage.runtime.start(spec.clone()).await.unwrap();
        let dir = spool_dir(&spec);
        eventually("it is up", || spooled(&dir).0.contains("up"));
        stage.runtime.stop(&spec.id, StopSignal::Kill).await.unwrap();
        let exit = stage.runtime.wait(&spec.id).await.unwrap();
        stage.runtime.start(spec.clone()).await.unwrap();
        assert_eq!(stage.runtime.wait(&spec.id).await.unwrap(), exit);
        assert_eq!(spooled(&dir).0, "up\n");
    });
}

#[test]
fn states_are_listed() {
    play("list", TaskSpec::default(), async |stage| {
        let place = &stage.place;
        let (exit, _) = stage.run(place.shell("1", "exit 4")).await;
        stage.runtime.start(place.spec("2", &["sleep", "1000"])).await.unwrap();
        // What a maker leaves that dies early, and what a reboot leaves of STATE on tmpfs.
        fs::create_dir(place.root.join(format!("state/{TASK}-3"))).unwrap();
        fs::create_dir(place.root.join(format!("data/{TASK}-4"))).unwrap();
        let seen =
            |n: u32, state| Seen { id: RuntimeId(format!("{TASK}-{n}")), task: TASK.to_owned(), state };
        let expected = [
            seen(1, RuntimeState::Exited(exit)),
            seen(2, RuntimeState::Running),
            seen(3, RuntimeState::Unstarted),
            seen(4, RuntimeState::Lost),
        ];
        assert_eq!(stage.runtime.list().await.unwrap(), expected);
    });
}

/// The agent was killed between making the directory and telling the shim to begin.
#[test]
fn what_was_never_begun_is_started_as_if_it_had_not_been() {
    play("unbegun", TaskSpec::default(), async |stage| {
        let place = &stage.place;
        let spec = place.shell("a", "exit 3");
        let state = place.root.join("state").join(&spec.id.0);
        fs::create_dir(&state).unwrap();
        fs::write(state.join("lock"), "").unwrap();
        stage.runtime.stop(&spec.id, StopSignal::Kill).await.unwrap();
        stage.runtime.start(spec.clone()).await.unwrap();
        assert_eq!(stage.runtime.wait(&spec.id).await.unwrap().code, 3);
    });
}

#[test]
fn what_cannot_be_executed_says_why_and_leaves_nothing() {
    play("refused", TaskSpec::default(), async |stage| {
        let place = &stage.place;
        let mut user = place.spec("u", &["true"]);
        user.user = "nobody".to_owned();
        let mut cwd = place.spec("c", &["true"]);
        cwd.cwd = "/etc/passwd/x".to_owned();
        for (spec, reason) in [
            (place.spec("a", &["nope"]), r#"exec: "nope": executable file not found in $PATH"#),
            (
                place.spec("b", &["/bin/nope"]),
                r#"exec: "/bin/nope": stat /bin/nope: no such file or directory"#,
            ),
            (place.spec("d", &["/etc/plain"]), r#"exec: "/etc/plain": permission denied"#),
            (place.spec("e", &["/etc"]), r#"exec: "/etc": is a directory"#),
            (user, "unable to find user nobody: no matching entries in passwd file"),
            (cwd, r#"chdir to cwd ("/etc/passwd/x"): Not a directory (os error 20)"#),
        ] {
            match stage.runtime.start(spec.clone()).await {
                Err(RuntimeError::Start(text)) => assert_eq!(text, reason),
                other => panic!("{reason}: {other:?}"),
            }
            assert_eq!(stage.runtime.list().await.unwrap(), []);
            // Not there, so it can be tried again.
            let again = stage.runtime.start(spec).await;
            assert!(matches!(again, Err(RuntimeError::Start(_))), "{again:?}");
        }
    });
}

#[test]
fn what_cannot_be_made_is_a_failure_to_create() {
    play("uncreatable", TaskSpec::default(), async |stage| {
        let place = &stage.place;
        let mut missing = place.spec("a", &["true"]);
        missing.layers = vec![place.root.join("nowhere")];
        let mut climbing = place.spec("d", &["true"]);
        climbing.id = RuntimeId("../d".to_owned());
        let mut unplugged = place.spec("e", &["true"]);
        unplugged.network.namespace = Namespace::Path("/nowhere".into());
        for (spec, part) in [
            (missing, "nowhere: No such file"),
            (climbing, "cannot be an id"),
            (unplugged, "/nowhere: No such file"),
        ] {
            match stage.runtime.start(spec).await {
                Err(RuntimeError::Create(text)) => assert!(text.contains(part), "{part}: {text}"),
                other => panic!("{part}: {other:?}"),
            }
            assert_eq!(stage.runtime.list().await.unwrap(), []);
        }
    });
}

#[test]
fn links_of_an_image_lead_nowhere_out_of_it() {
    play("links", TaskSpec::default(), async |stage| {
        let place = &stage.place;
        let (evil, victim) = (place.root.join("evil"), place.root.join("victim"));
        fs::create_dir_all(evil.join("etc")).unwrap();
        fs::create_dir(&victim).unwrap();
        symlink(victim.join("passwd"), evil.join("etc/passwd")).unwrap();
        symlink(victim.join("hosts"), evil.join("etc/hosts")).unwrap();
        symlink("../../../../../../../../etc", evil.join("escape")).unwrap();
        let mut spec = place.shell("a", "ls /escape; cat /etc/hosts; id -u");
        spec.layers.insert(0, evil.clone());
        spec.cwd = victim.join("cwd").to_str().unwrap().to_owned();
        let output = stage.output(spec).await;
        assert!(
            output.starts_with("group\nhostname\nhosts\npasswd\nplain\nresolv.conf\n127.0.0.1\tlocalhost"),
            "{output}"
        );
        assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);

        let through_descriptors = |n: u32| {
            let mut spec = place.shell(&format!("fd{n}"), "ls /proc/self/fd/");
            spec.cwd = format!("/proc/self/fd/{n}");
            spec
        };
        for n in 3..12 {
            let started = stage.runtime.start(through_descriptors(n)).await;
            assert!(matches!(started, Err(RuntimeError::Start(_))), "{n}: {started:?}");
        }

        let proc_is_a_link = place.root.join("link");
        fs::create_dir(&proc_is_a_link).unwrap();
        symlink("/etc", proc_is_a_link.join("proc")).unwrap();
        let mut spec = place.spec("b", &["true"]);
        spec.layers.insert(0, proc_is_a_link);
        match stage.runtime.start(spec).await {
            Err(RuntimeError::Create(text)) => assert_eq!(text, "mount /proc: not a directory"),
            other => panic!("{other:?}"),
        }
    });
}
