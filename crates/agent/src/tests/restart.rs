//! Agents that are killed: what runs is adopted, what ended is not missed (INV-AGENT-2), nothing is started twice
//! (INV-RUN-1).

use super::{World, arn, task};
use crate::fake::{Behaviour, FakeIds, Pull};
use crate::ledger::Ledger;
use core_task::report::ReportedStatus::{Running, Stopped};
use model::time::IdSource;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn an_exit_while_no_agent_runs_is_not_missed() {
    let world = World::new();
    let agent = world.start();
    world.control.run(task("t1", "hello"));
    world.control.run(task("t2", "hello"));
    for id in ["t1", "t2"] {
        world.until("it runs", |w| w.control.status(&arn(id)) == Some(Running)).await;
    }
    agent.abort();
    assert!(agent.await.unwrap_err().is_cancelled());
    world.host.exit("t1-0", 42, false);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.control.status(&arn("t1")), Some(Running));

    let _agent = world.start();
    world.until("its end is known", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    assert_eq!(world.story(&arn("t1")).last().unwrap(), "STOPPED app=STOPPED(42)");
    let registration = world.control.registrations().pop().unwrap();
    assert!(registration.instance_arn.is_some(), "it registers as the instance that it was");
    world.control.stop(&arn("t2"));
    world.until("the other stops", |w| w.control.status(&arn("t2")) == Some(Stopped)).await;
    assert!(world.host.made().values().all(|&n| n == 1));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_deregistered_comes_back_as_a_new_instance() {
    let world = World::new();
    let agent = world.start();
    world.until("it connects", |w| w.control.is_connected()).await;
    agent.abort();
    world.control.deregister();
    let _agent = world.start();
    world.until("it registers anew", |w| w.control.registrations().len() == 3).await;
    let named: Vec<_> = world.control.registrations().iter().map(|r| r.instance_arn.is_some()).collect();
    assert_eq!(named, [false, true, false]);
}

/// What runs then are orphans. They run on until the host is registered anew; what has not begun never does.
#[tokio::test(start_paused = true)]
async fn an_agent_whose_instance_is_deregistered_rests_and_leaves_what_runs() {
    let world = World::new();
    world.host.behave("slow", Behaviour { pull: Pull::Hangs, ..Behaviour::default() });
    let agent = world.start();
    world.control.run(task("t1", "hello"));
    world.control.run(task("t2", "slow"));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    world.until("the other is accepted", |w| w.control.is_acknowledged(&arn("t2"))).await;
    world.control.deregister();
    world.until("what has not begun is given up", |w| w.control.status(&arn("t2")) == Some(Stopped)).await;
    world.host.behave("slow", Behaviour::default());
    tokio::time::sleep(Duration::from_secs(3599)).await;
    assert_eq!(world.control.refusals(), 1, "it asks again after an hour");
    world.control.forget_instance();
    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    assert_eq!(world.control.refusals(), 3, "each hour, and it is no new instance by itself");
    assert_eq!(world.control.registrations().len(), 1);
    assert_eq!(world.host.made().into_keys().collect::<Vec<_>>(), ["t1-0"]);
    assert_eq!(world.host.networks(), ["t1"], "it runs on");

    agent.abort();
    // Nobody sends credentials for what is left to ship.
    world.host.stick_logs();
    let _agent = world.start();
    world.until("it is a new instance", |w| w.control.is_connected()).await;
    assert!(world.host.networks().is_empty(), "which has nothing of the orphan");
    world.until("its end is told", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    world.until_host("the host is empty", |host| host.is_empty()).await;
}

/// The control plane would count another instance, were it not the same token.
#[tokio::test(start_paused = true)]
async fn a_registration_whose_answer_was_lost_is_sent_again_with_its_token() {
    let world = World::new();
    world.control.lose_registration();
    let agent = world.start();
    world.until("it connects", |w| w.control.is_connected()).await;
    agent.abort();
    let _agent = world.start();
    world.until("it registers", |w| w.control.registrations().len() == 3).await;
    let tokens: Vec<_> = world.control.registrations().into_iter().map(|r| r.client_token).collect();
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[1], tokens[2], "the next start is another registration");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_is_removed_from_the_host() {
    let world = World::new();
    let agent = world.start();
    world.control.run(task("t1", "hello"));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    agent.abort();
    world.ledger.forget_task("t1").await.unwrap();
    let _agent = world.start();
    world.until_host("the host is empty", |host| host.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_only_an_earlier_agent_could_read_is_ended() {
    let world = World::new();
    let agent = world.start();
    for id in ["t1", "t2"] {
        world.control.run(task(id, "hello"));
        world.until("it runs", |w| w.control.status(&arn(id)) == Some(Running)).await;
    }
    agent.abort();
    assert!(agent.await.unwrap_err().is_cancelled());
    let mut record = world.ledger.tasks().await.unwrap().remove(0);
    record.task.network_mode = "ipvlan".to_owned();
    world.ledger.save_task("t1", &record).await.unwrap();

    let agent = world.start();
    world.until("its end is known", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    let reason = "UnrecogniedTaskError: Error loading task - network mode ipvlan is not supported";
    assert_eq!(world.story(&arn("t1")).last().unwrap(), &format!("STOPPED {reason}"));
    assert_eq!(world.host.networks(), ["t2"]);
    // Neither this agent nor the next begins it again, and the other task goes on.
    agent.abort();
    assert!(agent.await.unwrap_err().is_cancelled());
    let _agent = world.start();
    world.control.stop(&arn("t2"));
    world.until("the other stops", |w| w.control.status(&arn("t2")) == Some(Stopped)).await;
    world.until_host("the host is empty", |host| host.is_empty()).await;
    assert!(world.host.made().values().all(|&n| n == 1));
}

#[tokio::test(start_paused = true)]
async fn a_lost_container_is_reported_without_an_exit_code() {
    let world = World::new();
    let agent = world.start();
    world.control.run(task("t1", "hello"));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    agent.abort();
    world.host.lose("t1-0");
    let _agent = world.start();
    world.until("its end is known", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    let last = world.story(&arn("t1")).pop().unwrap();
    assert!(last.starts_with("STOPPED app=STOPPED[ContainerVanishedError: "), "{last}");
}

#[tokio::test(start_paused = true)]
async fn what_ran_before_a_reboot_is_not_started_again_and_what_did_not_is() {
    let mut world = World::new();
    world.host.behave("slow", Behaviour { pull: Pull::Hangs, ..Behaviour::default() });
    let agent = world.start();
    world.control.run(task("t1", "hello"));
    world.control.run(task("t2", "slow"));
    world.until("it runs", |w| w.control.status(&arn("t1")) == Some(Running)).await;
    world.until("the other is accepted", |w| w.control.is_acknowledged(&arn("t2"))).await;
    agent.abort();
    world.host.reboot();
    world.ledger = Arc::new(world.ledger.rebooted("2"));
    world.host.behave("slow", Behaviour::default());
    let _agent = world.start();
    world.until("its end is known", |w| w.control.status(&arn("t1")) == Some(Stopped)).await;
    world.until("the other runs", |w| w.control.status(&arn("t2")) == Some(Running)).await;
    assert!(world.host.made().values().all(|&n| n == 1));
}

/// Agents live for some milliseconds each while tasks come, run and are stopped.
#[tokio::test(start_paused = true)]
async fn agents_killed_at_random_moments_run_every_task_once() {
    for seed in 0..200 {
        let world = World::new();
        let random = FakeIds::new(seed);
        let below = |n: u64| random.next_u128() as u64 % n;
        for image in 0..3u64 {
            let run_for = (image > 0).then(|| Duration::from_millis(below(60)));
            let behaviour = Behaviour { run_for, exit_code: image as i32, ..Behaviour::default() };
            world.host.behave(&format!("image{image}"), behaviour);
        }
        let ids: Vec<String> = (0..4).map(|n| format!("t{n}")).collect();
        for (n, id) in ids.iter().enumerate() {
            world.control.run(task(id, &format!("image{}", n % 3)));
        }
        for _ in 0..20 {
            let agent = world.start();
            tokio::time::sleep(Duration::from_millis(below(12))).await;
            if below(4) == 0 {
                world.control.stop(&arn(&ids[below(4) as usize]));
            }
            agent.abort();
            assert!(agent.await.is_err());
        }
        let _agent = world.start();
        for id in &ids {
            if world.control.status(&arn(id)) != Some(Stopped) {
                world.control.stop(&arn(id));
            }
            world.until("it stops", |w| w.control.status(&arn(id)) == Some(Stopped)).await;
        }
        world.until_host("the host is empty", |host| host.is_empty()).await;
        assert!(world.host.made().values().all(|&n| n == 1), "seed {seed}: {:?}", world.host.made());
    }
}
