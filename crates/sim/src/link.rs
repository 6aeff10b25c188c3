//! Links: frames both ways over a path of the network, in order, as a websocket has them.

use crate::life::Life;
use crate::net::Way;
use crate::world::World;
use agent::{Link, LinkEnd};
use async_trait::async_trait;
use control::{Frame, Frames, SessionEnd};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// One direction of a link.
#[derive(Default)]
pub struct Pipe {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Default)]
struct Queue {
    /// With the moment at which each arrives, which never goes back.
    frames: VecDeque<(Instant, Frame)>,
    last: Option<Instant>,
    /// When the sender's end arrives.
    ends: Option<Instant>,
    /// Nobody listens any more.
    is_deaf: bool,
}

impl Pipe {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, at: Instant, frame: Frame) {
        let mut queue = self.queue();
        let at = queue.last.map_or(at, |last| last.max(at));
        queue.last = Some(at);
        queue.frames.push_back((at, frame));
        drop(queue);
        self.arrived.notify_one();
    }

    fn end(&self, at: Instant) {
        let mut queue = self.queue();
        let at = queue.last.map_or(at, |last| last.max(at));
        queue.ends = queue.ends.or(Some(at));
        drop(queue);
        self.arrived.notify_one();
    }
}

/// One end of a link; dropping it ends the link, and the other end hears of it unless this one's machine has no power.
pub struct End {
    world: Arc<World>,
    path: usize,
    /// The way in which this end sends.
    way: Way,
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
    life: Life,
}

/// Every link that was opened and may still be there, with its path.
#[derive(Default)]
pub struct Links(Mutex<Vec<(usize, Weak<Pipe>)>>);

impl Links {
    /// Breaks the links over a path: both ends hear of it at once.
    pub fn break_all(&self, path: usize) {
        let links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for pipe in links.iter().filter(|(of, _)| *of == path).filter_map(|(_, pipe)| pipe.upgrade()) {
            pipe.queue().is_deaf = true;
            pipe.end(Instant::now());
        }
    }

    fn add(&self, path: usize, pipe: &Arc<Pipe>) {
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|(_, pipe)| pipe.strong_count() > 0);
        links.push((path, Arc::downgrade(pipe)));
    }
}

/// Opens a link: the agent's end and the control plane's.
pub fn open(world: &Arc<World>, path: usize, agent: &Life, control: &Life) -> (End, End) {
    let (up, down) = (Arc::<Pipe>::default(), Arc::<Pipe>::default());
    world.links.add(path, &up);
    world.links.add(path, &down);
    let end = |way, incoming: &Arc<Pipe>, outgoing: &Arc<Pipe>, life: &Life| End {
        world: world.clone(),
        path,
        way,
        incoming: incoming.clone(),
        outgoing: outgoing.clone(),
        life: life.clone(),
    };
    (end(Way::Up, &down, &up, agent), end(Way::Down, &up, &down, control))
}

impl End {
    /// The next frame; `None` when the other end is gone.
    async fn receive(&mut self) -> Option<Frame> {
        let way = if self.way == Way::Up { Way::Down } else { Way::Up };
        loop {
            let due = {
                let queue = self.incoming.queue();
                queue.frames.front().map(|(at, _)| *at).or(queue.ends)
            };
            match due {
                None => self.incoming.arrived.notified().await,
                Some(at) if at > Instant::now() => sleep_until(at).await,
                Some(_) if !self.world.net.is_open(self.path, way) => {
                    self.world.net.cleared(self.path, way).await;
                }
                Some(_) => {
                    self.life.edge().await;
                    return self.incoming.queue().frames.pop_front().map(|(_, frame)| frame);
                }
            }
        }
    }

    /// Whether the other end was there, as far as this one can know.
    async fn transmit(&mut self, text: String) -> bool {
        self.life.edge().await;
        if self.outgoing.queue().is_deaf && self.world.net.is_open(self.path, self.way) {
            return false;
        }
        if self.world.swallows(self.way, &text) {
            return true;
        }
        let at = Instant::now() + self.world.net.delay(self.path);
        self.world.note_frame(self.path, self.way, &text);
        self.outgoing.push(at, Frame::Text(text));
        true
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.incoming.queue().is_deaf = true;
        if !self.life.is_without_power() {
            self.outgoing.end(Instant::now() + self.world.net.delay(self.path));
        }
    }
}

#[async_trait]
impl Link for End {
    async fn send(&mut self, text: String) -> Result<(), LinkEnd> {
        if self.transmit(text).await { Ok(()) } else { Err(LinkEnd::Failed("the link broke".to_owned())) }
    }

    async fn next(&mut self) -> Result<String, LinkEnd> {
        loop {
            match self.receive().await {
                Some(Frame::Text(text)) => return Ok(text),
                Some(Frame::Pong) => {}
                None => return Err(LinkEnd::Closed),
            }
        }
    }

    async fn close(&mut self, _: &str) {
        self.outgoing.end(Instant::now() + self.world.net.delay(self.path));
    }
}

impl Frames for End {
    async fn next(&mut self) -> Result<Frame, SessionEnd> {
        self.receive().await.ok_or(SessionEnd::Closed)
    }

    async fn send(&mut self, text: String) -> Result<(), SessionEnd> {
        if self.transmit(text).await { Ok(()) } else { Err(SessionEnd::Closed) }
    }

    /// The other machine answers by itself, as long as the agent has the link open: no frame goes there and back.
    async fn ping(&mut self) -> Result<(), SessionEnd> {
        let net = &self.world.net;
        let is_heard = net.is_open(self.path, Way::Up) && net.is_open(self.path, Way::Down);
        if is_heard && !self.outgoing.queue().is_deaf {
            self.incoming.push(Instant::now() + net.delay(self.path), Frame::Pong);
        }
        Ok(())
    }

    async fn close(self, _: &SessionEnd) {}
}
