//! The agent protocol (ACS and TCS): messages and framing for both ends
