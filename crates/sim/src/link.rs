//! Links: frames both ways over a path of the network, in order, as a websocket has them.
//!
//! Within one way of a link nothing overtakes and nothing is lost in the middle, because TCP sees to that: a frame that takes
//! long keeps back all that follow. What is late, doubled or lost is so between links and between calls:
//! - a link breaks, and the receiver has had some of what was on its way, and no more ([`Links::break_all`]);
//! - it breaks right after one frame, whose answer is lost ([`Links::trap`]);
//! - it breaks for the agent alone, which opens another, while the control plane still has the old one, and gets late what the
//!   agent sent over it ([`Links::linger`]). Not the other way round: an agent drops its link before it opens the next;
//! - the control plane says something again, as Amazon's does (`Weather::repeats_one_in`);
//! - calls, each of which may go over a connection of its own, overtake each other and come twice (`upstream.rs`).

use crate::knobs::Plant;
use crate::life::Life;
use crate::net::Way;
use crate::world::World;
use agent::{Link, LinkEnd};
use async_trait::async_trait;
use control::{Frame, Frames, SessionEnd};
use invariants::Violation;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

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
    /// Until then the sender cannot know that nobody listens.
    deaf_unknown_until: Option<Instant>,
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

    /// Both ends are gone at once, and with them what has not arrived.
    fn break_off(&self) {
        let mut queue = self.queue();
        let now = Instant::now();
        queue.is_deaf = true;
        queue.frames.retain(|(at, _)| *at <= now);
        queue.last = None;
        drop(queue);
        self.end(now);
    }

    /// Nothing arrives before then, not even the end.
    fn hold(&self, until: Instant) {
        let mut queue = self.queue();
        queue.frames.iter_mut().for_each(|(at, _)| *at = until.max(*at));
        queue.last = Some(queue.last.map_or(until, |last| last.max(until)));
    }

    /// The receiver is gone, and the sender hears of it only then.
    fn leave(&self, until: Instant) {
        self.break_off();
        self.queue().deaf_unknown_until = Some(until);
    }

    fn is_known_deaf(&self) -> bool {
        let queue = self.queue();
        queue.is_deaf && queue.deaf_unknown_until.is_none_or(|until| until <= Instant::now())
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
    /// Of an ACS link: the instance, and which of its links it is.
    session: Option<(String, u64)>,
}

/// Every link that was opened and may still be there.
#[derive(Default)]
pub struct Links(Mutex<State>);

#[derive(Default)]
struct State {
    open: Vec<Known>,
    /// By path: how many frames are still delivered before the link of the last one breaks.
    traps: BTreeMap<usize, u64>,
    /// ACS links so far.
    sessions: u64,
    /// By instance: the newest ACS link on which the control plane has said anything.
    newest: BTreeMap<String, u64>,
}

/// One link.
#[derive(Clone)]
struct Known {
    path: usize,
    up: Weak<Pipe>,
    down: Weak<Pipe>,
}

impl Links {
    /// Breaks the links over a path: both ends hear of it at once.
    pub fn break_all(&self, path: usize) {
        for (up, down) in self.over(path) {
            up.break_off();
            down.break_off();
        }
    }

    /// Breaks the links over a path at the agent's end. Until then the control plane hears nothing of it, and what the agent
    /// has sent arrives only then.
    pub fn linger(&self, path: usize, until: Instant) {
        for (up, down) in self.over(path) {
            up.hold(until);
            down.leave(until);
        }
    }

    /// Breaks a link over this path right after it has delivered a frame, the last of so many.
    pub fn trap(&self, path: usize, frames: u64) {
        self.state().traps.insert(path, frames);
    }

    /// Takes every trap away.
    pub fn clear_traps(&self) {
        self.state().traps.clear();
    }

    /// INV-ACS-1: the control plane says nothing on an ACS link once it has spoken on a newer one of the instance.
    fn speaks(&self, session: &(String, u64)) -> invariants::Check {
        let (instance, number) = session;
        let mut state = self.state();
        let newest = state.newest.entry(instance.clone()).or_default();
        if number < newest {
            let text = format!("a session of {instance} goes on although a newer one has begun");
            return Err(Violation { id: "INV-ACS-1", text });
        }
        *newest = *number;
        Ok(())
    }

    fn next_session(&self) -> u64 {
        let mut state = self.state();
        state.sessions += 1;
        state.sessions
    }

