//! The committer of the control plane's store: the steps that the product's thread takes, with time between them, so that
//! the process dies while a commit is written, while it is synced, and when it is visible and nobody has an answer. What
//! comes meanwhile waits, and shares the next append.

use crate::knobs::Plant;
use crate::life::Life;
use crate::world::World;
use std::sync::Arc;
use store::redb::RedbJournal;
use store::{Journal, JournalError, RowVisitor, StepwiseCommitter, Store, StoreError, Write};
use tokio::time::sleep;

/// Commits for as long as the process lives.
pub async fn run(world: Arc<World>, life: Life, store: Store, mut committer: StepwiseCommitter) {
    loop {
        committer.filled().await;
        world.disk.begin_syncs();
        let appended = committer.append();
        if world.knobs.plant == Some(Plant::EarlyAnswer) {
            let answers = appended.publish();
            world.show(store.snapshot());
            answers.send();
            sync(&world, &life).await;
            continue;
        }
        sync(&world, &life).await;
        let answers = appended.publish();
        world.show(store.snapshot());
        life.edge().await;
        answers.send();
    }
}

/// The disk takes its time, unless the process dies meanwhile.
async fn sync(world: &World, life: &Life) {
    let is_doomed = world.disk.is_doomed();
    let time = world.disk.sync_time(is_doomed);
    if !time.is_zero() {
        sleep(time).await;
    }
    if is_doomed {
        world.trace.note(format_args!("fault: the control plane dies over a sync"));
        life.kill();
    }
    life.edge().await;
    world.disk.end_syncs();
}

/// The store's journal, watched.
pub struct Watched {
    /// Who looks.
    pub world: Arc<World>,
    /// The process that appends.
    pub life: Life,
    /// The real one.
    pub inner: RedbJournal,
}

impl Journal for Watched {
    fn scan(&self, table: &str, visit: &mut RowVisitor<'_>) -> Result<(), StoreError> {
        self.inner.scan(table, visit)
    }

    fn append(&mut self, writes: &[Write]) -> Result<(), JournalError> {
        self.inner.append(writes)?;
        // Something of the commit may be on disk, and nobody hears of it.
        if !self.life.step() {
            return Err(JournalError::Failed("the process is dead".to_owned()));
        }
        self.world.note_commit(writes);
        self.world.check.committed(writes);
        Ok(())
    }
}
