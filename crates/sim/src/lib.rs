//! The simulator: the real store, API, controllers, sessions, agents and cores, over a faked disk, network, clock and
//! host, in one thread, on virtual time, from one seed.
//!
//! What it is not: a test of drivers or of sockets. What is faked behaves as the real thing may behave at its worst: it
//! loses, delays, tears, refuses and dies.
//!
//! Invariants
//! - A seed and the same build give the same run: the trace's hash says so. So nothing here, and nothing of the product
//!   that runs here, asks the machine for time or chance, or lets a thread decide.
//! - After each commit and each change on a host, what must hold is checked (docs/invariants.md). Once every fault is
//!   healed, everything that is wanted comes about within a bounded time.
//! - Bugs that are planted at the edge are found, and the seeds that find them pass without.
//!
//! Start at [`run`].

mod acknowledged;
mod ask;
mod chaos;
mod check;
mod client;
mod clock;
mod committer;
mod dice;
mod disk;
mod drawing;
mod drivers;
mod expression;
mod faults;
mod knobs;
mod ledger;
mod life;
mod link;
mod liveness;
mod net;
mod node;
mod plane;
mod report;
mod run;
mod site;
mod tally;
mod timeline;
mod trace;
mod upstream;
mod view;
mod witness;
mod world;

pub use faults::{Fault, FaultWeights};
pub use knobs::{CallWeights, Knobs, Plant, Size};
pub use report::Layout;
pub use run::{Failure, Outcome, run};
pub use timeline::Sample;
