//! What a controller is, and the loops around them.

use crate::context::Context;
use crate::plan::Plan;
use futures_util::future::join_all;
use model::Timestamp;
use std::convert::Infallible;
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

/// Activates controllers at start-up and on every change of the store or of the links, for ever: all of them at the same
/// time, so that their commits share a sync, and always in the same order.
pub(crate) async fn follow(context: Arc<Context>, controllers: Vec<Box<dyn Controller>>) -> Infallible {
    let mut watch = context.store.watch();
    let mut links = context.links.watch();
    loop {
        let round = controllers.iter().map(|controller| settle(&context, controller.as_ref()));
        join_all(round).await;
        tokio::select! {
            biased;
            _ = watch.changed() => {}
            _ = links.changed() => {}
        }
    }
}

/// Activates a controller that nobody waits for at start-up and after each `period`, for ever.
pub(crate) async fn repeat(
    context: Arc<Context>,
    controller: Box<dyn Controller>,
    period: Duration,
) -> Infallible {
    loop {
        settle(&context, controller.as_ref()).await;
        sleep(period).await;
    }
}

/// Activates a controller until it has nothing to write: a plan may be a part of the work.
async fn settle(context: &Context, controller: &dyn Controller) {
    loop {
        match activate(context, controller).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(controller = controller.name(), %error, "a plan could not be applied");
                sleep(RETRY_DELAY).await;
            }
        }
    }
}
