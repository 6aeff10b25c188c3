//! The entry: controllers and sessions over one store.

use crate::context::{Closing, Context, ControlConfig};
use crate::controller::{self, Controller};
use crate::orphans::Orphans;
use crate::presence::Presence;
use crate::provision::Provision;
use crate::reaper::Reaper;
use crate::release::Release;
use crate::session::{Frames, Links, Peer, SessionEnd, acs, tcs, upgrade};
use ::acs::Refusal;
use ::acs::link::AcsQuery;
use http::{Request, Response};
use model::time::{Clock, IdSource};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};
use tokio::task::JoinSet;
use wire::{Cx, Keys};

/// How long a shutdown waits for sessions to say goodbye.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// The control plane's moving parts. A clone is the same control plane.
#[derive(Clone)]
pub struct Control(Arc<Context>);

impl Control {
    /// Over this store. Nothing moves before [`run`](Self::run), but for sessions that are handed in. `keys` are those
    /// that the door accepts too: agents sign every frame of telemetry.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        keys: Arc<dyn Keys>,
        config: ControlConfig,
    ) -> Self {
        let (links, closing) = (Links::new(), Closing::default());
        Self(Arc::new(Context { store, clock, ids, keys, config, links, closing }))
    }

    /// Runs every controller until `shutdown`, then ends the sessions. Tasks run on: the next start adopts them.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let mut loops = JoinSet::new();
        loops.spawn(controller::follow(self.0.clone(), self.controllers()));
        loops.spawn(controller::repeat(self.0.clone(), self.reaper(), self.0.config.reap_interval));
        tokio::select! {
            biased;
            () = shutdown => {}
            ended = loops.join_next() => tracing::error!(?ended, "a controller ended"),
        }
        self.0.closing.begin();
        let mut links = self.0.links.watch();
        let farewell = links.wait_for(|_| self.0.links.count() == 0);
        // Whoever has not left by then finds out when the process ends.
        let _ = tokio::time::timeout(FAREWELL_MAX, farewell).await;
    }

    /// Activates every controller once, in the order of a task's life.
    ///
    /// # Errors
    /// When the store refuses a plan.
    pub async fn activate_all_once(&self) -> Result<(), StoreError> {
        for controller in self.controllers().into_iter().chain([self.reaper()]) {
            controller::activate(&self.0, controller.as_ref()).await?;
        }
        Ok(())
    }

    /// Answers a request of `caller`, an agent, to open a link, of which [`is_agent_path`](crate::is_agent_path) was
    /// true. The connection must be served with upgrades; the session runs as
    /// a task of its own. A refusal has the status and the body that agents know.
    pub fn upgrade<B>(&self, request: &mut Request<B>, caller: &Cx) -> Response<String> {
        upgrade::upgrade(&self.0, request, caller)
    }

    /// Which instance an agent of `caller` may open a link for, that names it by its ARN and its cluster by name or ARN:
    /// what [`upgrade`](Self::upgrade) looks at before it switches.
    ///
    /// # Errors
    /// With the kinds that agents know.
    pub fn admit(&self, caller: &Cx, instance_arn: &str, cluster: &str) -> Result<Peer, Refusal> {
        let instance = upgrade::find(&self.0, &caller.scope, instance_arn, cluster)?;
        Ok(upgrade::peer(&instance, caller))
    }

    /// Serves an instance's ACS link to its end. `origin` is the URL by which the agent reached this control plane.
    pub async fn serve_acs(
        &self,
        frames: impl Frames,
        peer: Peer,
        query: AcsQuery,
        origin: String,
    ) -> SessionEnd {
        acs::serve(self.0.clone(), frames, peer, query, origin).await
    }

    /// Serves an instance's TCS link to its end. `path` and `query` are those of the upgrade, which the signature of
    /// each frame covers.
    pub async fn serve_tcs(
        &self,
        frames: impl Frames,
        peer: Peer,
        path: String,
        query: String,
    ) -> SessionEnd {
        tcs::serve(self.0.clone(), frames, peer, path, query).await
    }

    /// Those that tasks and agents wait for.
    fn controllers(&self) -> Vec<Box<dyn Controller>> {
        vec![
            Box::new(Presence { links: self.0.links.clone() }),
            Box::new(Orphans::default()),
            Box::new(Provision { ids: self.0.ids.clone() }),
            Box::new(Release),
        ]
    }

    fn reaper(&self) -> Box<dyn Controller> {
        Box::new(Reaper { retention: self.0.config.retention })
    }
}
