//! Any text as a frame of TCS: telemetry with its headers, and the answers to it.

use acs::tcs::{SignedFrame, TelemetryAnswer, TelemetryMessage, encode_body};
use acs::{Message, decode, encode};

/// Whether it is a known message.
pub fn check(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    check_telemetry(text) || check_answer(text)
}

fn check_telemetry(text: &str) -> bool {
    let Ok(frame) = SignedFrame::split(text) else { return false };
    let _ = frame.header("authorization");
    // Written out, a header has a space more, and there is a limit for all of them.
    if text.len() < 4096 {
        assert_eq!(SignedFrame::split(&frame.to_text()).expect("its own text"), frame);
    }
    let Ok(message) = frame.message() else { return false };
    let again = decode::<TelemetryMessage>(&encode_body(&message)).expect("its own text");
    assert_eq!(again.kind(), message.kind());
    !matches!(message, TelemetryMessage::Unknown { .. })
}

fn check_answer(text: &str) -> bool {
    let Ok(answer) = decode::<TelemetryAnswer>(text) else { return false };
    assert_eq!(decode::<TelemetryAnswer>(&encode(&answer)).expect("its own text"), answer);
    !matches!(answer, TelemetryAnswer::Unknown { .. })
}
