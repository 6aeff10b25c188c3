//! What a controller is, and the loop around each.

use crate::context::Context;
use crate::plan::Plan;
use model::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use store::{State, StoreError};
use tokio::time::sleep;

/// How long a controller waits after the store refused its plan.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Takes no input; its plan follows from the state, and a plan that was applied leaves nothing due.
pub(crate) trait Controller: Send + Sync {
    /// For logs.
    fn name(&self) -> &'static str;

    /// When set, the controller is woken by a timer of this period instead of by the store's watch.
    fn timer(&self) -> Option<Duration> {
        None
    }

    /// Whether a plan may be needed: a cheap look at a snapshot, which may be wrong in either direction for a moment.
    fn is_due(&self, state: &State, now: Timestamp) -> bool;

    /// What to write. Called inside the transaction that writes it.
    fn plan(&self, state: &State, now: Timestamp) -> Plan;
}

/// Activates a controller once; says whether it had anything to write.
pub(crate) async fn activate(context: &Context, controller: &dyn Controller) -> Result<bool, StoreError> {
    if !controller.is_due(&context.store.snapshot(), context.now()) {
        return Ok(false);
    }
    context
        .store
        .commit(|tx| {
            let plan = controller.plan(tx, context.now());
            let has_steps = !plan.steps.is_empty();
            plan.apply(tx);
            Ok(has_steps)
        })
        .await
}

/// Activates a controller at start-up and on every wake, for ever.
pub(crate) async fn run(context: Arc<Context>, controller: Arc<dyn Controller>) {
    let mut watch = context.store.watch();
    let mut links = context.links.watch();
    loop {
        match activate(&context, controller.as_ref()).await {
            // A plan may be a part of the work.
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => {
                tracing::error!(controller = controller.name(), %error, "a plan could not be applied");
                sleep(RETRY_DELAY).await;
                continue;
            }
        }
        match controller.timer() {
            Some(period) => sleep(period).await,
            None => tokio::select! {
                _ = watch.changed() => {}
                _ = links.changed() => {}
            },
        }
    }
}
