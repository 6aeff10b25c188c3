//! The one writer. It takes all puts that are waiting, commits them with one sync (group commit), adds to the index,
//! and only then answers.

use crate::MetricsError;
use crate::index::Index;
use crate::roll_up::SERIES_MAX;
use crate::rows::{PointKey, Rows};
use crate::sample::{Sample, Series};
use core_metrics::Summary;
use model::Timestamp;
use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot, watch};

/// Requests that wait for the writer; more wait for a place.
const QUEUE: usize = 256;

/// What the writer is asked for.
enum Request {
    Put { samples: Vec<Sample>, done: oneshot::Sender<Result<(), MetricsError>> },
    RollUp { now: Timestamp, done: oneshot::Sender<Result<bool, MetricsError>> },
}

/// The way to the writer, which has a thread of its own.
pub(crate) struct Committer {
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
    failure: watch::Receiver<Option<MetricsError>>,
}

impl Committer {
    pub(crate) fn start(rows: Arc<Rows>, index: Arc<RwLock<Index>>) -> Result<Self, MetricsError> {
        let (queue, mut requests) = mpsc::channel(QUEUE);
        let (failed, failure) = watch::channel(None);
        let mut writer = Writer { rows, index, failed, cursor: 0 };
        let run = move || {
            while let Some(first) = requests.blocking_recv() {
                let more = std::iter::from_fn(|| requests.try_recv().ok()).take(QUEUE - 1);
                writer.serve(std::iter::once(first).chain(more).collect());
            }
        };
        let thread = std::thread::Builder::new().name("metrics-committer".to_owned()).spawn(run);
        let thread = thread.map_err(|e| MetricsError::failed(format!("cannot start the committer: {e}")))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), failure })
    }

    /// Adds samples, all or none; they are on disk afterwards.
    pub(crate) async fn put(&self, samples: Vec<Sample>) -> Result<(), MetricsError> {
        self.ask(|done| Request::Put { samples, done }).await
    }

    /// Rolls up or forgets some of what is over at `now`, and says whether there may be more.
    pub(crate) async fn roll_up(&self, now: Timestamp) -> Result<bool, MetricsError> {
        self.ask(|done| Request::RollUp { now, done }).await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, MetricsError>>) -> Request,
    ) -> Result<T, MetricsError> {
        let ended = || MetricsError::failed("the committer has ended");
        let (done, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(request(done)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Resolves once nothing more can be written.
    pub(crate) fn failed(&self) -> impl Future<Output = MetricsError> + use<> {
        let mut failure = self.failure.clone();
        async move {
            let found = failure.wait_for(Option::is_some).await.ok().and_then(|failure| failure.clone());
            found.unwrap_or_else(|| MetricsError::failed("the committer has ended"))
        }
    }
}

impl Drop for Committer {
    /// Waits until everything that was handed over is on disk and the file can be opened anew.
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the committer of metrics panicked");
        }
    }
}

struct Writer {
    rows: Arc<Rows>,
    index: Arc<RwLock<Index>>,
    failed: watch::Sender<Option<MetricsError>>,
    /// Up to which series the present round of roll-ups has come.
    cursor: u64,
}

impl Writer {
    fn serve(&mut self, requests: Vec<Request>) {
        let (mut batch, mut waiting) = (Vec::new(), Vec::new());
        for request in requests {
            match request {
                Request::Put { samples, done } => {
                    batch.extend(samples);
                    waiting.push(done);
                }
                Request::RollUp { now, done } => {
                    let result = self.guarded(|writer| writer.roll_up(now));
                    // Whoever went away does not need the answer.
                    let _ = done.send(result);
                }
            }
        }
        if waiting.is_empty() {
            return;
        }
        let result = self.guarded(|writer| writer.put(batch));
        for done in waiting {
            let _ = done.send(result.clone());
        }
    }

