//! Reading: the events of any number of streams, merged in order, forwards or backwards, block by block.

use crate::block::Event;
use crate::stream::{self, Block, Stream};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// The place of an event in the order of INV-LOGS-2: timestamp, stream, number in its stream.
pub(crate) type Position = (i64, u64, u64);

/// Which end of the range comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

/// Segments that a scan keeps open.
const FILES_MAX: usize = 16;

/// Events in order. It reads a block when the block's first event could be the next one, so memory holds only the
/// blocks that overlap in time.
pub(crate) struct Scan {
    direction: Direction,
    range: Range<Position>,
    /// Not yet read; the next one is the last.
    blocks: Vec<(Arc<Stream>, Block)>,
    heap: BinaryHeap<Next>,
    files: HashMap<(u64, u32), File>,
}

struct Next {
    direction: Direction,
    position: Position,
    event: Event,
}

impl Scan {
    pub(crate) fn new(streams: &[Arc<Stream>], range: Range<Position>, direction: Direction) -> Self {
        let blocks_of = |stream: &Arc<Stream>| {
            let stream = stream.clone();
            stream.blocks(range.start.0, range.end.0).into_iter().map(move |block| (stream.clone(), block))
        };
        let mut blocks: Vec<_> = streams.iter().flat_map(blocks_of).collect();
        match direction {
            Direction::Forward => blocks.sort_by_key(|(_, block)| std::cmp::Reverse(block.min)),
            Direction::Backward => blocks.sort_by_key(|(_, block)| block.max),
        }
        Self { direction, range, blocks, heap: BinaryHeap::new(), files: HashMap::new() }
    }

    /// The next event with its place.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Position, Event)>> {
        while self.next_block_may_come_first() {
            let Some((stream, block)) = self.blocks.pop() else { break };
            self.read(&stream, &block)?;
        }
        Ok(self.heap.pop().map(|next| (next.position, next.event)))
    }

    fn next_block_may_come_first(&self) -> bool {
        match (self.blocks.last(), self.heap.peek()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some((_, block)), Some(next)) => match self.direction {
                Direction::Forward => block.min <= next.event.timestamp,
                Direction::Backward => block.max >= next.event.timestamp,
            },
        }
    }

    fn read(&mut self, stream: &Stream, block: &Block) -> io::Result<()> {
        let key = (stream.id, block.segment);
        if !self.files.contains_key(&key) {
            if self.files.len() >= FILES_MAX {
                self.files.clear();
            }
            let file = match stream.segment(block.segment) {
                // Expired while this scan was under way.
                Err(e) if e.kind() == io::ErrorKind::NotFound && !stream.has(block.segment) => return Ok(()),
                file => file?,
            };
            self.files.insert(key, file);
        }
        for event in stream::read(&self.files[&key], block)? {
            let position = (event.timestamp, stream.id, event.seq);
            if self.range.contains(&position) {
                self.heap.push(Next { direction: self.direction, position, event });
            }
        }
        Ok(())
    }
}

impl Ord for Next {
    /// The greatest is the one that comes next.
    fn cmp(&self, other: &Self) -> Ordering {
        match self.direction {
            Direction::Forward => other.position.cmp(&self.position),
            Direction::Backward => self.position.cmp(&other.position),
        }
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next {
    fn eq(&self, other: &Self) -> bool {
        self.position == other.position
    }
}

impl Eq for Next {}
