//! The STS API: who is calling
