//! Blocks: the events of one PutLogEvents, framed so that a torn or damaged one is noticed.
//!
//! ```text
//! frame  = length of body: u32 · crc32 of body: u32 · body
//! body   = least timestamp: i64 · greatest: i64 · ingested at: i64 · number of the first event: u64
//!          · events: u32 · length of events before packing: u32 · packing: u8 (0 none, 1 zstd) · events
//! event  = timestamp: i64 · length: u32 · message in UTF-8
//! ```
//! All little-endian.

/// What a segment starts with; the last byte is the version of the format.
pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b"WHARFLG\x01";
const FRAME_BYTES: usize = 8;
const HEADER_BYTES: usize = 41;
/// Where the greatest timestamp in a frame ends.
pub(crate) const MAX_END: usize = FRAME_BYTES + 16;
const EVENT_BYTES: usize = 12;
/// The most that a block's events take before packing: a batch's limit with room for our own framing of each event.
const RAW_BYTES_MAX: usize = 2 << 20;
/// Below this, packing gains nothing.
const PACK_BYTES_MIN: usize = 512;

/// One event. `seq` counts the events of a stream in the order of ingestion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) timestamp: i64,
    pub(crate) seq: u64,
    pub(crate) ingested_at: i64,
    pub(crate) message: String,
}

/// What a block says of its events, and how long its frame is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) ingested_at: i64,
    pub(crate) first_seq: u64,
    pub(crate) events: u32,
    pub(crate) frame_bytes: u32,
}

/// Why bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// They end before the frame does.
    #[error("the block is cut off")]
    CutOff,
    /// The checksum or a length is wrong.
    #[error("the block is damaged")]
    Damaged,
}

/// Frames the events of one batch, which is not empty and within the limits of PutLogEvents.
pub(crate) fn encode(events: &[(i64, String)], first_seq: u64, ingested_at: i64) -> Vec<u8> {
    let mut raw = Vec::with_capacity(events.iter().map(|(_, m)| m.len() + EVENT_BYTES).sum());
    for (timestamp, message) in events {
        raw.extend(timestamp.to_le_bytes());
        raw.extend((message.len() as u32).to_le_bytes());
        raw.extend(message.as_bytes());
    }
    let packed = (raw.len() >= PACK_BYTES_MIN).then(|| zstd::bulk::compress(&raw, 1).ok()).flatten();
    let packed = packed.filter(|packed| packed.len() < raw.len());
    let payload = packed.as_ref().unwrap_or(&raw);
    let times = events.iter().map(|(timestamp, _)| *timestamp);
    let mut frame = vec![0; FRAME_BYTES];
    frame.extend(times.clone().min().unwrap_or(0).to_le_bytes());
    frame.extend(times.max().unwrap_or(0).to_le_bytes());
    frame.extend(ingested_at.to_le_bytes());
    frame.extend(first_seq.to_le_bytes());
    frame.extend((events.len() as u32).to_le_bytes());
    frame.extend((raw.len() as u32).to_le_bytes());
    frame.push(packed.is_some().into());
    frame.extend(payload);
    let body_bytes = (frame.len() - FRAME_BYTES) as u32;
    let checksum = crc32fast::hash(&frame[FRAME_BYTES..]);
    frame[..4].copy_from_slice(&body_bytes.to_le_bytes());
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// The greatest timestamp of the frame that starts like this, unchecked.
pub(crate) fn max_hint(start: &[u8; MAX_END]) -> i64 {
    let mut fields = Fields(&start[FRAME_BYTES + 8..]);
    fields.i64().unwrap_or(i64::MAX)
}

/// Checks the block that `bytes` start with.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, Damage> {
    let body = body(bytes)?;
    let mut fields = Fields(body);
    let header = Header {
        min: fields.i64()?,
        max: fields.i64()?,
        ingested_at: fields.i64()?,
        first_seq: fields.i64()? as u64,
        events: fields.u32()?,
        frame_bytes: (FRAME_BYTES + body.len()) as u32,
    };
    Ok(header)
}

