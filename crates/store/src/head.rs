//! The head of the store: the state that changes run on, which may be ahead of the disk, and the commits that wait for it.
//!
//! There is one, and it is changed in place; a change that fails or panics is taken back, one write after the other. The
//! state is shared with a snapshot only when the committer takes what waits, and only then do the next changes copy the
//! nodes that they touch. So the cost of snapshots falls as the load grows, just as that of syncs does.

use crate::committer::{Batch, Pending, Writer};
use crate::state::State;
use crate::tx::Kept;
use crate::views::Views;
use crate::{Snapshot, StoreError, Tx};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, LockResult, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;

/// The head.
pub(crate) struct Head {
    /// Empty while a change runs, which has it.
    state: State,
    /// As of the state. Empty while a change runs.
    views: Views,
    /// In the order in which their changes ran.
    waiting: Vec<Pending>,
    /// Who writes inside each commit, if anybody does.
    inline: Option<Writer>,
    /// A committer that is no thread, and waits for work.
    idle: Option<Waker>,
    /// No more commits will come.
    is_ended: bool,
    /// Nobody writes any more.
    is_closed: bool,
}

/// Answered once everything that a change could read and wrote is on disk.
pub(crate) type Durable = oneshot::Receiver<Result<(), StoreError>>;

/// What a change returned, and what it left to be written.
pub(crate) type Ran<T, E> = (Result<T, E>, Option<Kept>);

impl Head {
    pub(crate) fn new(state: State, inline: Option<Writer>) -> Self {
        Self {
            state,
            views: Views::default(),
            waiting: Vec::new(),
            inline,
            idle: None,
            is_ended: false,
            is_closed: false,
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.state.revision()
    }

    /// Runs a change on the state. When it fails, nothing has changed; when it panics, nothing has changed and the views
    /// are gone.
    pub(crate) fn run<T, E: From<StoreError>>(
        &mut self,
        change: impl FnOnce(&mut Tx) -> Result<T, E>,
    ) -> std::thread::Result<Ran<T, E>> {
        let mut tx = Tx::on(std::mem::take(&mut self.state), std::mem::take(&mut self.views));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let value = change(&mut tx)?;
            tx.check()?;
            Ok(value)
        }));
        if let Ok(Ok(value)) = ended {
            let (state, views, kept) = tx.keep();
            (self.state, self.views) = (state, views);
            return Ok((Ok(value), kept));
        }
        let (state, mut views, reversed) = tx.take_back();
        self.state = state;
        ended.map(|result| {
            // A view may be somebody else's bug: the state is safe before it hears of anything.
            reversed.iter().filter_map(|change| change.seen()).for_each(|seen| views.observe(seen));
            self.views = views;
            (result, None)
        })
    }

    /// Hands a change's writes over. The answer comes now or later, or the sender is dropped when nobody writes any more.
    fn push(&mut self, kept: Option<Kept>) -> Durable {
        let (done, durable) = oneshot::channel();
        let Kept { writes, touched } = kept.unwrap_or_default();
        if !self.is_closed {
            self.waiting.push(Pending { writes, touched, done });
        }
        if let Some(mut writer) = self.inline.take() {
            writer.write(self.take());
            self.inline = Some(writer);
        }
        durable
    }

    fn take(&mut self) -> Batch {
        Batch { commits: std::mem::take(&mut self.waiting), state: Snapshot::of(self.state.clone()) }
    }
}

/// The head, behind a lock, and the committer's way to wait for work.
pub(crate) struct Queue {
    head: Mutex<Head>,
    filled: Condvar,
}

impl Queue {
    pub(crate) fn new(head: Head) -> Self {
        Self { head: Mutex::new(head), filled: Condvar::new() }
    }

    /// The head. Poisoned when the store itself has panicked over it: then nothing can be said of it.
    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, Head>> {
        self.head.lock()
    }

    pub(crate) fn push(&self, mut head: MutexGuard<'_, Head>, kept: Option<Kept>) -> Durable {
        let was_empty = head.waiting.is_empty();
        let durable = head.push(kept);
        let idle = head.idle.take();
        drop(head);
        if was_empty {
            self.filled.notify_one();
        }
        idle.into_iter().for_each(Waker::wake);
        durable
    }

    /// Ready once anything waits. One may ask.
    pub(crate) fn poll_filled(&self, cx: &Context<'_>) -> Poll<()> {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        if !head.waiting.is_empty() {
            return Poll::Ready(());
        }
        head.idle = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Everything that waits now.
    pub(crate) fn take(&self) -> Batch {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Everything that waits, as soon as anything does; `None` once nothing will come any more.
    pub(crate) fn next(&self) -> Option<Batch> {
        let mut head = self.head.lock().ok()?;
        while head.waiting.is_empty() && !head.is_ended {
            head = self.filled.wait(head).ok()?;
        }
        (!head.waiting.is_empty()).then(|| head.take())
    }

    /// No more commits will come.
    pub(crate) fn end(&self) {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).is_ended = true;
        self.filled.notify_one();
    }

    /// Nobody writes any more: whoever waits learns of it.
    pub(crate) fn close(&self) {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        head.is_closed = true;
        head.waiting.clear();
    }
}
