//! The control plane's process: the real store over a simulated disk, the real API, the real controllers and sessions.

use crate::committer::{self, Watched};
use crate::dice::Dice;
use crate::life::Life;
use crate::world::World;
use agent::fake::FakeIds;
use api_ecs::{Ecs, EndpointPaths, HostPlatform};
use control::{ACS_ENDPOINT_PATH, Control, ControlConfig, TCS_ENDPOINT_PATH};
use invariants::Violation;
use model::AccountId;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::redb::RedbJournal;

/// One process of the control plane.
pub struct Plane {
    /// It.
    pub life: Life,
    /// What it holds.
    pub store: Store,
    /// Its API.
    pub ecs: Arc<Ecs>,
    /// Its controllers and sessions.
    pub control: Control,
}

/// The keys of the one account.
struct OneKey;

impl wire::Keys for OneKey {
    fn find(&self, id: &str) -> Option<wire::Key> {
        let account = AccountId::from(World::ACCOUNT);
        (id == World::KEY_ID).then(|| wire::Key { secret: World::SECRET.to_owned(), account })
    }
}

impl Plane {
    /// Starts a process on the disk as it is.
    ///
    /// # Errors
    /// The store cannot be opened; or what it holds is not what was promised.
    fn start(world: &Arc<World>, ids: &Arc<FakeIds>) -> Result<Arc<Self>, Violation> {
        let life = Life::new();
        let unreadable = |error: &dyn std::fmt::Display| Violation {
            id: "INV-STORE-1",
            text: format!("the store cannot be opened again: {error}"),
        };
        let inner = RedbJournal::on(world.disk.open(&life)).map_err(|error| unreadable(&error))?;
        let journal = Watched { world: world.clone(), life: life.clone(), inner };
        let opened = Store::open_stepwise(Box::new(journal)).map_err(|error| unreadable(&error));
        let (store, committer) = opened?;
        world.check.reopened(&store.snapshot())?;
        life.spawn(committer::run(world.clone(), life.clone(), store.clone(), committer));
        let endpoints = EndpointPaths { acs: ACS_ENDPOINT_PATH, tcs: TCS_ENDPOINT_PATH };
        let host = HostPlatform { architecture: "X86_64".to_owned() };
        let clock = world.control_clock.clone();
        let ecs = Arc::new(Ecs::new(store.clone(), clock.clone(), ids.clone(), endpoints, host));
        let config = ControlConfig::default();
        let control = Control::new(store.clone(), clock, ids.clone(), Arc::new(OneKey), config);
        let plane = Arc::new(Self { life, store, ecs, control });
        plane.run();
        Ok(plane)
    }

    fn run(&self) {
        let control = self.control.clone();
        self.life.spawn(async move { control.run(std::future::pending()).await });
        let (store, life) = (self.store.clone(), self.life.clone());
        // As the binary does: a store that has failed is opened anew.
        self.life.spawn(async move {
            store.failed().await;
            life.kill();
        });
    }

    /// Starts the control plane again whenever it ends, for ever.
    pub async fn supervise(world: Arc<World>) {
        let dice = Dice::new(world.seed, "plane");
        let ids = Arc::new(FakeIds::new(Dice::new(world.seed, "ids").pick(0..u64::MAX)));
        loop {
            let plane = match Self::start(&world, &ids) {
                Ok(plane) => plane,
                // It is tried again, as whoever supervises it does, until there is room.
                Err(violation) if world.disk.is_failing() && violation.id == "INV-STORE-1" => {
                    world.trace.note(format_args!("control plane does not start: {}", violation.text));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Err(violation) => return world.fail(violation),
            };
            world
                .trace
                .note(format_args!("control plane starts at revision {}", plane.store.snapshot().revision()));
            world.set_plane(Some(plane.clone()));
            plane.life.died().await;
            world.set_plane(None);
            world.disk.interrupt();
            world.trace.note(format_args!("control plane is dead"));
            drop(plane);
            // Its tasks are dropped before the next process opens the file.
            tokio::time::sleep(dice.millis(5..4_000)).await;
            if dice.one_in(2) {
                world.disk.lose_power();
            }
        }
    }
}