/// Checks and reads the block that `bytes` start with.
pub(crate) fn events(bytes: &[u8]) -> Result<Vec<Event>, Damage> {
    let header = header(bytes)?;
    let mut tail = Fields(&body(bytes)?[HEADER_BYTES - 5..]);
    let raw_bytes = tail.u32()? as usize;
    let [packing, payload @ ..] = tail.0 else { return Err(Damage::Damaged) };
    let unpacked;
    let raw = match packing {
        _ if raw_bytes > RAW_BYTES_MAX => return Err(Damage::Damaged),
        0 => payload,
        1 => {
            unpacked = zstd::bulk::decompress(payload, raw_bytes).map_err(|_| Damage::Damaged)?;
            &unpacked
        }
        _ => return Err(Damage::Damaged),
    };
    if raw.len() != raw_bytes || raw_bytes < EVENT_BYTES * header.events as usize {
        return Err(Damage::Damaged);
    }
    let mut fields = Fields(raw);
    let event = |n| {
        let timestamp = fields.i64()?;
        let len = fields.u32()? as usize;
        let message = fields.take(len)?.to_vec();
        let message = String::from_utf8(message).map_err(|_| Damage::Damaged)?;
        let seq = header.first_seq.wrapping_add(n);
        Ok(Event { timestamp, seq, ingested_at: header.ingested_at, message })
    };
    (0..u64::from(header.events)).map(event).collect()
}

/// The body of the frame that `bytes` start with, when its checksum is right.
fn body(bytes: &[u8]) -> Result<&[u8], Damage> {
    let mut fields = Fields(bytes);
    let (len, checksum) = (fields.u32()? as usize, fields.u32()?);
    if !(HEADER_BYTES..=HEADER_BYTES + RAW_BYTES_MAX).contains(&len) {
        return Err(Damage::Damaged);
    }
    let body = fields.take(len)?;
    if crc32fast::hash(body) == checksum { Ok(body) } else { Err(Damage::Damaged) }
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Damage::CutOff)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        Ok(*self.take(N)?.first_chunk().expect("`take` gives as much as asked for"))
    }

    fn i64(&mut self) -> Result<i64, Damage> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Damage> {
        Ok(u32::from_le_bytes(self.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch() -> impl Strategy<Value = Vec<(i64, String)>> {
        prop::collection::vec((0..1_000_000i64, ".{1,60}"), 1..40)
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(batch in batch(), seq in 0..1000u64, repeat in 1..30usize) {
            let batch: Vec<_> = batch.into_iter().map(|(at, text)| (at, text.repeat(repeat))).collect();
            let bytes = encode(&batch, seq, 7);
            let header = header(&bytes).expect("whole");
            prop_assert_eq!(header.frame_bytes as usize, bytes.len());
            prop_assert_eq!(Some(header.min), batch.iter().map(|(at, _)| *at).min());
            let read = events(&bytes).expect("whole");
            prop_assert_eq!(read.len(), batch.len());
            for (n, (event, (timestamp, message))) in read.iter().zip(&batch).enumerate() {
                prop_assert_eq!(event.seq, seq + n as u64);
                prop_assert_eq!((event.timestamp, &event.message), (*timestamp, message));
            }
        }

        #[test]
        fn a_cut_or_changed_block_is_noticed(batch in batch(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
            let whole = encode(&batch, 0, 7);
            let at = at.index(whole.len());
            prop_assert_eq!(header(&whole[..at]), Err(Damage::CutOff));
            let mut changed = whole;
            changed[at] ^= 1 << bit;
            prop_assert!(header(&changed).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_refused_without_harm(
            mut bytes in prop::collection::vec(any::<u8>(), 0..200),
            honest in any::<bool>(),
        ) {
            // Half of the cases get a right length and checksum, so that what is behind them is reached.
            if honest && bytes.len() >= FRAME_BYTES {
                let len = (bytes.len() - FRAME_BYTES) as u32;
                let checksum = crc32fast::hash(&bytes[FRAME_BYTES..]);
                bytes[..4].copy_from_slice(&len.to_le_bytes());
                bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
            }
            let _ = header(&bytes);
            let _ = events(&bytes);
        }
    }
}
