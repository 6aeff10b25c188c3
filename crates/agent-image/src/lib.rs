//! Container images on a host: pulled from registries or loaded from archives, verified, unpacked for overlayfs.
//!
//! What it is not: a registry, a builder, or anything that runs or mounts. It hands out directories
//! ([`agent_driver::Image::layers`]); the runtime stacks them.
//!
//! Invariants:
//! - Nothing unverified is visible. Manifests, configurations and what registries send match the digests that name
//!   them, and an unpacked layer matches its `diff_id`; only then it is published, by one rename.
//! - `kill -9` at any moment leaves the store usable: what was being made sits in a temporary area that the next start
//!   sweeps.
//! - Several processes may have a store open at once. The collector never takes what another one is about to use.
//! - No input can write outside of its layer, nor use memory or disk beyond [`Limits`].
//!
//! Compressed layers are not kept: an image costs its unpacked size only.
//!
//! Start at [`ImageStore`]; `pull.rs` is the way of an image from its name to its directories.

mod builtin;
mod collect;
mod decompress;
mod digest;
mod disk;
mod error;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
mod flight;
mod layer;
mod load;
mod manifest;
mod pull;
mod reference;
mod refs;
mod registry;
mod store;
mod tarball;
mod unpack;

pub use builtin::{HELLO, HELLO_PROGRAM};
pub use collect::{ImageSummary, Removed};
pub use error::{LoadError, RemoveError, StoreError};
pub use load::{LoadProgress, LoadedImage};
pub use registry::Credentials;
pub use store::{ImageStore, Options};
pub use unpack::Limits;