    /// After a failure nothing is tried any more: what the file has is then unknown.
    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, MetricsError>,
    ) -> Result<T, MetricsError> {
        if let Some(failure) = self.failed.borrow().clone() {
            return Err(failure);
        }
        let result = work(self);
        if let Err(error) = &result {
            tracing::error!(%error, "the store of metrics failed; no more data are taken");
            self.failed.send_replace(Some(error.clone()));
        }
        result
    }

    fn put(&mut self, batch: Vec<Sample>) -> Result<(), MetricsError> {
        let mut new = HashMap::new();
        let mut points: BTreeMap<PointKey, Summary> = BTreeMap::new();
        {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            let next_id = index.next_id();
            for Sample { series, unit, resolution, start, summary } in batch {
                let series = index.id(&series).unwrap_or_else(|| {
                    let id = next_id + new.len() as u64;
                    *new.entry(series).or_insert(id)
                });
                let key = PointKey { series, resolution, start, unit };
                match points.entry(key) {
                    Entry::Vacant(free) => drop(free.insert(summary)),
                    Entry::Occupied(mut known) => known.get_mut().merge(&summary),
                }
            }
        }
        let new: Vec<(u64, Series)> = new.into_iter().map(|(series, id)| (id, series)).collect();
        self.rows.add(&new, &points)?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for (id, series) in new {
            index.insert(id, series, Timestamp(i64::MIN));
        }
        for key in points.keys() {
            index.touch(key.series, key.start);
        }
        Ok(())
    }

    fn roll_up(&mut self, now: Timestamp) -> Result<bool, MetricsError> {
        let ids = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            index.after(self.cursor).map(|(id, _)| id).take(SERIES_MAX).collect::<Vec<_>>()
        };
        let pass = self.rows.roll_up(&ids, now)?;
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for id in pass.forgotten {
            index.remove(id);
        }
        let is_over = pass.is_whole && ids.len() < SERIES_MAX;
        self.cursor = if is_over { 0 } else { pass.done_to.unwrap_or(self.cursor) };
        Ok(!is_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core_metrics::{Resolution, Unit};
    use model::Scope;
    use model::metrics::Metric;
    use redb::StorageBackend;
    use redb::backends::InMemoryBackend;
    use std::io;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// A disk that counts syncs, and fails when it is told to.
    #[derive(Debug, Default, Clone)]
    struct Disk {
        bytes: Arc<InMemoryBackend>,
        syncs: Arc<AtomicUsize>,
        is_full: Arc<AtomicBool>,
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.bytes.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.bytes.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.bytes.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.syncs.fetch_add(1, Ordering::SeqCst);
            self.bytes.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            match self.is_full.load(Ordering::SeqCst) {
                true => Err(io::Error::from(io::ErrorKind::StorageFull)),
                false => self.bytes.write(offset, data),
            }
        }
    }

    fn writer(disk: &Disk) -> (Writer, watch::Receiver<Option<MetricsError>>) {
        let rows = Arc::new(Rows::on(disk.clone()).expect("opens"));
        let (failed, failure) = watch::channel(None);
        (Writer { rows, index: Arc::default(), failed, cursor: 0 }, failure)
    }

    fn put(name: &str) -> (Request, oneshot::Receiver<Result<(), MetricsError>>) {
        let (done, answer) = oneshot::channel();
        let metric =
            Metric { namespace: "App".to_owned(), name: name.to_owned(), dimensions: BTreeMap::new() };
        let sample = Sample {
            series: Series { scope: Scope::new("000000000000", "us-east-1"), metric },
            unit: Unit::NONE,
            resolution: Resolution::Minute,
            start: Timestamp(60_000),
            summary: Summary::of_values(&[(1.0, 1.0)]).expect("a sample"),
        };
        (Request::Put { samples: vec![sample], done }, answer)
    }

    #[test]
    fn puts_that_wait_together_share_one_commit() {
        let disk = Disk::default();
        let (mut writer, _) = writer(&disk);
        let syncs = |writer: &mut Writer, puts: usize| {
            let before = disk.syncs.load(Ordering::SeqCst);
            let (requests, answers): (Vec<_>, Vec<_>) = (0..puts).map(|n| put(&format!("m{n}"))).unzip();
            writer.serve(requests);
            for mut answer in answers {
                assert_eq!(answer.try_recv(), Ok(Ok(())));
            }
            disk.syncs.load(Ordering::SeqCst) - before
        };
        let one = syncs(&mut writer, 1);
        assert!(one > 0);
        assert_eq!(syncs(&mut writer, 100), one);
        assert_eq!(writer.index.read().expect("unpoisoned").after(0).count(), 100);
    }

    #[test]
    fn after_a_failure_nothing_more_is_taken() {
        let disk = Disk::default();
        let (mut writer, failure) = writer(&disk);
        disk.is_full.store(true, Ordering::SeqCst);
        let (request, mut answer) = put("m");
        writer.serve(vec![request]);
        assert!(matches!(answer.try_recv(), Ok(Err(MetricsError::Failed(_)))));
        assert_eq!(writer.index.read().expect("unpoisoned").after(0).count(), 0);
        disk.is_full.store(false, Ordering::SeqCst);
        let (request, mut answer) = put("m");
        writer.serve(vec![request]);
        let error = answer.try_recv().expect("an answer").expect_err("refused");
        assert_eq!(failure.borrow().clone(), Some(error));
    }
}
