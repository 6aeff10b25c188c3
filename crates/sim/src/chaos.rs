//! Faults, at random times, each with an end. Why frames of one link are never reordered: `link.rs`.

use crate::dice::Dice;
use crate::faults::Fault;
use crate::net::Weather;
use crate::world::World;
use agent::fake::{Behaviour, Pull};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What containers of `image` do on a host on which nothing is wrong.
fn behaviour(image: &str) -> Behaviour {
    let usual = Behaviour { pull: Pull::After(Duration::from_millis(200)), ..Behaviour::default() };
    match image {
        "huge" => Behaviour { pull: Pull::After(Duration::from_secs(90)), ..usual },
        "stubborn" => Behaviour { ignores_terminate: true, ..usual },
        "short" => Behaviour { run_for: Some(Duration::from_secs(20)), ..usual },
        "long" => Behaviour { run_for: Some(Duration::from_secs(240)), ..usual },
        "failing" => Behaviour { run_for: Some(Duration::from_secs(3)), exit_code: 1, ..usual },
        "broken" => Behaviour { start_error: Some("no such file".to_owned()), ..usual },
        "missing" => Behaviour { pull: Pull::Fails("no such image".to_owned()), ..usual },
        _ => usual,
    }
}

/// Tells the hosts what their images do.
pub fn prepare(world: &World) {
    for node in world.nodes() {
        for image in crate::client::IMAGES {
            node.host.behave(image, behaviour(image));
        }
    }
}

/// Injects faults for ever.
pub async fn run(world: Arc<World>) {
    let Some(interval) = world.knobs.fault_interval else { return };
    let dice = Arc::new(Dice::new(world.seed, "chaos"));
    loop {
        sleep(dice.wait(interval)).await;
        let node = dice.pick(0..world.knobs.nodes as u64) as usize;
        world.tally.faults.fetch_add(1, Ordering::Relaxed);
        let fault = world.knobs.faults.draw(&dice);
        world.timeline.fault(fault.as_str());
        inject(&world, &dice, fault, node);
    }
}

fn inject(world: &Arc<World>, dice: &Arc<Dice>, fault: Fault, node: usize) {
    let host = &world.nodes()[node];
    match fault {
        Fault::AgentCrash => {
            let steps = dice.pick(1..60);
            world.trace.note(format_args!("fault: agent {node} dies in {steps} steps"));
            host.life().doom(steps);
            if dice.one_in(2) {
                host.doom_next(dice.pick(1..40));
            }
        }
        Fault::HostCrash => {
            world.trace.note(format_args!("fault: host {node} loses its power"));
            host.reboot();
        }
        Fault::ControlCrash => {
            let steps = dice.pick(1..200);
            world.trace.note(format_args!("fault: the control plane dies in {steps} steps"));
            if let Some(plane) = world.plane() {
                plane.life.doom(steps);
            }
        }
        Fault::SyncCrash => sync_crash(world, dice),
        Fault::DriverCrash => {
            let calls = dice.pick(1..20);
            world.trace.note(format_args!("fault: agent {node} dies over its {calls}th call to a driver"));
            host.strain.doom(calls);
        }
        Fault::BadHost => bad_host(world, dice, node),
        Fault::BrokenLink | Fault::LingeringLink | Fault::LostAnswer => spoil_links(world, dice, fault, node),
        Fault::SlowPull => slow_pulls(world, dice, node),
        Fault::Exit => {
            let running = host.host.running();
            if let Some((container, _)) = dice.choose(&running) {
                world.trace.note(format_args!("fault: container {container} ends"));
                host.host.exit(container, dice.pick(0..3) as i32, dice.one_in(4));
            }
        }
        Fault::ClockJump => clock_jump(world, dice, node),
        Fault::Disk => spoil_disk(world, dice, node),
        Fault::Partition | Fault::SlowPath | Fault::LossyPath => {
            // The client's path too.
            let path = dice.pick(0..world.knobs.nodes as u64 + 1) as usize;
            spoil_path(world, dice, fault, path);
        }
        Fault::StalledFrames | Fault::RepeatedMessages | Fault::DoubledCalls => {
            spoil_path(world, dice, fault, node);
        }
    }
}

fn sync_crash(world: &World, dice: &Dice) {
    let syncs = dice.pick(1..30);
    world.trace.note(format_args!("fault: the control plane dies over its {syncs}th sync"));
    world.disk.doom(syncs);
}

fn spoil_links(world: &World, dice: &Dice, fault: Fault, node: usize) {
    match fault {
        Fault::LingeringLink => {
            let lasts = dice.millis(50..2_500);
            world.trace.note(format_args!("fault: links over {node} linger for {} ms", lasts.as_millis()));
            world.links.linger(node, Instant::now() + lasts);
        }
        Fault::LostAnswer => {
            let frames = dice.pick(1..8);
            world.trace.note(format_args!("fault: a link over {node} breaks after {frames} frames"));
            world.links.trap(node, frames);
        }
        _ => {
            world.trace.note(format_args!("fault: links over {node} break"));
            world.links.break_all(node);
        }
    }
}

