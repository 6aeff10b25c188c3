//! The store: typed tables in memory, snapshots and watch over them, and a durable journal underneath.
//!
//! What it is not: a query language, a cache, or a place for behaviour. It keeps the records of `model`; what may be
//! written is for the caller's transaction to decide. Log events are not here either (crate `api-logs` keeps those).
//!
//! Invariants
//! - INV-STORE-1: nothing is visible in a [`Snapshot`], and no [`Store::commit`] has returned, before it is on disk.
//! - INV-STORE-2: a commit is applied whole or not at all, and commits are serial: each one's closure saw the effects
//!   of all that went before it.
//! - INV-STORE-3: every index equals what a scan of its table would give ([`State::check_indexes`]).
//! - INV-STORE-4: a task's definition is in the table of definitions for as long as the task is in the store.
//! - INV-STORE-5: after a failure of the journal nothing more is accepted; readers keep the last durable state.
//! - INV-STORE-6: a view ([`Tx::view`]) equals one that is built from the records of the transaction that asks for it.
//!
//! Start at [`Store`], then [`State`] for reading and [`Tx`] for writing.

mod change;
mod committer;
mod error;
mod format;
mod head;
mod index;
mod journal;
mod memory;
mod record;
pub mod redb;
mod state;
mod store;
mod task_index;
mod task_record;
mod tx;
mod views;
mod watch;

pub use committer::{Answers, Appended, Committer, StepwiseCommitter};
pub use error::{JournalError, StoreError};
pub use format::FORMAT_VERSION;
pub use journal::{Journal, RowVisitor, Write};
pub use memory::{AppendFault, MemoryJournal};
pub use record::Record;
pub use state::{InstanceKey, Instances, MetricFilterKey, State};
pub use store::{Snapshot, Store};
pub use task_index::{Queue, TaskKey};
pub use tx::Tx;
pub use watch::{DeletedKeysWatch, InstanceWatch, Watch};