    /// Counts a frame; whether its link breaks with it.
    fn springs(&self, path: usize) -> bool {
        let mut state = self.state();
        let Some(left) = state.traps.get_mut(&path) else { return false };
        *left = left.saturating_sub(1);
        let springs = *left == 0;
        if springs {
            state.traps.remove(&path);
        }
        springs
    }

    fn over(&self, path: usize) -> Vec<(Arc<Pipe>, Arc<Pipe>)> {
        let state = self.state();
        let links = state.open.iter().filter(|known| known.path == path);
        links.filter_map(|known| known.up.upgrade().zip(known.down.upgrade())).collect()
    }

    fn add(&self, path: usize, up: &Arc<Pipe>, down: &Arc<Pipe>) {
        let mut state = self.state();
        state.open.retain(|known| known.up.strong_count() > 0);
        state.open.push(Known { path, up: Arc::downgrade(up), down: Arc::downgrade(down) });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a link: the agent's end and the control plane's. `instance` is that of an ACS link.
pub fn open(
    world: &Arc<World>,
    path: usize,
    agent: &Life,
    control: &Life,
    instance: Option<String>,
) -> (End, End) {
    let (up, down) = (Arc::<Pipe>::default(), Arc::<Pipe>::default());
    world.links.add(path, &up, &down);
    let session = instance.map(|instance| (instance, world.links.next_session()));
    let end = |way, incoming: &Arc<Pipe>, outgoing: &Arc<Pipe>, life: &Life| End {
        world: world.clone(),
        path,
        way,
        incoming: incoming.clone(),
        outgoing: outgoing.clone(),
        life: life.clone(),
        session: session.clone(),
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
                    let frame = self.incoming.queue().frames.pop_front().map(|(_, frame)| frame);
                    return match frame {
                        Some(Frame::Text(text)) if self.world.links.springs(self.path) => self.last(text),
                        frame => frame,
                    };
                }
            }
        }
    }

    /// The link breaks right after this frame, so that nobody has an answer to it.
    fn last(&self, text: String) -> Option<Frame> {
        self.world.trace.note(format_args!("fault: a link over {} breaks after a frame", self.path));
        let ghost = ghost_ack(&text).filter(|_| self.world.knobs.plant == Some(Plant::GhostAck));
        self.incoming.break_off();
        self.outgoing.break_off();
        match ghost {
            Some(ack) => {
                self.outgoing.push(Instant::now(), Frame::Text(ack));
                None
            }
            None => Some(Frame::Text(text)),
        }
    }

    /// Whether the other end was there, as far as this one can know.
    async fn transmit(&mut self, text: String) -> bool {
        self.life.edge().await;
        if self.outgoing.is_known_deaf() && self.world.net.is_open(self.path, self.way) {
            return false;
        }
        if self.world.swallows(self.way, &text) {
            return true;
        }
        let at = Instant::now() + self.world.net.frame_delay(self.path);
        self.world.note_frame(self.path, self.way, &text);
        if self.way == Way::Down {
            let session = self.session.as_ref();
            self.world.verdict(session.map_or(Ok(()), |session| self.world.links.speaks(session)));
            self.repeat(&text);
        }
        self.outgoing.push(at, Frame::Text(text));
        true
    }

    /// Says it again later, if the link is still there then.
    fn repeat(&self, text: &str) {
        let Some(later) = self.world.net.repeats(self.path) else { return };
        let (world, path, way) = (self.world.clone(), self.path, self.way);
        let (pipe, text) = (Arc::downgrade(&self.outgoing), text.to_owned());
        tokio::spawn(async move {
            sleep(later).await;
            if let Some(pipe) = pipe.upgrade().filter(|pipe| pipe.queue().ends.is_none()) {
                world.note_frame(path, way, &text);
                pipe.push(Instant::now(), Frame::Text(text));
            }
        });
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
            self.incoming.push(Instant::now() + net.frame_delay(self.path), Frame::Pong);
        }
        Ok(())
    }

    async fn close(self, _: &SessionEnd) {}
}

/// What an agent would acknowledge a payload with.
fn ghost_ack(text: &str) -> Option<String> {
    let Ok(acs::ServerMessage::Payload(payload)) = acs::decode_server(text) else { return None };
    let ack = acs::AckRequest {
        cluster: payload.cluster_arn,
        container_instance: payload.container_instance_arn,
        message_id: payload.message_id,
    };
    Some(acs::encode(&acs::AgentMessage::from(ack)))
}
