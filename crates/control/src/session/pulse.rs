//! Whether an agent lives: when to ask, and when to give it up (INV-ACS-4). Pure.
//!
//! Silence counts from a question, not from the last answer: a session that was busy itself for a while, and has asked
//! nothing meanwhile, blames no agent for it.

use crate::ControlConfig;
use std::time::Duration;
use tokio::time::Instant;

/// How to ask for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// A message that agents answer with a message.
    Heartbeat,
    /// A ping, which every websocket answers.
    Ping,
}

/// So many intervals a link that talks may go without a ping.
const PING_INTERVALS_MAX: u32 = 4;

/// The pulse of one ACS link.
#[derive(Debug)]
pub(crate) struct Pulse {
    ping_interval: Duration,
    patience: Duration,
    heartbeat_interval: Duration,
    heartbeat_timeout: Duration,
    pinged_at: Instant,
    ping_at: Instant,
    heartbeat_at: Instant,
    pong_by: Option<Instant>,
    answer_by: Option<Instant>,
}

impl Pulse {
    pub(crate) fn new(config: &ControlConfig, now: Instant) -> Self {
        Self {
            ping_interval: config.ping_interval,
            patience: config.silence_max.saturating_sub(config.ping_interval),
            heartbeat_interval: config.heartbeat_interval,
            heartbeat_timeout: config.heartbeat_timeout,
            pinged_at: now,
            ping_at: now + config.ping_interval,
            heartbeat_at: now + config.heartbeat_interval,
            pong_by: None,
            answer_by: None,
        }
    }

    /// A frame came, whatever is in it. It is as good as an answer to a ping, so the next one waits: a busy link costs few
    /// pings. It has some all the same, because the agent too wants to hear something.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.pong_by = None;
        self.ping_at =
            (now + self.ping_interval).min(self.pinged_at + self.ping_interval * PING_INTERVALS_MAX);
    }

    /// A message came, which only an agent that is well sends.
    pub(crate) fn answered(&mut self) {
        self.answer_by = None;
    }

    /// When there is something to ask, or an answer is overdue.
    pub(crate) fn next_at(&self) -> Instant {
        let answers = self.pong_by.into_iter().chain(self.answer_by);
        answers.fold(self.ping_at.min(self.heartbeat_at), Instant::min)
    }

    /// Whether the agent owes an answer, when no frame is there.
    pub(crate) fn is_silent(&self, now: Instant) -> bool {
        self.pong_by.into_iter().chain(self.answer_by).any(|by| by <= now)
    }

    /// What to ask now; it counts as asked.
    pub(crate) fn question(&mut self, now: Instant) -> Option<Question> {
        if self.heartbeat_at <= now {
            self.heartbeat_at = now + self.heartbeat_interval;
            self.answer_by.get_or_insert(now + self.heartbeat_timeout);
            return Some(Question::Heartbeat);
        }
        if self.ping_at <= now {
            (self.pinged_at, self.ping_at) = (now, now + self.ping_interval);
            self.pong_by.get_or_insert(now + self.patience);
            return Some(Question::Ping);
        }
        None
    }

    /// By when the agent has to have taken what is sent to it now.
    pub(crate) fn take_by(&self, now: Instant) -> Instant {
        self.pong_by.unwrap_or(now + self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens to a link on which `answers` says whether the agent answers pings at a time, in milliseconds.
    fn silent_at(answers: impl Fn(u64) -> bool, busy: std::ops::Range<u64>) -> Option<u64> {
        let start = Instant::now();
        let mut pulse = Pulse::new(&ControlConfig::default(), start);
        for ms in 0..19_000 {
            if busy.contains(&ms) {
                continue;
            }
            let now = start + Duration::from_millis(ms);
            if pulse.is_silent(now) {
                return Some(ms);
            }
            if pulse.question(now) == Some(Question::Ping) && answers(ms) {
                pulse.heard(now);
            }
        }
        None
    }

    #[test]
    fn an_agent_that_dies_is_given_up_within_the_time_that_was_set() {
        let config = ControlConfig::default();
        let set = config.silence_max.as_millis() as u64;
        assert_eq!(silent_at(|_| true, 0..0), None);
        assert_eq!(silent_at(|ms| ms < 5000, 0..0), Some(4000 + set));
    }

    #[test]
    fn a_session_that_was_busy_itself_asks_before_it_gives_an_agent_up() {
        assert_eq!(silent_at(|_| true, 3001..9000), None);
        assert_eq!(silent_at(|ms| ms < 4000, 3001..9000), Some(9000 + 1500));
    }

    #[test]
    fn pings_alone_do_not_answer_a_heartbeat() {
        let start = Instant::now();
        let mut pulse = Pulse::new(&ControlConfig::default(), start);
        let mut asked = None;
        loop {
            let now = pulse.next_at();
            if pulse.is_silent(now) {
                assert_eq!(now.duration_since(start).as_secs(), 23);
                break;
            }
            if pulse.question(now) == Some(Question::Heartbeat) {
                asked = Some(now.duration_since(start).as_secs());
            }
            pulse.heard(now);
        }
        assert_eq!(asked, Some(20));
    }

    #[test]
    fn a_link_that_talks_is_pinged_less_and_one_that_falls_silent_is_given_up_in_time() {
        let (start, config) = (Instant::now(), ControlConfig::default());
        let mut pulse = Pulse::new(&config, start);
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut pings = Vec::new();
        for ms in (500..=9500).step_by(500) {
            assert!(!pulse.is_silent(at(ms)));
            pings.extend(pulse.question(at(ms)).map(|question| (ms, question)));
            pulse.heard(at(ms));
        }
        assert_eq!(pings, [(4000, Question::Ping), (8000, Question::Ping)]);
        assert_eq!(pulse.question(pulse.next_at()), Some(Question::Ping));
        let set = config.silence_max.as_millis() as u64;
        assert_eq!([9499, 9500].map(|ms| pulse.is_silent(at(ms + set))), [false, true]);
    }
}