fn spoil_path(world: &Arc<World>, dice: &Dice, fault: Fault, path: usize) {
    let well = Weather::default();
    let weather = match fault {
        Fault::Partition => match dice.pick(0..3) {
            0 => Weather { cut_up: true, ..well },
            1 => Weather { cut_down: true, ..well },
            _ => Weather { cut_up: true, cut_down: true, ..well },
        },
        Fault::SlowPath => Weather { delay_max_ms: dice.pick(2..4_000), ..well },
        Fault::StalledFrames => Weather { stalls_one_in: dice.pick(1..20), ..well },
        Fault::RepeatedMessages => Weather { repeats_one_in: dice.pick(1..4), ..well },
        // Slow too, so that what comes once comes in another order.
        Fault::DoubledCalls => {
            Weather { doubles_one_in: dice.pick(1..4), delay_max_ms: dice.pick(0..2_000), ..well }
        }
        _ => Weather { loses_one_in: dice.pick(2..6), ..well },
    };
    let lasts = dice.wait(Duration::from_secs(15));
    world.trace.note(format_args!("fault: path {path} for {} ms: {weather:?}", lasts.as_millis()));
    world.net.set_weather(path, weather);
    let world = world.clone();
    tokio::spawn(async move {
        sleep(lasts).await;
        world.net.set_weather(path, Weather::default());
    });
}

fn bad_host(world: &Arc<World>, dice: &Dice, node: usize) {
    let (slow_max_ms, fails_one_in) = match dice.pick(0..3) {
        0 => (dice.pick(1..5_000), 0),
        1 => (0, dice.pick(2..10)),
        _ => (dice.pick(1..1_000), dice.pick(2..20)),
    };
    let lasts = dice.wait(Duration::from_secs(15));
    world.trace.note(format_args!(
        "fault: calls on {node} take {slow_max_ms} ms, and one in {fails_one_in} fails, for {} ms",
        lasts.as_millis()
    ));
    world.nodes()[node].strain.set(slow_max_ms, fails_one_in);
    let world = world.clone();
    tokio::spawn(async move {
        sleep(lasts).await;
        world.nodes()[node].strain.set(0, 0);
    });
}

fn slow_pulls(world: &Arc<World>, dice: &Dice, node: usize) {
    let Some(image) = dice.choose(&crate::client::IMAGES).copied() else { return };
    let pull = match dice.pick(0..3) {
        0 => Pull::After(dice.millis(1_000..120_000)),
        1 => Pull::Fails("the registry is away".to_owned()),
        _ => Pull::After(Duration::from_secs(600)),
    };
    let lasts = dice.wait(Duration::from_secs(20));
    world.trace.note(format_args!("fault: {image} on {node} for {} ms: {pull:?}", lasts.as_millis()));
    world.nodes()[node].host.behave(image, Behaviour { pull, ..behaviour(image) });
    let world = world.clone();
    tokio::spawn(async move {
        sleep(lasts).await;
        world.nodes()[node].host.behave(image, behaviour(image));
    });
}

fn clock_jump(world: &World, dice: &Dice, node: usize) {
    let offset_ms = dice.pick(0..600_000) as i64 - 300_000;
    if dice.one_in(3) {
        world.trace.note(format_args!("fault: the control plane's clock is wrong by {offset_ms} ms"));
        world.control_clock.set_offset_ms(offset_ms);
    } else {
        world.trace.note(format_args!("fault: clock {node} is wrong by {offset_ms} ms"));
        world.nodes()[node].clock.set_offset_ms(offset_ms);
    }
}

fn spoil_disk(world: &Arc<World>, dice: &Dice, node: usize) {
    let lasts = dice.wait(Duration::from_secs(5));
    let which = dice.pick(0..5);
    world.trace.note(format_args!("fault: disk {which} of {node} for {} ms", lasts.as_millis()));
    match which {
        0 => world.disk.set_full(true),
        1 => world.nodes()[node].disk.set_full(true),
        2 => world.disk.set_failing(true),
        3 => world.disk.set_sync_max_ms(Some(dice.pick(10..1_500))),
        _ => world.nodes()[node].disk.set_sync_max_ms(dice.pick(1..2_000)),
    }
    let world = world.clone();
    tokio::spawn(async move {
        sleep(lasts).await;
        match which {
            0 => world.disk.set_full(false),
            1 => world.nodes()[node].disk.set_full(false),
            2 => world.disk.set_failing(false),
            3 => world.disk.set_sync_max_ms(None),
            _ => world.nodes()[node].disk.set_sync_max_ms(0),
        }
    });
}

/// Ends every fault.
pub fn heal(world: &World) {
    world.trace.note(format_args!("every fault is healed"));
    for path in 0..=world.client_path() {
        world.net.set_weather(path, Weather::default());
    }
    world.disk.set_full(false);
    world.disk.set_failing(false);
    world.disk.set_sync_max_ms(None);
    world.disk.doom(0);
    world.links.clear_traps();
    world.control_clock.set_offset_ms(0);
    for node in world.nodes() {
        node.disk.set_full(false);
        node.disk.set_sync_max_ms(0);
        node.strain.set(0, 0);
        node.strain.doom(0);
        node.clock.set_offset_ms(0);
        node.hold_down(false);
        node.life().doom(u64::MAX / 2);
        node.doom_next(0);
    }
    if let Some(plane) = world.plane() {
        plane.life.doom(u64::MAX / 2);
    }
    prepare(world);
}
